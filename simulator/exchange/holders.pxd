from simulator.exchange.venue cimport Venue

cdef class Holders:
    cdef Venue venue
    cdef int first_wallet
    cdef int[::1] wallet_account

    cdef int owner(self, int wallet) noexcept
