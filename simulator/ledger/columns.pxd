from simulator.events.rows cimport Rows

cdef class Ledger:
    cdef readonly int accounts
    cdef readonly int instruments
    cdef readonly int slots
    cdef readonly int wallets
    cdef readonly int assets
    cdef long long[:, ::1] balance
    cdef readonly long long[:, ::1] held
    cdef readonly long long[:, ::1] loan
    cdef readonly long long[:, ::1] interest
    cdef long long[::1] total
    cdef long long[:, ::1] quantity
    cdef long long[:, ::1] cost
    cdef long long[::1] unit
    cdef int[::1] product
    cdef readonly long long entries
    cdef readonly long long postings
    cdef readonly bint broken
    # wallets, and wallets + accounts, that changed since safe bands were looked at
    cdef int[::1] touched
    cdef signed char[::1] was_touched
    cdef int n_touched
    # what a journal is fed with
    cdef public Rows log
    cdef bint logging
    cdef public long long now

    cdef void touch(self, int what) noexcept
    cdef void note(self, int what, int wallet, int asset, long long amount) noexcept
    cdef void owe(self, int what, int lender, int wallet, int asset, long long amount) noexcept
    cpdef void post(self, int wallet, int asset, long long amount) noexcept
    cpdef bint close_entry(self) noexcept
    cpdef void move(self, int source, int target, int asset, long long amount) noexcept
    cpdef void lend(self, int lender, int wallet, int asset, long long amount) noexcept
    cpdef void accrue(self, int lender, int wallet, int asset, long long amount) noexcept
    cpdef void pay_interest(self, int lender, int wallet, int asset, long long amount) noexcept
    cpdef long long owed(self, int wallet, int asset) noexcept
    cpdef long long available(self, int wallet, int asset) noexcept
    cpdef long long value(self, int instrument, long long lots, long long price) noexcept
    cpdef long long fill_position(self, int account, int slot, long long lots, long long price) noexcept
    cpdef long long trade(self, int account, int slot, long long lots, long long paid) noexcept
    cdef long long share(self, long long amount, long long part, long long whole) noexcept
