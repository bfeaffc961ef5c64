from simulator.risk.pools cimport Pools

cpdef bint is_plain(Pools pools) noexcept

cpdef void as_rows(Pools pools, double[:, ::1] scratch) noexcept
