from simulator.risk.bands_box cimport Box
from simulator.risk.bands_edges cimport Due, Heap
from simulator.risk.pools cimport Pools

cdef class Bands:
    cdef readonly Pools pools
    cdef readonly Box box
    cdef int instruments
    cdef int assets
    # a factor
    cdef list upper
    cdef list lower
    cdef double[::1] value
    cdef double[::1] drift
    cdef int[::1] forwards
    # a pool
    cdef int[::1] version
    cdef int[::1] level
    cdef readonly Due due
    # pools by wallet and by account: where each one's begin, and all of them in that order
    cdef int[::1] wallet_first
    cdef int[::1] wallet_pools
    cdef int[::1] account_first
    cdef int[::1] account_pools
    # changes of level
    cdef long long[:, ::1] changes
    cdef readonly long long n_changes
    cdef long long at
    cdef readonly long long recomputed
    cdef int rules_changed
    cdef int partitioned

    cpdef int mark(self, int factor, double value) except? -1
    cpdef long long marks(self, int[::1] factor, double[::1] value, int[::1] same) except? -1
    cpdef long long marks_all(self, int[::1] factor, double[::1] value, int[::1] same) except? -1
    cpdef int void_touched(self) except? -1
    cpdef int refresh(self) except? -1
    cdef void _write(self, int factor, double value) noexcept
    cdef int _found(self, int factor) except? -1
    cdef int _option_moved(self, int i) except? -1
    cdef int _time_moved(self) except? -1
    cdef int _mark_moved(self, int i) except? -1
    cdef int _index_moved(self, int asset) except? -1
    cdef double _basis(self, int i) noexcept
    cdef double _volatility(self, int i) noexcept
    cdef double _forward(self, int i) noexcept
    cdef int _moved(self, int f, double value) except? -1
    cdef int _changed(self, int pool, int level) except? -1
    cpdef void void_account(self, int account) noexcept
    cpdef void void_wallet(self, int wallet) noexcept
    cpdef int take(self) except? -2
    cpdef int settle(self) except? -1
    cpdef int recompute(self, int pool) except? -1
