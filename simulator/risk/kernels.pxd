cpdef double net_delta_value(double derivative_value, double spot_value) noexcept

cpdef double scenario_initial_margin(
    double[::1] derivative_value,
    double[::1] spot_value,
    double[::1] price_range,
    double[:, ::1] credit,
    double[::1] scan,
    Py_ssize_t n,
) noexcept

cpdef double matched_credit(
    double[::1] scan,
    double[::1] side,
    double[:, ::1] credit,
    Py_ssize_t n,
) noexcept

cpdef double bracket_maintenance_margin(
    double notional,
    double[::1] cap,
    double[::1] rate,
    double[::1] cum,
    Py_ssize_t first,
    Py_ssize_t end,
) noexcept

cpdef double bracket_initial_margin(double notional, double leverage) noexcept

cpdef int level_at(
    double equity, double maintenance, double margin_call, double reduce_only, double liquidation
) noexcept

cpdef int risk_level(double equity, double maintenance, double[::1] ladder) noexcept

cpdef double collateral_value(double amount, double index, double ratio) noexcept

cdef double _EPSILON
cdef double _UNREACHED

cdef double _largest_credit(
    double[:, ::1] credit,
    Py_ssize_t* long_of,
    Py_ssize_t* short_of,
    double* supply,
    double* demand,
    Py_ssize_t longs,
    Py_ssize_t shorts,
) noexcept

cdef Py_ssize_t _best_path(
    double[:, ::1] credit,
    Py_ssize_t* long_of,
    Py_ssize_t* short_of,
    double* supply,
    double* demand,
    Py_ssize_t longs,
    Py_ssize_t shorts,
    double* flow,
    Py_ssize_t* from_long,
    Py_ssize_t* from_short,
) noexcept

cdef bint _send(
    double* supply,
    double* demand,
    Py_ssize_t longs,
    Py_ssize_t shorts,
    double* flow,
    Py_ssize_t* from_long,
    Py_ssize_t* from_short,
    Py_ssize_t last,
) noexcept
