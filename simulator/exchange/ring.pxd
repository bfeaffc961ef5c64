cdef class Ring:
    cdef long long[:, ::1] row
    cdef long long mask
    cdef readonly long long first
    cdef readonly long long after
    cdef readonly long long next_time

    cdef void push(self, long long time, long long code, long long slot, long long seq, long long price, long long lots, long long extra) noexcept
    cdef long long pop(self) noexcept
