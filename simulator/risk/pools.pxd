from simulator.ledger.columns cimport Ledger

cdef class Pools:
    cdef readonly Ledger ledger
    cdef readonly int count
    cdef int instruments
    cdef int slots
    cdef int assets
    cdef int underlyings
    # a pool
    cdef int[::1] account
    cdef int[::1] wallet
    cdef int[::1] isolated
    cdef int[::1] level
    cdef int[::1] checked
    cdef double[::1] equity
    cdef double[::1] initial
    cdef double[::1] maintenance
    cdef int[:, ::1] pool_of
    # rules
    cdef bint brackets
    cdef bint haircut
    cdef double[::1] ladder
    cdef double[::1] ratio
    cdef double loan_initial
    cdef double loan_maintenance
    cdef double initial_over_maintenance
    cdef double[::1] price_range
    cdef double[:, ::1] credit
    cdef double[::1] cap
    cdef double[::1] rate
    cdef double[::1] cum
    cdef Py_ssize_t[::1] bracket_first
    cdef double[::1] leverage
    # an instrument, an asset
    cdef int[::1] product
    cdef int[::1] underlying
    cdef int[::1] quote
    cdef int[::1] settle
    cdef int[::1] asset_underlying
    cdef double[::1] lot
    cdef double[::1] mark
    cdef double[::1] index
    # open orders, lots by account and instrument
    cdef long long[:, ::1] buying
    cdef long long[:, ::1] selling
    # scratch of one evaluation
    cdef double[::1] derivative_value
    cdef double[::1] spot_value
    cdef double[::1] scan

    cpdef void evaluate(self, int pool) noexcept
    cpdef double equity_of(self, int pool) noexcept
    cpdef double required(self, int pool, bint with_orders) noexcept
    cdef double scenario_required(self, int pool, bint with_orders) noexcept
    cdef double bracket_required(self, int pool, bint with_orders, bint maintenance) noexcept
    cpdef double order_margin(self, int account, int slot) noexcept
    cpdef double position_value(self, int account, int slot) noexcept
    cdef double unit_notional(self, int instrument) noexcept
    cpdef double margin_rate(self, int instrument) noexcept
