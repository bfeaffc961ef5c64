from simulator.exchange.settlement cimport Settlement

cdef class Venue(Settlement):
    cdef int arrive(self, int slot) except? -1
    cdef int admit(self, int slot) noexcept
    cdef int admit_spot(self, int slot) noexcept
    cdef int admit_margin(self, int slot) noexcept
    cdef long long cost_of_market(self, int instrument, long long lots) noexcept
    cdef int start(self, int slot) except? -1
    cdef int withdraw(self, int slot) except? -1
    cdef int print_trade(self, int instrument, int side, long long price, long long lots) except? -1
    cdef int bar_price(self, int instrument, long long price) except? -1
    cdef int price_seen(self, int instrument, int source, long long price_e8) except? -1
