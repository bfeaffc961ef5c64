from simulator.risk.pools cimport Pools

cpdef double share_of(double x, double numerator, double denominator) noexcept

cdef class Ewma:
    cdef readonly int count
    cdef double decay
    cdef long long needed
    cdef double step_seconds
    # an underlying: its last price, its return in this step, and whether it has one
    cdef double[::1] last
    cdef double[::1] gain
    cdef int[::1] moved
    # a pair of underlyings
    cdef double[:, ::1] products
    cdef double[:, ::1] weights
    cdef long long[:, ::1] seen
    # whose index prices are taken
    cdef readonly object of
    cdef int[::1] feed
    # what follows, by underlying of the pools' rules, and whether they have it
    cdef int targets
    cdef int[::1] source
    cdef double[::1] base
    cdef double reference
    cdef double widest
    cdef double rate
    cdef double full_from
    cdef double numerator
    cdef double denominator
    cdef double[::1] price_range
    cdef double[:, ::1] credit
    cdef bint given

    cpdef int step(self, Pools pools) except? -1
    cdef void _price(self, int number, double price) noexcept
    cdef void _step(self) noexcept
    cpdef double covariance(self, int one, int other) noexcept
    cpdef double volatility(self, int one) noexcept
    cpdef double correlation(self, int one, int other) noexcept
    cpdef int give(self, Pools pools) except? -1
    cdef bint _ranges(self) noexcept
    cdef bint _credits(self) noexcept
