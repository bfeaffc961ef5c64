from simulator.exchange.liquidity cimport Liquidities
from simulator.exchange.venue cimport Venue

cdef class Marks:
    cdef readonly Venue venue
    # in a run with impact: composed books, what the tape tells of an asset's index, their weights
    cdef readonly Liquidities liquidities
    cdef double[::1] told
    cdef double[::1] own_weight
    cdef int instruments
    cdef int points
    cdef double basis_hours
    # an instrument
    cdef readonly int[::1] mark_on_tape
    cdef readonly double[::1] funding_rate
    cdef readonly double[::1] volatility
    cdef long long[::1] next_funding
    cdef double[:, ::1] basis
    cdef int[::1] basis_count
    cdef int[::1] basis_run
    cdef long long[::1] mark_time
    cdef long long[::1] expiry
    cdef double[::1] strike
    cdef int[::1] call
    cdef int[::1] forward_from
    # whether the next ticks find the same prices unless something happens, and up to when
    cdef bint steady
    cdef long long steady_until
    # an asset: instrument whose mid is its index, -1 = from the tape
    cdef int[::1] index_from
    cdef int[::1] index_otherwise
    cdef long long[::1] index_time
    # the premium index, by instrument
    cdef double[::1] impact
    cdef long long premium_step
    cdef long long[::1] premium_start
    cdef long long[::1] premium_point
    cdef double[::1] premium_last
    cdef double[::1] premium_sum
    cdef double[::1] premium_weight

    cdef double mid(self, int instrument) noexcept
    cdef void index_by_mids(self) noexcept
    cdef void index_by_weights(self) noexcept
    cdef double computed_mark(self, int instrument) noexcept
    cdef double with_funding(self, int instrument, double index, long long at) noexcept
    cdef void hold_until(self, int instrument, double index, double funding, double one, double other) noexcept
    cdef double option_mark(self, int instrument) noexcept
    cdef int refresh(self) except? -1
    cdef int set_mark(self, int instrument, double price) except? -1
    cdef bint price_row(self, int instrument, int kind, long long price, long long quantity) except? -1
    cdef double impact_price(self, int instrument, int side) noexcept
    cdef double premium(self, int instrument) noexcept
    cdef void take_premium(self, int instrument) noexcept
