from simulator.exchange.venue cimport Venue
from simulator.ledger.columns cimport Ledger
from simulator.risk.pools cimport Pools

cdef class Waterfall:
    cdef readonly Venue venue
    cdef readonly Ledger ledger
    cdef readonly Pools pools
    cdef object cold
    # rules
    cdef long long fee_e8
    cdef double bound
    cdef bint pro_rata
    cdef double capacity
    cdef double unwind_share
    cdef double unwind_reach
    cdef int[::1] limited
    cdef int fund
    cdef int instruments
    # an account, USD
    cdef double[::1] fee_paid
    cdef double[::1] shortfall_of
    # logs
    cdef long long[:, ::1] closing_whole
    cdef double[:, ::1] closing_real
    cdef readonly long long n_closings
    cdef long long[:, ::1] call_whole
    cdef double[:, ::1] call_real
    cdef readonly long long n_calls
    cdef long long[:, ::1] history_whole
    cdef double[::1] history_real
    cdef readonly long long n_history
    cdef long long[::1] known_balance
    cdef double[::1] known_inventory
    # whether the fund may hold positions
    cdef bint holds
    cdef dict ranks
    cdef int scanned

    cdef double worth_of(self, int pool) noexcept
    cdef double wallet_worth(self, int wallet) noexcept
    cdef int instrument_of(self, int slot) noexcept
    cdef double tick_of(self, int instrument) noexcept
    cdef double size_at_mark(self, int instrument, double lots) noexcept
    cdef long long signed_units(self, int instrument, long long lots) noexcept
    cdef int hand_over(self, int pool) except? -1
    cdef double _notional(self, int i, long long lots) noexcept
    cdef double _unit_worth(self, int i) noexcept
    cdef long long _whole(self, double units) noexcept
    cdef int _only_asset(self, int pool) noexcept
    cdef int _hand_position(self, int pool, int slot, long long lots, long long units, long long share) except? -1
    cdef long long _room(self, int i, int slot, long long lots) noexcept
    cdef double held_in(self, int asset) noexcept
    cdef long long part(self, long long amount, long long first, long long end, long long whole) noexcept
    cdef int _to_fund(self, int pool, int slot, long long lots, long long first, long long end, long long units, long long share, bint uncovered) except? -1
    cdef int _leave(self, int pool, int slot, long long lots, long long amount) except? -1
    cdef long long _by_rank(self, int pool, int slot, long long lots, long long done, long long units) except? -1
    cdef long long _by_share(self, int pool, int slot, long long lots, long long done, long long units) except? -1
    cdef long long _can_give(self, int other, int theirs, int i, long long lots, long long units, int pool) noexcept
    cdef bint _in_profit(self, int account, int slot, int i) noexcept
    cdef int _against(self, int pool, int slot, long long lots, long long first, long long end, long long units, int other, int theirs) except? -1
    cdef long long _collect(self, int i, int side, int account, long long[:, ::1] whole, double[::1] real, long long n) noexcept
    cpdef double score(self, int account, int slot) noexcept
    cpdef bint step(self) except? -1
    cdef int _unwind(self, int slot, int i, long long lots) except? -1
    cdef long long ticks(self, int side, double price) noexcept
    cdef void _keep_history(self) noexcept
    cdef void log(self, int stage, int account, int pool, int slot, int side, long long lots, long long amount, long long fee, int against) noexcept
