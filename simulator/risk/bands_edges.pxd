cdef class Heap:
    cdef readonly int size
    cdef readonly double top
    cdef readonly int popped
    cdef double[::1] key
    cdef int[::1] pool
    cdef int[::1] version

    cpdef int push(self, double key, int pool, int version, int[::1] versions) except? -1
    cpdef int pop(self) noexcept
    cdef void _down(self, int at, double key, int pool, int version) noexcept
    cpdef void sweep(self, int[::1] versions) noexcept

cdef class Due:
    cdef signed char[::1] waits
    cdef int[::1] heap
    cdef int[::1] later
    cdef readonly int size
    cdef int n_later
    cdef int current

    cpdef void add(self, int pool) noexcept
    cdef void _push(self, int pool) noexcept
    cpdef int take(self) noexcept
