from simulator.ledger.columns cimport Ledger
from simulator.risk.scan cimport Scan

cdef class Requirement:
    cdef readonly Ledger ledger
    cdef readonly object columns
    cdef readonly Scan scan
    cdef readonly int count
    # pools that exist now, ascending
    cdef readonly int n_live
    cdef int[::1] live
    cdef readonly int instruments
    cdef readonly int assets
    cdef readonly int underlyings
    cdef readonly tuple names
    # how often rules changed, and pools; safe bands follow
    cdef readonly int rules_changed
    cdef readonly int partitioned
    # a pool
    cdef int[::1] account
    cdef int[::1] wallet
    cdef int[::1] isolated
    cdef int[::1] kind
    cdef int[::1] currency
    cdef int[::1] loan_tier
    cdef int[::1] level
    cdef int[::1] checked
    cdef double[::1] equity
    cdef double[::1] initial
    cdef double[::1] maintenance
    cdef int[:, ::1] pool_of
    cdef Py_ssize_t[::1] slot_first
    cdef int[::1] pool_slots
    # a kind of pool
    cdef int kinds
    cdef double[::1] ladder
    cdef int[::1] by_brackets
    cdef int[::1] haircut
    cdef double[:, ::1] ratio
    cdef Py_ssize_t[::1] ratio_first
    cdef double[::1] ratio_floor
    cdef double[::1] ratio_factor
    # an instrument
    cdef int[::1] product
    cdef int[::1] underlying
    cdef int[::1] settle
    cdef int[::1] call
    cdef int[::1] bucket
    cdef int[::1] group
    cdef int[::1] forward_from
    cdef int[::1] kind_of
    cdef double[::1] lot
    cdef double[::1] leverage
    cdef double[::1] strike
    cdef long long[::1] expiry_ns
    cdef double[::1] mark
    cdef double[::1] volatility
    cdef double[::1] forward
    cdef int[::1] instrument_of
    # an asset
    cdef double[::1] unit
    cdef double[::1] index
    cdef int[::1] asset_underlying
    # brackets, options alone, loans
    cdef double[::1] cap
    cdef double[::1] bracket_rate
    cdef double[::1] cum
    cdef double[::1] max_leverage
    cdef Py_ssize_t[::1] bracket_first
    cdef double[::1] option_margin
    cdef bint has_option_margin
    cdef double[::1] loan_initial
    cdef double[::1] loan_maintenance
    # scenarios
    cdef int[::1] asset_of
    cdef double[::1] volatility_of
    cdef double[::1] price_range
    cdef double[:, ::1] credit
    cdef double initial_over_maintenance
    cdef bint total_is_maintenance
    cdef bint moved_index
    cdef bint floor_by_unit
    cdef bint factor_on_worst
    cdef double rate
    cdef readonly long long time_ns
    cdef Py_ssize_t[::1] bucket_first
    cdef long long[::1] bucket_expiry
    # a component
    cdef readonly int components
    cdef int first_worst
    cdef int sizes
    cdef int bases
    cdef int[::1] kind_of_part
    cdef int[::1] role
    cdef int[::1] grid
    cdef int[::1] scope
    cdef int[::1] by_delta
    cdef double[:, ::1] part_rate
    cdef double[:, ::1] part_annual
    cdef double[:, ::1] loan_rate
    cdef Py_ssize_t[::1] tier_first
    cdef double[::1] tier_floor
    cdef double[::1] tier_factor
    cdef double[::1] figure
    # open orders, lots by account and slot
    cdef long long[:, ::1] buying
    cdef long long[:, ::1] selling
    # scratch of one evaluation
    cdef double sum_initial
    cdef double sum_maintenance
    cdef double positions_part
    cdef double loans_part
    cdef double loans_initial
    cdef double options_part
    cdef double[::1] pnl
    cdef double[::1] linear
    cdef double[::1] coin
    cdef double[::1] spot
    cdef int[::1] has_options
    cdef int[::1] active
    cdef double[::1] bucket_delta
    cdef double[::1] group_size
    cdef double[::1] group_delta
    cdef double[:, ::1] size_sum
    cdef double[:, ::1] basis_gain
    cdef double[::1] unit_worst
    cdef double[::1] unit_sum
    cdef double[::1] unit_scan
    cdef double[::1] unit_side
    cdef double[::1] unit_floor
    cdef double[::1] unit_add
    cdef double[:, ::1] part

    cpdef void advance(self, long long time_ns) noexcept
    cdef double years_to(self, long long expiry_ns) noexcept
    cpdef void value_option(self, int i) noexcept
    cdef double index_of(self, int u) noexcept
    cdef double owned(self, int wallet, int asset) noexcept
    cdef double scenario_total(self, int pool, bint with_orders) noexcept
    cdef void collect(self, int pool, int orders) noexcept
    cdef void expose(self, int i, double lots, int currency) noexcept
    cdef bint in_scope(self, int scope, int i) noexcept
    cdef void add_sizes(self, int pool) noexcept
    cdef void units(self, int case) noexcept
    cdef void one_unit(self, int at, int u, int row) noexcept
    cdef double expiry_charge(self, int c, int u) noexcept
    cdef void add_basis(self, int i, double straight, double bent, double units) noexcept
    cdef double basis_charge(self, int c, int u) noexcept
    cdef double by_tiers(self, int c, double amount) noexcept
    cdef double loan_charge(self, int wallet, int c) noexcept
    cdef double add_up(self, int pool, double factor) noexcept
    cdef double other_margin(self, int pool, double total) noexcept

cpdef double tiered(
    double amount, double[::1] floor, double[::1] factor, Py_ssize_t first, Py_ssize_t end
) noexcept
