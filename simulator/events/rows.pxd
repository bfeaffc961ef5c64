cdef class Rows:
    cdef readonly int width
    cdef readonly long long count
    cdef int used
    cdef long long[:, ::1] row

    cdef int next(self) except? -1
