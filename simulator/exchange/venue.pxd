from simulator.exchange.settlement cimport Settlement

cdef class Venue(Settlement):
    # what the tape feeds: the books themselves, shadow books in a run with impact
    cdef readonly list tape_books
    # in a run with impact: its books, price over the tape's price, the tape's last print
    cdef readonly object liquidities
    cdef bint moved
    cdef double[::1] move
    cdef long long[::1] tape_last

    cdef long long shifted(self, int instrument, long long price) noexcept
    cdef int arrive(self, int slot) except? -1
    cdef int admit(self, int slot) noexcept
    cdef int admit_with_loan(self, int slot) except? -1
    cdef int lend_for_order(self, int wallet, int asset, long long amount) except? -1
    cdef int confirm_loan(self, int asset, long long amount, bint admitted) except? -1
    cdef int admit_spot(self, int slot) noexcept
    cdef int address(self, int slot) noexcept
    cdef int filtered(self, int slot) noexcept
    cdef int pool_paying(self, int slot) noexcept
    cdef double worth(self, int instrument, long long lots, long long price) noexcept
    cdef double coins(self, int instrument, long long lots) noexcept
    cdef double notional_at_mark(self, int instrument, long long lots) noexcept
    cdef double loss_at_once(self, int instrument, long long side, long long lots, long long price) noexcept
    cdef int admit_premium(self, int slot) noexcept
    cdef long long resting_buys(self, int slot) noexcept
    cdef double free_margin(self, int account, int pool) noexcept
    cdef double margin_needed(self, int account, int pool) noexcept
    cdef int admit_margin(self, int slot) noexcept
    cdef long long cost_of_market(self, int instrument, long long lots) noexcept
    cdef int start(self, int slot) except? -1
    cdef int withdraw(self, int slot) except? -1
    cdef int print_trade(self, int instrument, int side, long long price, long long lots) except? -1
    cdef int bar_price(self, int instrument, long long price) except? -1
    cdef long long forced(self, int account, int position, int side, long long lots, int flags, long long price) except? -1
    cdef int price_seen(self, int instrument, int source, long long price_e8) except? -1
