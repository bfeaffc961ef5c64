from simulator.exchange.waterfall cimport Waterfall

cdef class Closing(Waterfall):
    cdef int partial
    cdef bint busy
    # by kind of pool: the ratio above which closing stops
    cdef double[::1] target
    # by pool: whether it is being liquidated, and its row of the calls
    cdef signed char[::1] stuck
    cdef int[::1] call_of
    # by slot, of the pool at hand: what stands in the way
    cdef int[::1] way
    cdef long long chosen_lots
    cdef long long repaid
    cdef double returned

    cpdef void recovered(self, int pool) noexcept
    cpdef int liquidate(self, int pool) except? -1
    cdef int _liquidate(self, int pool, int account, int wallet, double equity, double maintenance) except? -1
    cdef void _keep_call(self, int pool, int account, bint bankrupt, double equity, double maintenance, double after) noexcept
    cdef bint holding(self, int pool) noexcept
    cdef bint _has_more(self, int pool, int wallet, double equity) noexcept
    cdef bint owes(self, int wallet) noexcept
    cdef bint safe(self, int pool, double equity, double maintenance) noexcept
    cdef int close_positions(self, int pool) except? -1
    cdef int choose(self, int pool) except? -1
    cdef bint _short_option(self, int account, int slot) noexcept
    cdef double needed(self, int pool, int account, int slot, long long lots) noexcept
    cdef long long most_useful(self, int pool, int account, int slot, double equity) noexcept
    cdef double cost(self, int slot, long long held, long long lots) noexcept
    cdef double _against_mark(self, int i, int side, long long lots, long long price) noexcept
    cdef long long how_far(self, int pool, int account, int slot, long long useful, double equity) noexcept
    cdef double _fee_of(self, int slot, long long lots) noexcept
    cdef bint _enough_closed(self, int pool, int account, int slot, long long lots, double equity) noexcept
    cdef long long _best_closed(self, int pool, int account, int slot, long long useful) noexcept
    cdef long long to_lower_bracket(self, int i, long long size) noexcept
    cdef double bankruptcy_price(self, int i, long long held, double worth) noexcept
    cdef int _order(self, int pool, int account, int slot, long long lots) except? -1
    cdef int _why(self, int i, int side, bint bounded) noexcept
    cdef int _charge(self, int pool, int account, int slot, int side, long long lots, long long closed, long long cash_before) except? -1
    cdef int settle_debts(self, int pool, int wallet) except? -1
    cdef long long _debt(self, int wallet, int asset, bint loans) noexcept
    cdef void _repay(self, int pool, int wallet) noexcept
    cdef int _flags(self, int account, int instrument, int wallet) noexcept
    cdef long long _enough(self, int pool, int i, int side, long long lots, long long price) noexcept
    cdef bint _safe_after(self, int pool, int i, int side, long long lots, long long price) noexcept
    cdef bint _sell_for_debt(self, int pool, int i, int wallet, bint loans) except? -1
    cdef long long _lots_worth(self, long long debt, long long one) noexcept
    cdef bint _buy_for_debt(self, int pool, int i, int wallet, bint loans) except? -1
    cdef bint _reached(self, int pool, bint loans) noexcept
    cdef bint _trade_spot(self, int pool, int i, int wallet, int side, long long lots) except? -1
