cimport cython
from simulator.book.levels cimport Levels

@cython.final
cdef class Book(Levels):
    cdef readonly long long order_bid
    cdef readonly long long order_ask
    cdef long long lowest_order_bid
    cdef long long highest_order_ask
    cdef readonly int bids_resting
    cdef readonly int asks_resting
    cdef readonly int queue_model
    cdef readonly double power
    cdef int slots
    cdef long long[:, ::1] order
    cdef int[:, ::1] place_of
    cdef double[:, ::1] queue
    cdef long long clock
    cdef long long limit
    cdef dict displayed
    cdef long long[::1] rows
    cdef int n_rows
    cdef int row_capacity

    cdef void row(self, long long code, long long order, long long other, long long price, long long quantity) noexcept
    cdef void unlink(self, int slot) noexcept
    cdef void meet_orders(self, int side, long long price, long long index) noexcept
    cdef void requeue(self, long long index, long long previous, long long quantity) noexcept
    cdef long long fill_through(self, int side, long long price, long long left, bint touching) noexcept
    cdef long long fillable(self, int account, int side, long long price, long long quantity, int stp) noexcept
    cdef bint marketable(self, int side, long long price) noexcept
    cdef long long match(self, int slot, int account, int side, long long price, long long quantity, int stp) noexcept
    cdef void rest(self, int slot, int account, int side, long long price, long long quantity) noexcept
    cdef long long prevent(self, int slot, int maker, long long price, long long left, int stp) noexcept
    cdef long long take_price(self, int slot, int account, int side, long long price, long long left, int stp) noexcept

    cpdef void set_level(self, int side, long long price, long long quantity) noexcept
    cpdef void clear(self, int side) noexcept
    cpdef void trade(self, int side, long long price, long long quantity) noexcept
    cpdef void place(self, int slot, int account, int side, long long price, long long quantity, int time_in_force, int stp) noexcept
    cpdef long long cancel(self, int slot) noexcept
    cpdef long long reduce(self, int slot, long long quantity) noexcept
    cpdef long long best_order(self, int side) noexcept
    cpdef long long remaining(self, int slot) noexcept
    cpdef double ahead(self, int slot) noexcept
    cpdef void drop_rows(self) noexcept
    cpdef void run(self, long long[:, ::1] commands) noexcept
