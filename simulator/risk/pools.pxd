from simulator.risk.requirement cimport Requirement

cdef class Pools(Requirement):
    cdef double settled_value(self, int account, int slot, int i) noexcept
    cpdef double position_value(self, int account, int slot) noexcept
    cpdef double equity_of(self, int pool) noexcept
    cdef double account_equity_of(self, int pool) noexcept
    cdef double collateral(self, int kind, int asset, double value) noexcept
    cpdef void evaluate(self, int pool) noexcept
    cpdef int level_of(self, int pool, double equity, double maintenance) noexcept
    cpdef void evaluate_all(self) noexcept
    cpdef double required(self, int pool, bint with_orders) noexcept
    cdef void bracket_sums(self, int pool, bint with_orders) noexcept
    cdef void add_bracket(self, int i, long long signed_lots) noexcept
    cdef void add_short_option(self, int i, double quantity) noexcept
    cpdef double margin_rate(self, int instrument) noexcept
    cpdef double notional(self, int instrument, double lots) noexcept
    cpdef double order_margin(self, int account, int slot) noexcept
    cpdef double loan_margin(self, int pool) noexcept
