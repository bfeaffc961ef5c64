cdef class Records:
    cdef readonly long long count
    cdef long long[:, ::1] block
    cdef int used
    cdef object hash
    cdef readonly list kept
    cdef public bint keep

    cpdef void add(self, long long time, long long kind, long long account, long long instrument, long long order, long long side, long long price, long long quantity) noexcept
