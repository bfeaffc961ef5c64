"""The one loop: tape rows, commands, messages and timers in one total order (hot module).

Two clocks run side by side.  The venue's is the tape's event time; a strategy's is when it hears of
things: a tape row arrives at ``arrival``, an outcome after the response latency, and a command
reaches the venue after the entry latency.  An order of events follows: everything due strictly
before the next row's time (on its own clock) happens before that row; at equal times the tape comes
first, then marks, then commands, then messages to strategies, then timers.

Python is called for what a strategy asked for and nothing else: a timer, a fill, a watched book or
trade.
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.book.columns import Book
    from cython.cimports.simulator.events.rows import Rows
    from cython.cimports.simulator.exchange.ring import Ring
    from cython.cimports.simulator.exchange.upkeep import Upkeep
    from cython.cimports.simulator.exchange.venue import Venue
else:
    from simulator.book.columns import Book
    from simulator.events.rows import Rows
    from simulator.exchange.ring import Ring
    from simulator.exchange.upkeep import Upkeep
    from simulator.exchange.venue import Venue

NEVER = cython.declare(cython.longlong, 1 << 62)

# Row kinds of the tape (simulator.market.tape.Kind) that the loop itself knows.
DEPTH = cython.declare(cython.int, 1)
CLEAR = cython.declare(cython.int, 2)
TRADE = cython.declare(cython.int, 3)
QUOTE = cython.declare(cython.int, 4)
MARK = cython.declare(cython.int, 5)
INDEX = cython.declare(cython.int, 6)
BAR_OPEN = cython.declare(cython.int, 10)
BAR_CLOSE = cython.declare(cython.int, 13)
LAST_ROW = cython.declare(cython.int, 1)

PLACE = cython.declare(cython.int, 1)
CANCEL = cython.declare(cython.int, 2)
OTHER = cython.declare(cython.int, 3)

# What a strategy asked for (``asked``), beside PLACE, CANCEL and OTHER.
CANCEL_ALL = cython.declare(cython.int, 4)
TRIGGER = cython.declare(cython.int, 5)
TIMER = cython.declare(cython.int, 6)
WATCH = cython.declare(cython.int, 7)
BARS = cython.declare(cython.int, 8)
ALERT = cython.declare(cython.int, 9)

SEQ = cython.declare(cython.int, 0)
ACCOUNT = cython.declare(cython.int, 1)
STRATEGY = cython.declare(cython.int, 2)
INSTRUMENT = cython.declare(cython.int, 3)
SIDE = cython.declare(cython.int, 4)
PRICE = cython.declare(cython.int, 5)
LOTS = cython.declare(cython.int, 6)
TIME_IN_FORCE = cython.declare(cython.int, 9)
STP = cython.declare(cython.int, 10)
FLAGS = cython.declare(cython.int, 11)
LOCAL_STATE = cython.declare(cython.int, 14)
LOCAL_FILLED = cython.declare(cython.int, 15)
TRIGGER_KIND = cython.declare(cython.int, 16)
NEXT = cython.declare(cython.int, 21)
POSITION = cython.declare(cython.int, 23)
FILL_ACCOUNT = cython.declare(cython.int, 11)  # of a row of fills (simulator.events.fills)

# What a strategy knows of its order.
UNDERWAY = cython.declare(cython.int, 1)
OPEN = cython.declare(cython.int, 2)
CANCELING = cython.declare(cython.int, 3)
GONE = cython.declare(cython.int, 4)

ACCEPTED = cython.declare(cython.int, 1)
FILLED = cython.declare(cython.int, 2)
CANCELED = cython.declare(cython.int, 3)
EXPIRED = cython.declare(cython.int, 4)
REJECTED = cython.declare(cython.int, 5)
TRIGGERED = cython.declare(cython.int, 7)

TURNS_AT_AN_INSTANT = cython.declare(cython.int, 200_000)
HOUR_NS = cython.declare(cython.longlong, 3_600_000_000_000)
SESSION_BREAK_NS = cython.declare(cython.longlong, 86_400_000_000_000)


@cython.cclass
class Core(Venue):
    """The venue with its clock, its latencies and the strategies that trade on it."""

    def __init__(self, columns) -> None:
        Venue.__init__(self, columns)
        self.cold = None
        self.upkeep = None
        self.commands = Ring()
        self.deliveries = Ring()
        self.local_now = 0
        self.feed_latency = 0
        self.latency_from_feed = columns["latency_from_feed"]
        self.entry_latency = memoryview(np.array(columns["entry_latency"], dtype="i8"))
        self.response_latency = memoryview(np.array(columns["response_latency"], dtype="i8"))
        self.n_sent = self.n_delivered = 0
        self.next_venue = self.next_local = self.next_timer = self.next_mark = NEVER
        self.mark_step = columns["mark_step"]
        self.timer_time = memoryview(np.zeros(8, dtype="i8"))
        self.timer_interval = memoryview(np.zeros(8, dtype="i8"))
        self.timer_strategy = memoryview(np.zeros(8, dtype="i4"))
        self.timer_name = []
        self.n_timers = 0
        n, m = max(1, columns["strategies"]), max(1, len(self.books))
        self.strategies = []
        self.contexts = []
        self.on_timer = []
        self.on_trade = []
        self.on_book = []
        self.trade_of = []
        self.bar_due = []
        self.account_of = memoryview(np.array(columns["account_of"] or [0], dtype="i4"))
        trading = columns["roster"].trading
        self.arrived = memoryview(np.zeros(1 + trading, dtype="i8"))
        self.refused = memoryview(np.zeros((1 + trading, len(self.rejections)), dtype="i8"))
        self.wants_fill = memoryview(np.zeros(n, dtype="i4"))
        self.wants_order = memoryview(np.zeros(n, dtype="i4"))
        self.watch_book = memoryview(np.zeros(m, dtype="i4"))
        self.watch_trade = memoryview(np.zeros(m, dtype="i4"))
        self.book_watchers = memoryview(np.zeros((n, m), dtype="i4"))
        self.trade_watchers = memoryview(np.zeros((n, m), dtype="i4"))
        slots = max(1, self.ledger.slots)
        self.local_position = memoryview(np.zeros((self.ledger.accounts, slots), dtype="i8"))
        self.events = self.wakes = 0
        self.n_bars = 0
        self.watching_books = False
        self.asked = None
        self.asked_names = []
        self.logging = self.strict = False
        self.guard = None
        self.bars = memoryview(np.zeros((4, 6), dtype="i8"))

    # The loop

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def run_rows(
        self,
        time: cython.const[cython.longlong][::1],
        arrival: cython.const[cython.longlong][::1],
        instrument: cython.const[cython.int][::1],
        kind: cython.const[cython.uchar][::1],
        flags: cython.const[cython.uchar][::1],
        side: cython.const[cython.schar][::1],
        price: cython.const[cython.longlong][::1],
        quantity: cython.const[cython.longlong][::1],
        number: cython.const[cython.longlong][::1],
    ) -> cython.longlong:
        """Replay a block of merged tape columns; return the number of rows.

        With a guard these may be fewer than were given: what came of the last one can be looked at.
        """
        row: cython.Py_ssize_t
        rows: cython.Py_ssize_t = time.shape[0]
        current: cython.int = -1
        i: cython.int
        what: cython.int
        at: cython.longlong
        book: Book = None
        guarded: cython.bint = self.guard is not None
        if rows and self.next_mark == NEVER:
            self.next_mark = time[0] // self.mark_step * self.mark_step + self.mark_step
            self.due()
        for row in range(rows):
            if guarded and row and self.guard.after():
                rows = row
                break
            if time[row] > self.next_venue or arrival[row] > self.next_local:
                if row:
                    self.now = self.ledger.now = time[row - 1]
                    self.local_now = arrival[row - 1]
                    self.feed_latency = arrival[row - 1] - time[row - 1]
                self.advance(time[row], arrival[row])
            what = kind[row]
            i = instrument[row]
            if i != current:
                book = self.tape_books[i]
                current = i
            if what == DEPTH:
                book.set_level(side[row], price[row], quantity[row])
                if book.n_rows == 0 and not self.watching_books:
                    continue
            self.now = self.ledger.now = time[row]
            self.local_now = arrival[row]
            self.feed_latency = arrival[row] - time[row]
            if what == DEPTH:
                if book.n_rows:
                    self.settle(i)
            elif what == TRADE:
                at = self.shifted(i, price[row]) if self.moved else price[row]
                self.print_trade(i, side[row], at, quantity[row])
                if self.n_bars:
                    self.add_to_bars(i, at, quantity[row])
                if self.watch_trade[i]:
                    self.wake_trade(i, side[row], at, quantity[row])
            elif what == CLEAR:
                book.clear(side[row])
            elif BAR_OPEN <= what <= BAR_CLOSE:
                at = self.shifted(i, price[row])
                self.bar_price(i, at)
                if self.n_bars:
                    self.add_to_bars(i, at, quantity[row] if what == BAR_CLOSE else 0)
            elif what != QUOTE:
                self.upkeep.row(i, what, side[row], price[row], quantity[row], number[row])
                # Index and mark of one message are of one instant: margins are checked after both.
                # Where marks follow from moved books no row brings one.
                if (what == MARK or what == INDEX) and flags[row] & LAST_ROW and not self.moved:
                    self.upkeep.check_prices()
            if self.watch_book[i] and what <= CLEAR and flags[row] & LAST_ROW:
                self.wake_book(i)
        if guarded:
            self.guard.hold()
        if rows:
            self.now = self.ledger.now = time[rows - 1]
            self.local_now = arrival[rows - 1]
            self.feed_latency = arrival[rows - 1] - time[rows - 1]
        self.events += rows
        return rows

    @cython.cfunc
    @cython.exceptval(check=False)
    def due(self) -> cython.void:
        """Refresh the two edges that a row is compared with."""
        self.next_venue = self.commands.next_time
        if self.next_mark < self.next_venue:
            self.next_venue = self.next_mark
        self.next_local = self.deliveries.next_time
        if self.next_timer < self.next_local:
            self.next_local = self.next_timer

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def advance(self, time: cython.longlong, arrival: cython.longlong) -> cython.int:
        """Let happen what is due before the next row, in order."""
        behind: cython.longlong = arrival - time
        if time - self.now > SESSION_BREAK_NS and self.now:
            self._skip_break(time, arrival)
        venue_due: cython.bint
        local_due: cython.bint
        instant: cython.longlong = -1
        same: cython.longlong
        turns: cython.int = 0
        while True:
            if self.local_now != instant:
                instant = self.local_now
                turns = 0
            elif turns > TURNS_AT_AN_INSTANT:
                self.cold.endless()
            turns += 1
            if self.strict:
                self.cold.verify()
            if self.guard is not None:
                self.guard.hold()
            venue_due = self.next_venue < time
            local_due = self.next_local < arrival
            if not venue_due and not local_due:
                return 0
            if venue_due and (not local_due or self.next_venue <= self.next_local - behind):
                if self.next_mark <= self.commands.next_time:
                    self.now = self.ledger.now = self.next_mark
                    self.next_mark += self.mark_step
                    same = self.upkeep.mark()
                    if same > self.next_mark:
                        # The ticks until then, or until something happens, would find the same.
                        self.next_mark = self.first_mark_after(time, behind, same)
                else:
                    self.command()
            elif self.deliveries.next_time <= self.next_timer:
                self.deliver()
            else:
                self.wake_timer()
            self.due()

    @cython.cfunc
    @cython.exceptval(check=False)
    def first_mark_after(
        self, time: cython.longlong, behind: cython.longlong, same: cython.longlong
    ) -> cython.longlong:
        """First tick of the marks that is not before ``same``, the next row, command, message or
        timer.
        """
        until: cython.longlong = self.deliveries.next_time
        if self.next_timer < until:
            until = self.next_timer
        until -= behind
        if self.commands.next_time < until:
            until = self.commands.next_time
        if time < until:
            until = time
        if same < until:
            until = same
        hour: cython.longlong = (self.now // HOUR_NS + 1) * HOUR_NS
        if hour < until:
            until = hour  # interest falls due
        if self.next_duty < until:
            until = self.next_duty
        until = (until + self.mark_step - 1) // self.mark_step * self.mark_step
        return until if until > self.next_mark else self.next_mark

    def _skip_break(self, time: int, arrival: int) -> None:
        """Skip a break between recordings: timers and marks do not run in it."""
        # The books are of the recording that stopped until the new one restates them: no mark
        # before.
        step = int(self.mark_step)
        self.next_mark = time // step * step + step
        for k in range(self.n_timers):
            interval = int(self.timer_interval[k])
            if interval and self.timer_time[k] < arrival:
                self.timer_time[k] += (arrival - self.timer_time[k]) // interval * interval
        self.find_timer()
        self.due()

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def arrive(self, slot: cython.int) -> cython.int:
        """An order reaches the venue, one of a liquidation too: count it for its account."""
        if self.trades[self.orders.row[slot, ACCOUNT]]:
            self.arrived[self.orders.row[slot, ACCOUNT]] += 1
        return Venue.arrive(self, slot)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def command(self) -> cython.int:
        """A command reaches the venue."""
        at: cython.longlong = self.commands.pop()
        code: cython.longlong = self.commands.row[at, 1]
        slot: cython.int = cython.cast(cython.int, self.commands.row[at, 2])
        seq: cython.longlong = self.commands.row[at, 3]
        self.now = self.ledger.now = self.commands.row[at, 0]
        if self.now >= self.next_duty:
            self.cold.close_expired(self.now)  # the clock's tick that settles them comes later
        if code == PLACE:
            if self.pools.mark[self.orders.row[slot, INSTRUMENT]] <= 0.0:
                self.upkeep.mark()  # before the venue's first tick of its clock
            self.arrive(slot)
        elif code == CANCEL:
            if self.orders.row[slot, SEQ] == seq:
                self.withdraw(slot)
        else:
            self.cold.execute(seq)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def deliver(self) -> cython.int:
        """An outcome reaches the strategy that sent the order."""
        at: cython.longlong = self.deliveries.pop()
        code: cython.longlong = self.deliveries.row[at, 1]
        slot: cython.int = cython.cast(cython.int, self.deliveries.row[at, 2])
        price: cython.longlong = self.deliveries.row[at, 4]
        lots: cython.longlong = self.deliveries.row[at, 5]
        extra: cython.longlong = self.deliveries.row[at, 6]
        self.local_now = self.deliveries.row[at, 0]
        if slot == 0:
            self.cold.tell(self.deliveries.row[at, 3])
            return 0
        strategy: cython.int = cython.cast(cython.int, self.orders.row[slot, STRATEGY])
        over: cython.bint = False
        if code == FILLED:
            self.orders.row[slot, LOCAL_FILLED] += lots
            self.local_position[
                self.orders.row[slot, ACCOUNT], self.orders.row[slot, POSITION]
            ] += self.orders.row[slot, SIDE] * lots
            over = extra & 1 != 0
        elif code == ACCEPTED:
            if self.orders.row[slot, LOCAL_STATE] == UNDERWAY:
                self.orders.row[slot, LOCAL_STATE] = OPEN
        elif code != TRIGGERED:
            over = True
        if over:
            self.orders.row[slot, LOCAL_STATE] = GONE
        if code == FILLED and self.wants_fill[strategy]:
            self.wakes += 1
            self.contexts[strategy].filled(slot, price, lots, extra)
        if self.wants_order[strategy]:
            self.wakes += 1
            self.contexts[strategy].updated(slot, code, price, lots)
        if over:
            self.orders.close(slot)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def wake_timer(self) -> cython.int:
        k: cython.int = 0
        while self.timer_time[k] != self.next_timer:
            k += 1
        self.local_now = self.next_timer
        strategy: cython.int = self.timer_strategy[k]
        name: object = self.timer_name[k]
        if self.timer_interval[k]:
            self.timer_time[k] += self.timer_interval[k]
        else:
            self._drop_timer(k)
        self.find_timer()
        self.wakes += 1
        if isinstance(name, int):
            self.local_now += 1  # bars end a nanosecond early, before the rows of their end
            self.bar_due[strategy](name)
        else:
            self.on_timer[strategy](self.contexts[strategy], name)
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def finish(self) -> cython.int:
        """After the last row: let arrive what is under way, then one last mark, and let that be
        heard too; timers stop, and what is sent from here on never arrives.
        """
        last: cython.longlong = self.now
        self.next_mark = NEVER
        sent: cython.longlong = self.commands.after
        self._arrive_until(sent)
        if self.now < last:
            self.now = self.ledger.now = last
        self.upkeep.mark()
        self._arrive_until(self.commands.first)
        return 0

    def _arrive_until(self, sent: int) -> None:
        """Let commands up to number ``sent`` and all messages arrive, in the order of time."""
        while True:
            self.n_timers = 0  # also those that a message is answered with
            self.timer_name.clear()
            self.next_timer = NEVER
            self.due()
            venue = self.commands.next_time if self.commands.first < sent else NEVER
            if venue >= NEVER and self.deliveries.next_time >= NEVER:
                return
            if venue <= self.deliveries.next_time:
                self.command()
            else:
                self.deliver()

    @cython.cfunc
    @cython.exceptval(check=False)
    def find_timer(self) -> cython.void:
        k: cython.int
        self.next_timer = NEVER
        for k in range(self.n_timers):
            if self.timer_time[k] < self.next_timer:
                self.next_timer = self.timer_time[k]

    def _drop_timer(self, k: int) -> None:
        last = self.n_timers - 1
        for j in range(k, last):
            self.timer_time[j] = self.timer_time[j + 1]
            self.timer_interval[j] = self.timer_interval[j + 1]
            self.timer_strategy[j] = self.timer_strategy[j + 1]
        del self.timer_name[k]
        self.n_timers = last

    def add_timer(self, strategy: int, first_ns: int, interval_ns: int, name: object) -> None:
        """Wake a strategy at ``first_ns`` of its clock, then every ``interval_ns`` (0: once).

        ``name`` is what ``on_timer`` gets; an int is the number of a bar instead.
        """
        if self.n_timers == len(np.asarray(self.timer_time)):
            size = 2 * self.n_timers
            for_time, for_interval = np.zeros(size, "i8"), np.zeros(size, "i8")
            for_strategy = np.zeros(size, "i4")
            for_time[: self.n_timers] = np.asarray(self.timer_time)
            for_interval[: self.n_timers] = np.asarray(self.timer_interval)
            for_strategy[: self.n_timers] = np.asarray(self.timer_strategy)
            self.timer_time = memoryview(for_time)
            self.timer_interval = memoryview(for_interval)
            self.timer_strategy = memoryview(for_strategy)
        if self.logging:
            self.note(strategy, TIMER, 0, first_ns, interval_ns, len(self.asked_names), 0, 0, 0, 0)
            self.asked_names.append(name)
        self.timer_time[self.n_timers] = max(first_ns, int(self.local_now))
        self.timer_interval[self.n_timers] = interval_ns
        self.timer_strategy[self.n_timers] = strategy
        self.timer_name.append(name)
        self.n_timers += 1
        self.find_timer()
        self.due()

    # What a journal is fed with

    def keep_log(self) -> None:
        """Note from now on what strategies ask for, every posting and every outcome.

        A row of ``asked``, 12 int64: number of wakes so far, the strategy's clock in ns, strategy,
        what, order, and seven fields by what:

        - 1 place: instrument, side, price in ticks, lots, time in force, self-trade prevention,
          flags;
        - 2 cancel: none;
        - 3 request: number in the desk's ``requests``;
        - 4 cancel all: instrument;
        - 5 trigger of the order before: kind, trigger, callback, source, activation;
        - 6 timer: first ns, interval ns, number in ``asked_names``;
        - 7 watch: instrument, book, trades;
        - 8 bars: instrument, number;
        - 9 alert: number in ``asked_names``.
        """
        self.asked = Rows(12)
        self.logging = self.records.keep = True
        self.ledger.keep_log()

    @cython.cfunc
    @cython.exceptval(check=False)
    def note(
        self,
        strategy: cython.int,
        what: cython.int,
        order: cython.longlong,
        a: cython.longlong,
        b: cython.longlong,
        c: cython.longlong,
        d: cython.longlong,
        e: cython.longlong,
        f: cython.longlong,
        g: cython.longlong,
    ) -> cython.void:
        at: cython.int = self.asked.next()
        self.asked.row[at, 0] = self.wakes
        self.asked.row[at, 1] = self.local_now
        self.asked.row[at, 2] = strategy
        self.asked.row[at, 3] = what
        self.asked.row[at, 4] = order
        self.asked.row[at, 5] = a
        self.asked.row[at, 6] = b
        self.asked.row[at, 7] = c
        self.asked.row[at, 8] = d
        self.asked.row[at, 9] = e
        self.asked.row[at, 10] = f
        self.asked.row[at, 11] = g

    def note_alert(self, strategy: int, asked: object) -> None:
        """A strategy asked for an alert."""
        if self.logging:
            self.note(strategy, ALERT, 0, len(self.asked_names), 0, 0, 0, 0, 0, 0)
            self.asked_names.append(asked)

    def wake(self) -> None:
        """A strategy is about to hear of something of the cold side."""
        self.wakes += 1

    # Strategies

    @cython.cfunc
    @cython.exceptval(check=False)
    def latency(self, entry: cython.bint) -> cython.longlong:
        """Latency of the next message: from the feed, or the next of the model's draws."""
        if self.latency_from_feed:
            return self.feed_latency
        if entry:
            self.n_sent += 1
            return self.entry_latency[self.n_sent % self.entry_latency.shape[0]]
        self.n_delivered += 1
        return self.response_latency[self.n_delivered % self.response_latency.shape[0]]

    @cython.ccall
    @cython.exceptval(check=False)
    def submit(
        self,
        strategy: cython.int,
        instrument: cython.int,
        side: cython.int,
        price: cython.longlong,
        lots: cython.longlong,
        time_in_force: cython.int,
        stp: cython.int,
        flags: cython.int,
    ) -> cython.longlong:
        """Send an order (price 0: market order); return its number."""
        slot: cython.int = self.orders.open(strategy, instrument)
        self.orders.row[slot, ACCOUNT] = self.account_of[strategy]
        self.orders.row[slot, SIDE] = side
        self.orders.row[slot, PRICE] = price
        self.orders.row[slot, LOTS] = lots
        self.orders.row[slot, TIME_IN_FORCE] = time_in_force
        self.orders.row[slot, STP] = stp
        self.orders.row[slot, FLAGS] = flags
        self.orders.row[slot, LOCAL_STATE] = UNDERWAY
        self.orders.row[slot, LOCAL_FILLED] = 0
        self.orders.row[slot, TRIGGER_KIND] = 0
        seq: cython.longlong = self.orders.row[slot, SEQ]
        if self.logging:
            self.note(
                strategy,
                PLACE,
                (seq << 24) | slot,
                instrument,
                side,
                price,
                lots,
                time_in_force,
                stp,
                flags,
            )
        self.commands.push(self.local_now + self.latency(True), PLACE, slot, seq, 0, 0, 0)
        self.due()
        return (seq << 24) | slot

    @cython.ccall
    @cython.exceptval(check=False)
    def cancel_order(self, order: cython.longlong) -> cython.bint:
        """Ask to cancel an order; False if it is over or its cancel is under way."""
        slot: cython.int = self.orders.find(order)
        if slot == 0 or self.orders.row[slot, LOCAL_STATE] >= CANCELING:
            return False
        self.orders.row[slot, LOCAL_STATE] = CANCELING
        if self.logging:
            strategy: cython.int = cython.cast(cython.int, self.orders.row[slot, STRATEGY])
            self.note(strategy, CANCEL, order, 0, 0, 0, 0, 0, 0, 0)
        self.commands.push(self.local_now + self.latency(True), CANCEL, slot, order >> 24, 0, 0, 0)
        self.due()
        return True

    @cython.ccall
    @cython.exceptval(check=False)
    def cancel_orders(self, strategy: cython.int, instrument: cython.int) -> cython.int:
        """Ask to cancel all of a strategy's orders on an instrument; return how many."""
        slot: cython.longlong = self.orders.head[strategy, instrument]
        asked: cython.int = 0
        if self.logging:
            self.note(strategy, CANCEL_ALL, 0, instrument, 0, 0, 0, 0, 0, 0)
        while slot:
            if self.orders.row[slot, LOCAL_STATE] < CANCELING:
                self.orders.row[slot, LOCAL_STATE] = CANCELING
                self.commands.push(
                    self.local_now + self.latency(True),
                    CANCEL,
                    slot,
                    self.orders.row[slot, SEQ],
                    0,
                    0,
                    0,
                )
                asked += 1
            slot = self.orders.row[slot, NEXT]
        self.due()
        return asked

    def send(self, number: int) -> None:
        """Send command ``number`` of the cold side, such as a transfer."""
        if self.logging:
            self.note(self.cold.requests[number].strategy, OTHER, 0, number, 0, 0, 0, 0, 0, 0)
        self.commands.push(self.local_now + self.latency(True), OTHER, 0, number, 0, 0, 0)
        self.due()

    def announce(self, number: int) -> None:
        """Tell strategies something of the cold side after the response latency."""
        time = max(self.now + self.latency(False), self.local_now)
        self.deliveries.push(time, 0, 0, number, 0, 0, 0)
        self.due()

    def set_trigger(
        self, order: int, kind: int, trigger: int, callback: int, source: int, activation: int
    ) -> None:
        """Make an order that was just submitted a conditional one; prices in 1e-8."""
        slot = int(self.orders.find(order))
        row = self.orders.row
        if self.logging:
            strategy = int(row[slot, STRATEGY])
            self.note(strategy, TRIGGER, order, kind, trigger, callback, source, activation, 0, 0)
        row[slot, TRIGGER_KIND] = kind
        row[slot, TRIGGER_KIND + 1] = trigger
        row[slot, TRIGGER_KIND + 2] = callback
        row[slot, TRIGGER_KIND + 3] = source
        row[slot, TRIGGER_KIND + 4] = activation

    @cython.cfunc
    @cython.exceptval(check=False)
    def notify(
        self,
        slot: cython.int,
        code: cython.longlong,
        price: cython.longlong,
        lots: cython.longlong,
        extra: cython.longlong,
    ) -> cython.void:
        if not self.trades[self.orders.row[slot, ACCOUNT]]:
            return
        if code == REJECTED:
            self.refused[self.orders.row[slot, ACCOUNT], price] += 1
        # Never before what the strategy has seen already, where answers are faster than the feed.
        time: cython.longlong = self.now + self.latency(False)
        if time < self.local_now:
            time = self.local_now
        self.deliveries.push(time, code, slot, self.orders.row[slot, SEQ], price, lots, extra)
        self.due()

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def wake_trade(
        self,
        instrument: cython.int,
        side: cython.int,
        price: cython.longlong,
        lots: cython.longlong,
    ) -> cython.int:
        k: cython.Py_ssize_t
        for k in range(len(self.strategies)):
            if self.trade_watchers[k, instrument]:
                self.wakes += 1
                self.on_trade[k](self.contexts[k], self.trade_of[k](instrument, side, price, lots))
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def wake_book(self, instrument: cython.int) -> cython.int:
        k: cython.Py_ssize_t
        for k in range(len(self.strategies)):
            if self.book_watchers[k, instrument]:
                self.wakes += 1
                self.on_book[k](self.contexts[k], self.contexts[k].markets[instrument])
        return 0

    def watch(self, strategy: int, instrument: int, book: bool, trades: bool) -> None:
        """Wake a strategy on an instrument's book changes or trades."""
        if self.logging:
            self.note(strategy, WATCH, 0, instrument, book, trades, 0, 0, 0, 0)
        if book:
            self.book_watchers[strategy, instrument] = 1
            self.watch_book[instrument] = 1
            self.watching_books = True
        if trades:
            self.trade_watchers[strategy, instrument] = 1
            self.watch_trade[instrument] = 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def add_to_bars(
        self, instrument: cython.int, price: cython.longlong, lots: cython.longlong
    ) -> cython.void:
        """Add a price to open bars; columns: instrument, open, high, low, close, volume."""
        k: cython.int
        for k in range(self.n_bars):
            if self.bars[k, 0] != instrument:
                continue
            if self.bars[k, 1] == 0:
                self.bars[k, 1] = self.bars[k, 2] = self.bars[k, 3] = price
            elif price > self.bars[k, 2]:
                self.bars[k, 2] = price
            elif price < self.bars[k, 3]:
                self.bars[k, 3] = price
            self.bars[k, 4] = price
            self.bars[k, 5] += lots

    def add_bars(self, strategy: int, instrument: int) -> int:
        """Start to build bars of an instrument; return their number."""
        if self.logging:
            self.note(strategy, BARS, 0, instrument, self.n_bars, 0, 0, 0, 0, 0)
        if self.n_bars == self.bars.shape[0]:
            grown = np.zeros((2 * self.n_bars, 6), dtype="i8")
            grown[: self.n_bars] = np.asarray(self.bars)
            self.bars = memoryview(grown)
        self.bars[self.n_bars, 0] = instrument
        self.n_bars += 1
        return self.n_bars - 1

    def begin(self, time_ns: int) -> None:
        """Set both clocks before the first row."""
        self.now = self.ledger.now = time_ns
        self.local_now = time_ns
        if self.liquidities is not None:
            self.liquidities.start = time_ns

    def adjust_known(self, account: int, slot: int, lots: int) -> None:
        """Change a position as the strategies know it: a settlement reached them."""
        self.local_position[account, slot] += lots

    def order_row(self, slot: int) -> tuple[int, ...]:
        """Fields of an order that is not over yet."""
        return tuple(int(self.orders.row[slot, column]) for column in range(24))

    def orders_of(self, strategy: int, instrument: int) -> list[int]:
        """Numbers of a strategy's orders that are not over as it knows, newest first."""
        found = []
        slot = int(self.orders.head[strategy, instrument])
        while slot:
            if self.orders.row[slot, LOCAL_STATE] != GONE:
                found.append((int(self.orders.row[slot, SEQ]) << 24) | slot)
            slot = int(self.orders.row[slot, NEXT])
        return found

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def lend_for_order(
        self, wallet: cython.int, asset: cython.int, amount: cython.longlong
    ) -> cython.int:
        """Lend what an order lacks, for now; return 0 or a ``RejectReason``."""
        return self.cold.lend_for_order(wallet, asset, amount)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def confirm_loan(
        self, asset: cython.int, amount: cython.longlong, admitted: cython.bint
    ) -> cython.int:
        """End what ``lend_for_order`` began."""
        self.cold.confirm_loan(asset, amount, admitted)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def repay_free(self) -> cython.void:
        """After a fill, where an account repays by itself: that of the fill, the last one kept."""
        self.cold.repay_after_fill(self.fill_row[self.n_fill_rows - 1, FILL_ACCOUNT])

    def count_refusal(self, reason: int, account: int) -> None:
        """Count a refusal that is not an order's."""
        self.count_rejection(reason)
        self.refused[account, reason] += 1

    def orders_sent(self, account: int) -> int:
        """Orders of an account that trades which reached the venue, liquidations' included."""
        return int(self.arrived[account])

    def refusals_of(self, account: int) -> list[int]:
        """Refusals of an account that trades, by reason."""
        return [int(n) for n in np.asarray(self.refused)[account]]

    def set_desk(self, desk) -> None:
        """Attach the part that does what is rare, and its upkeep of marks and margin."""
        self.cold = desk
        self.upkeep = desk.upkeep

    def add_strategy(self, strategy, context, wants_fill: bool, wants_order: bool) -> None:
        """Attach a strategy; ``wants_*``: whether it overrides that callback."""
        self.wants_fill[len(self.strategies)] = wants_fill
        self.wants_order[len(self.strategies)] = wants_order
        self.strategies.append(strategy)
        self.contexts.append(context)
        # Bound once: looking a method up costs as much as calling it.
        self.on_timer.append(strategy.on_timer)
        self.on_trade.append(strategy.on_trade)
        self.on_book.append(strategy.on_book)
        self.trade_of.append(context.trade)
        self.bar_due.append(context.bar_due)
