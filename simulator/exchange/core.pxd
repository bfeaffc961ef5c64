from simulator.events.rows cimport Rows
from simulator.exchange.guard cimport Guard
from simulator.exchange.ring cimport Ring
from simulator.exchange.upkeep cimport Upkeep
from simulator.exchange.venue cimport Venue

cdef class Core(Venue):
    cdef Ring commands
    cdef Ring deliveries
    cdef readonly long long local_now
    cdef long long feed_latency
    cdef bint latency_from_feed
    cdef long long[::1] entry_latency
    cdef long long[::1] response_latency
    cdef long long n_sent
    cdef long long n_delivered
    # what is due next, venue's clock and strategies' clock
    cdef long long next_venue
    cdef long long next_local
    cdef long long next_mark
    cdef long long mark_step
    cdef long long[::1] timer_time
    cdef long long[::1] timer_interval
    cdef int[::1] timer_strategy
    cdef int n_timers
    cdef list timer_name
    cdef long long next_timer
    # strategies
    cdef readonly list strategies
    cdef readonly list contexts
    cdef list on_timer
    cdef list on_trade
    cdef list on_book
    cdef list trade_of
    cdef list bar_due
    cdef int[::1] account_of
    # by account that trades: orders that arrived, and refusals by reason
    cdef long long[::1] arrived
    cdef long long[:, ::1] refused
    cdef int[::1] wants_fill
    cdef int[::1] wants_order
    cdef int[::1] watch_book
    cdef int[::1] watch_trade
    cdef int[:, ::1] book_watchers
    cdef int[:, ::1] trade_watchers
    cdef long long[:, ::1] local_position
    cdef readonly long long events
    cdef readonly long long wakes
    cdef object cold
    cdef Upkeep upkeep
    cdef int n_bars
    cdef bint watching_books
    # what a journal is fed with
    cdef readonly Rows asked
    cdef readonly list asked_names
    cdef bint logging
    cdef public bint strict
    cdef public Guard guard
    cdef long long[:, ::1] bars

    cpdef long long run_rows(
        self,
        const long long[::1] time,
        const long long[::1] arrival,
        const int[::1] instrument,
        const unsigned char[::1] kind,
        const unsigned char[::1] flags,
        const signed char[::1] side,
        const long long[::1] price,
        const long long[::1] quantity,
        const long long[::1] number,
    ) except? -1
    cdef int advance(self, long long time, long long arrival) except? -1
    cdef void due(self) noexcept
    cdef void note(self, int strategy, int what, long long order, long long a, long long b, long long c, long long d, long long e, long long f, long long g) noexcept
    cdef void find_timer(self) noexcept
    cdef long long first_mark_after(self, long long time, long long behind, long long same) noexcept
    cdef void add_to_bars(self, int instrument, long long price, long long lots) noexcept
    cdef int arrive(self, int slot) except? -1
    cdef int command(self) except? -1
    cdef int deliver(self) except? -1
    cdef int wake_timer(self) except? -1
    cdef int wake_trade(self, int instrument, int side, long long price, long long lots) except? -1
    cdef int wake_book(self, int instrument) except? -1
    cpdef int finish(self) except? -1
    cpdef long long submit(self, int strategy, int instrument, int side, long long price, long long lots, int time_in_force, int stp, int flags) noexcept
    cpdef bint cancel_order(self, long long order) noexcept
    cpdef int cancel_orders(self, int strategy, int instrument) noexcept
    cdef long long latency(self, bint entry) noexcept
