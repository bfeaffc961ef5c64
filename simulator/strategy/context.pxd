from simulator.exchange.core cimport Core

cdef class Market:
    cdef readonly str name
    cdef readonly str symbol
    cdef readonly str kind
    cdef readonly str base
    cdef readonly str quote
    cdef readonly int number
    cdef readonly double tick
    cdef readonly double lot
    cdef readonly str settle
    cdef readonly double contract_size
    cdef readonly long long expiry_ns
    cdef readonly double strike
    cdef readonly str right
    cdef object future
    cdef double ticks_per_unit
    cdef double lots_per_unit
    cdef Core core
    cdef object desk
    cdef int account

cdef class Trade:
    cdef readonly Market market
    cdef readonly long long time_ns
    cdef readonly int side
    cdef readonly double price
    cdef readonly double quantity

cdef class Bar:
    cdef readonly Market market
    cdef readonly long long time_ns
    cdef readonly double open
    cdef readonly double high
    cdef readonly double low
    cdef readonly double close
    cdef readonly double volume

cdef class Fill:
    cdef readonly Market market
    cdef readonly long long time_ns
    cdef readonly long long order
    cdef readonly int side
    cdef readonly double price
    cdef readonly double quantity
    cdef readonly bint maker
    cdef readonly bint done

cdef class OrderUpdate:
    cdef readonly Market market
    cdef readonly long long time_ns
    cdef readonly long long order
    cdef readonly str what
    cdef readonly str reason
    cdef readonly double quantity

cdef class Context:
    cdef Core core
    cdef object desk
    cdef readonly int strategy
    cdef readonly int account_number
    cdef readonly object account
    cdef readonly list markets
    cdef dict by_name
    cdef list bar_of
    cdef object on_bar
    cdef object stp

    cdef long long lots(self, Market market, double quantity) noexcept
    cdef long long ticks(self, Market market, double price, int side) noexcept
