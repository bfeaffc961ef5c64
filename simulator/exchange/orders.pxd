cdef class Orders:
    cdef long long[:, ::1] row
    cdef int[::1] free
    cdef int n_free
    cdef int size
    cdef int[:, ::1] head
    cdef readonly long long count

    cdef int open(self, int strategy, int instrument) noexcept
    cdef void close(self, int slot) noexcept
    cdef int find(self, long long order) noexcept
