from simulator.risk.pools cimport Pools

cdef class Box:
    cdef readonly Pools pools
    # blocks of factors
    cdef readonly int index_at
    cdef readonly int basis_at
    cdef readonly int volatility_at
    cdef readonly int forward_at
    cdef readonly int time_at
    cdef readonly int factors
    cdef double[::1] value
    cdef double[::1] drift
    # rules: an instrument, an asset, an underlying
    cdef int[::1] smooth
    cdef int[::1] settling
    cdef double[::1] by_asset
    cdef double[::1] most_credit
    cdef double[::1] by_scan
    cdef double[::1] by_worst
    cdef double[::1] by_coin
    cdef double[::1] by_delta
    cdef double[::1] by_size
    cdef double[::1] by_spot
    cdef double[::1] by_time
    cdef bint any_credit
    cdef bint straight
    cdef bint unknown
    cdef double scale
    # the pool at hand
    cdef double[::1] amount
    cdef double[::1] owed
    cdef double[::1] worth
    cdef double[::1] swing
    cdef double[::1] counts_low
    cdef double[::1] counts_high
    cdef double[::1] net
    cdef double[::1] gross_size
    cdef int[::1] uses
    cdef int[::1] bends
    cdef bint several
    cdef double gross
    cdef double concentrated
    cdef double above
    cdef double below
    cdef double[::1] room
    cdef double[::1] total
    # its legs
    cdef readonly int legs
    cdef int[::1] leg
    cdef int[::1] leg_of
    cdef int[::1] bound
    cdef double[::1] lo
    cdef double[::1] hi
    cdef double[::1] share
    cdef double[:, ::1] down
    cdef double[:, ::1] up
    cdef double[::1] equity_low
    cdef double[::1] equity_high
    cdef double[::1] margin_low
    cdef double[::1] margin_high

    cpdef void find(self, int pool) noexcept
    cdef int _leg_at(self, int f, bint bound) noexcept
    cdef void _clear(self) noexcept
    cdef bint _holds(self, int wallet, int asset) noexcept
    cdef bint _rooms(self, int pool) noexcept
    cdef bint _measure(self, int pool) noexcept
    cdef bint _measure_assets(self, int pool) noexcept
    cdef void _legs(self, int pool) noexcept
    cdef void _whatever_it_depends_on(self, int pool) noexcept
    cdef void _slopes(self, int pool) noexcept
    cdef void _equity(self, int k, int asset, double low, double high) noexcept
    cdef void _margin(self, int k, double slope) noexcept
    cdef double _farthest(self, int k) noexcept
    cdef void _shares(self, int pool) noexcept
    cdef void _position(self, int pool, int slot, bint scenarios) noexcept
    cdef void _by_basis(self, int i, double size, bint scenarios) noexcept
    cdef void _inverse(self, int pool, int slot, bint scenarios) noexcept
    cdef int _bracket_at(self, int i, double notional) noexcept
    cdef double _rate_at(self, int i, double notional) noexcept
    cdef void _lone(self, int k, int u, double size) noexcept
    cdef double _concentration(self, double amount) noexcept
    cdef void _proportional(self, int k, int u, double charged) noexcept
    cdef void _exposed(
        self, int u, int k, double moved, double size, double delta, double steepest
    ) noexcept
    cdef void _underlyings(self, int pool) noexcept
    cdef void _against(self, int leg) noexcept
    cdef void _propose(self) noexcept
    cdef void _scale(self) noexcept
    cdef void _limit(self, int leg, double spare, double reach) noexcept
