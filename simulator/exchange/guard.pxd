from simulator.events.records cimport Records
from simulator.events.rows cimport Rows
from simulator.ledger.columns cimport Ledger

cdef class Guard:
    cdef Ledger ledger
    cdef Records records
    cdef Rows asked
    cdef int[::1] settled_in
    cdef int lender
    cdef int every
    cdef int quiet
    cdef long long outcomes
    cdef long long entries
    cdef long long postings
    cdef long long commands

    cpdef bint after(self) except? -1
    cpdef int hold(self) except? -1
    cdef bint _money(self) noexcept
    cdef bint _contracts(self) noexcept
    cdef bint _sides(self) noexcept
