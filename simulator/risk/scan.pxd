cdef class Scan:
    cdef readonly int grids
    cdef readonly long long valued
    cdef readonly double offset
    cdef Py_ssize_t[:, ::1] bound
    # a scenario row
    cdef double[::1] share
    cdef int[::1] of_range
    cdef int[::1] extended
    cdef double[::1] dampener
    cdef double[::1] weight
    cdef int[::1] direction
    cdef double[::1] shift
    cdef int[::1] own_shift
    cdef double[::1] days
    cdef double[::1] move
    cdef double[::1] coin_move
    cdef double[::1] price_move
    cdef double[::1] counted
    cdef double[::1] relief
    cdef double[::1] value
    cdef double[::1] option_gain
    # an underlying and grid: largest weight x move up and down
    cdef double[:, ::1] rise
    cdef double[:, ::1] fall
    cdef int[:, ::1] relieved
    # the volatility shift
    cdef double up
    cdef double down
    cdef bint relative
    cdef double reference_days
    cdef double short_exponent
    cdef double long_exponent
    cdef double minimum_days
    cdef double floor_up
    # an option
    cdef double[:, ::1] gain
    cdef double[::1] delta
    cdef double[:, ::1] used
    cdef double[:, ::1] implying

    cpdef void set_ranges(self, double[::1] price_range) noexcept
    cpdef void value_option(
        self, int instrument, int u, double forward, double strike, double volatility,
        double years, double rate, bint call,
    ) noexcept
    cpdef double implied(
        self, int instrument, double price, double forward, double strike, double years,
        double rate, bint call,
    ) noexcept
    cpdef void clear_options(self, int u) noexcept
    cpdef void add_option(self, int instrument, int u, double quantity) noexcept
    cpdef double worst(
        self, int u, int g, double linear, double coin, double held, bint options
    ) noexcept
    cdef double offset_loss(
        self, Py_ssize_t first, Py_ssize_t end, Py_ssize_t at, double held
    ) noexcept
    cpdef double forward_of(self, double index, double rate, double years) noexcept
