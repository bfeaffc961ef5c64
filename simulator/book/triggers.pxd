cdef class Triggers:
    cdef readonly int waiting
    cdef readonly int n_fired
    cdef int capacity
    # one entry an order, in order of arrival
    cdef int[::1] slot
    cdef int[::1] side
    cdef int[::1] kind
    cdef int[::1] source
    cdef long long[::1] callback
    cdef long long[::1] extreme
    cdef long long[::1] above
    cdef long long[::1] below
    # by source: the last price, and the nearest prices at which something happens
    cdef long long[::1] last
    cdef long long[::1] edge_above
    cdef long long[::1] edge_below
    cdef int[::1] fired_slots

    cdef void trail(self, int i, long long price) noexcept
    cdef int find(self, int slot) noexcept
    cdef void copy(self, int source, int target) noexcept
    cdef void set_edges(self) noexcept
    cdef int scan(self, int source, long long price) noexcept

    cpdef bint add(
        self,
        int slot,
        int side,
        int kind,
        int source,
        long long trigger,
        long long callback,
        long long activation,
    ) except? -1
    cpdef bint remove(self, int slot) noexcept
    cpdef int on_price(self, int source, long long price) noexcept
    cpdef int fired_slot(self, int i) noexcept
    cpdef long long price(self, int source) noexcept
    cpdef long long trigger_price(self, int slot) noexcept
