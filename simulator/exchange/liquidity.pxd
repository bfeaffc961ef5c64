from simulator.book.columns cimport Book
from simulator.exchange.venue cimport Venue

cdef class Liquidities:
    cdef Venue venue
    cdef int instruments
    cdef readonly bint feedback
    # rules, by instrument
    cdef int[::1] composed
    cdef int[::1] profile
    cdef int[::1] resilience
    cdef int[::1] n_grid
    cdef int[::1] pair
    cdef int[::1] first_knot
    cdef double[::1] depth
    cdef double[::1] half_spread
    cdef double[::1] reach
    cdef double[::1] half_life
    cdef double[::1] recovery
    cdef double[::1] permanent
    cdef double[::1] flight
    cdef double[::1] arbitrage
    cdef double[::1] knot_time
    cdef double[::1] knot_factor
    # outer edge of each interval of the grid, and price over best quote, [instrument, level]
    cdef double[:, ::1] grid
    cdef double[:, ::1] bid_ratio
    cdef double[:, ::1] ask_ratio
    # state, by instrument
    cdef readonly double[::1] transient
    cdef readonly double[::1] lasting
    cdef double[::1] seen_reference
    cdef double[::1] seen_transient
    cdef double[::1] seen_lasting
    cdef double[::1] seen_density
    cdef double[::1] effective
    cdef long long[::1] taken
    cdef int[::1] touched
    cdef int[::1] empty
    # what was composed: [2 * instrument + side, level]; edges are log distances from the quote
    cdef int[::1] n_levels
    cdef long long[:, ::1] price
    cdef long long[:, ::1] lots
    cdef double[:, ::1] edge
    # the levels before, or to be
    cdef long long[::1] new_price
    cdef long long[::1] new_lots
    cdef double[::1] new_edge
    cdef int n_new
    cdef double whole
    cdef long long given
    cdef public long long start
    cdef long long time
    # samples
    cdef long long n_kept
    cdef long long[::1] kept_time
    cdef double[:, ::1] kept_reference
    cdef double[:, ::1] kept_displacement

    cpdef bint step(self) except? -1
    cpdef int after_force(self, int instrument) except? -1
    cdef double reference(self, int instrument) noexcept
    cdef double tape_mid(self, int instrument) noexcept
    cdef void measure(self, int instrument) noexcept
    cdef double walked(self, int instrument, int side, double inner, double outer, double share) noexcept
    cdef void relax(self, double passed) noexcept
    cdef void arbitrate(self, double passed) noexcept
    cdef double depth_now(self, int instrument) noexcept
    cdef double scale(self, int instrument) noexcept
    cdef bint compose(self, int instrument) noexcept
    cdef void make(self, int instrument, int side, double middle, double density) noexcept
    cdef double tape_levels(self, Book book, int instrument, int side, double factor) noexcept
    cdef double notional(self, int instrument, int side, double inner, double outer, double density) noexcept
    cdef bint put(self, Book book, int side, long long price, double lots, double inner, double outer) noexcept
    cdef bint show(self, int instrument, int side) noexcept
    cdef int shift_last(self, int instrument) except? -1
