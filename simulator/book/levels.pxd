cdef class Levels:
    cdef readonly long long base
    cdef readonly long long width
    cdef long long words
    cdef long long[::1] level
    cdef int[::1] head
    cdef int[::1] tail
    cdef unsigned long long[::1] bits
    cdef readonly long long bid
    cdef readonly long long ask
    cdef readonly int bid_levels
    cdef readonly int ask_levels
    cdef readonly long long out_of_range

    cdef bint reach(self, long long price) noexcept
    cdef void set_bit(self, long long section, long long place) noexcept
    cdef void clear_bit(self, long long section, long long place) noexcept
    cdef long long below(self, long long section, long long price) noexcept
    cdef long long above(self, long long section, long long price) noexcept
    cdef void store_level(self, int side, long long price, long long quantity) noexcept

    cpdef long long best(self, int side) noexcept
    cpdef long long shown(self, int side, long long price) noexcept
    cpdef long long next_level(self, int side, long long price) noexcept
