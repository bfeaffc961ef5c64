"""What the venue does by itself: margin checks, duties of its clock, samples (hot module).

Every ``mark_step`` of venue time, and whenever the tape brings a mark or an index, prices are
brought up to date (`simulator.exchange.marks`) and every pool is recomputed; margin depends on
nothing else between fills.  At the instants that the desk asked for, it is told the time: contracts
expire, funding is settled.
"""

from typing import Any

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.exchange.closing import Closing
    from cython.cimports.simulator.exchange.marks import Marks
    from cython.cimports.simulator.exchange.venue import Venue
    from cython.cimports.simulator.ledger.columns import Ledger
    from cython.cimports.simulator.risk.bands import Bands
    from cython.cimports.simulator.risk.ewma import Ewma
else:
    from simulator.exchange.closing import Closing
    from simulator.exchange.marks import Marks
    from simulator.exchange.venue import Venue
    from simulator.ledger.columns import Ledger
    from simulator.risk.bands import Bands
    from simulator.risk.ewma import Ewma

FUNDING = cython.declare(cython.int, 7)
ORDER_ADD = cython.declare(cython.int, 16)
ORDER_FILL = cython.declare(cython.int, 18)
AGG_TRADE = cython.declare(cython.int, 19)
SETTLEMENT = cython.declare(cython.int, 21)

SPOT = cython.declare(cython.int, 0)
LIQUIDATION = cython.declare(cython.int, 3)
LEVEL_CHANGED = cython.declare(cython.longlong, 13)
UNIT = cython.declare(cython.double, 1e-8)
FULL_HOUR_NS = cython.declare(cython.longlong, 3_600_000_000_000)
FAR = cython.declare(cython.longlong, 1 << 62)
NO_RATIO = cython.declare(cython.double, 1e300)

BANDS_FROM = 64
"""Pools from which on safe bands decide which to recompute.

A run of one account has a few pools, which are recomputed on every check; so the worst ratio and
the peaks of its summary are over all checks.  With bands they are over the samples (where every
pool of that account is recomputed) and the instants at which one was recomputed for its own sake.
"""


@cython.cclass
class Upkeep(Marks):
    """Prices, margin checks and samples; what is rare is asked of ``cold``, the venue's desk.

    Pools at their threshold are ``engine``'s: no Python is called for one that nobody trades for.
    """

    def __init__(self, venue: Venue, columns, cold) -> None:
        Marks.__init__(self, venue, columns)
        self.cold = cold
        self.engine = None
        self.roster = columns["roster"]
        self.own_pools = self.roster.own_pools
        self.first_wallet = self.roster.first_wallet
        self.wallet_kind = memoryview(
            np.array(self.roster.wallet_kind if len(self.roster.wallet_kind) else [-1], dtype="i1")
        )
        self.bands = None
        self.bands_from = columns.get("bands_from", BANDS_FROM)
        self.take_mode(columns)
        self.worst_ratio = NO_RATIO
        self.peak_initial = self.peak_maintenance = 0.0
        self.trading = self.roster.trading
        self.worst_of = memoryview(np.full(1 + self.trading, NO_RATIO))
        self.sum_of = memoryview(np.zeros((1 + self.trading, 2)))
        self.peak_of = memoryview(np.zeros((1 + self.trading, 2)))
        self.sample_step = columns["sample_step"]
        self.next_sample = 0
        self.n_samples = 0
        self.account = columns["sampled_account"]
        self.unpriced = False
        self.next_hour = self.next_step = 0
        self.measured = None
        self.margin_step = columns["margin"].scenario.step_seconds * 1_000_000_000
        self.watched = False
        self.seen_entries = -1
        self.seen_index = memoryview(np.zeros(max(1, venue.ledger.assets)))
        self.seen = memoryview(np.zeros((max(1, venue.ledger.slots), 3)))
        self.always = False
        self.crowded = venue.pools.count > self.own_pools
        self.moves_books = columns["impact"] is not None
        self.acting = False
        self.n_called = 0
        self._call_room(64)
        self._room(1024)

    def attach(self, engine: Closing) -> None:
        """Let an engine liquidate; before the first check."""
        self.engine = engine

    def take_mode(self, columns) -> None:
        """Take what an account mode decides: `simulator.exchange.layout.mode_columns`.

        The venue's pools are those of the mode already.
        """
        self.bands = None
        if self.venue.pools.n_live >= self.bands_from:
            self.bands = Bands(self.venue.pools)
        self.own = memoryview(np.array(columns["own_wallets"], dtype="i4"))
        self.unified = columns["unified"]
        self.convert_below = memoryview(np.array(columns["convert_below"], dtype="i8"))
        self.converts = bool((np.asarray(self.convert_below) > -FAR).any())
        self.crowd_convert = memoryview(np.array(columns["crowd_convert"], dtype="i8"))
        self.crowd_converts = bool(
            len(self.roster.wallet_kind) and (np.asarray(self.crowd_convert) > -FAR).any()
        )

    def _call_room(self, size: int) -> None:
        """Make room for ``size`` pools in liquidation at one instant, keeping those there are."""
        called, ratio = np.zeros(size, "i4"), np.zeros(size)
        if self.n_called:
            called[: self.n_called] = np.asarray(self.called)[: self.n_called]
            ratio[: self.n_called] = np.asarray(self.called_ratio)[: self.n_called]
        self.called, self.called_ratio = memoryview(called), memoryview(ratio)

    def _room(self, size: int) -> None:
        """Make room for ``size`` samples, keeping those there are."""
        kept = int(self.n_samples)
        shapes = ((size,), (size, 4 * self.own_pools), (size, self.instruments))
        times, pools = np.zeros(shapes[0], "i8"), np.zeros(shapes[1])
        prices, lots = np.zeros(shapes[2]), np.zeros(shapes[2], "i8")
        whole, modes = np.zeros(size), np.zeros(size, "i4")
        if kept:
            times[:kept] = np.asarray(self.sample_time)[:kept]
            pools[:kept] = np.asarray(self.sample_pools)[:kept]
            prices[:kept] = np.asarray(self.sample_prices)[:kept]
            lots[:kept] = np.asarray(self.sample_lots)[:kept]
            whole[:kept] = np.asarray(self.sample_equity)[:kept]
            modes[:kept] = np.asarray(self.sample_unified)[:kept]
        self.sample_time = memoryview(times)
        self.sample_pools = memoryview(pools) if pools.size else memoryview(np.zeros((1, 1)))
        self.sample_prices = memoryview(prices)
        self.sample_lots = memoryview(lots)
        self.sample_equity = memoryview(whole)
        self.sample_unified = memoryview(modes)

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def mark(self) -> cython.longlong:
        """The venue's clock: bring index and mark prices up to date, then check margins.

        Return the instant of the next tick that may find something else, although nothing happens
        before it; 0 for the very next.
        """
        self.refresh()
        if self.unpriced:
            self.cold.price_deposits()
        if self.venue.now >= self.next_hour:
            self._full_hours()
        if self.venue.now >= self.venue.next_duty:
            self.venue.next_duty = self.cold.duty(self.venue.now)
        if self.venue.now >= self.next_step:
            self._margin_step()
        self.check()
        if self.venue.now >= self.next_sample:
            self.sample()
            self.cold.sampled()
        if self.engine.step() or not self.steady:
            return 0  # the next step trades more of what the fund holds
        if self.measured is not None and self.next_step < self.steady_until:
            self.steady_until = self.next_step
        i: cython.int
        for i in range(self.instruments):
            # While a funding basis runs off, samples keep their times.
            if self.funding_rate[i] != 0.0 and not self.mark_on_tape[i]:
                if self.next_sample < self.steady_until:
                    self.steady_until = self.next_sample
        return self.steady_until

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _margin_step(self) -> cython.int:
        """Measured correlation and volatility move in steps, not by the tick."""
        at: cython.longlong = self.venue.now // self.margin_step * self.margin_step
        self.next_step = at + self.margin_step
        if self.measured is not None:
            if self.measured.of is not self.venue.pools.columns:
                self.cold.aim_measuring()
            self.measured.step(self.venue.pools)
        return 0

    def _full_hours(self) -> None:
        """Every full hour that has passed, once; the hours before the first tick are nobody's."""
        if self.next_hour == 0:
            self.next_hour = self.venue.now // FULL_HOUR_NS * FULL_HOUR_NS + FULL_HOUR_NS
        while self.next_hour <= self.venue.now:
            self.next_hour += FULL_HOUR_NS
            self.cold.full_hour(self.next_hour - FULL_HOUR_NS)

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def row(
        self,
        instrument: cython.int,
        kind: cython.int,
        side: cython.int,
        price: cython.longlong,
        quantity: cython.longlong,
        number: cython.longlong,
    ) -> cython.int:
        """A tape row other than depth, trades and quotes."""
        if self.price_row(instrument, kind, price, quantity):
            return 0
        if kind == FUNDING:
            self.cold.settle_funding(instrument, price)
        elif kind == SETTLEMENT:
            self.cold.settlement_price(instrument, price)
        elif kind == AGG_TRADE:
            # A second report of trades that are on the tape too, or of fills of displayed orders.
            self.venue.last[instrument] = self.venue.shifted(instrument, price)
        elif ORDER_ADD <= kind <= ORDER_FILL:
            self.cold.order_row(instrument, kind, side, price, quantity, number)
        return 0

    # Margin

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def check(self) -> cython.int:
        """Recompute every pool; a change of level is recorded, LIQUIDATION acted upon.

        Balances too far below zero are converted before: what is judged is what they become.  All
        levels are found before anything is liquidated, see `_act`.
        """
        if self.converts:
            self._convert()
        if self.crowd_converts:
            self._convert_crowd()
        n: cython.int
        pool: cython.int
        initial: cython.double = 0.0
        maintenance: cython.double = 0.0
        if self.bands is not None and (self.crowded or not self.watched):
            self._check_due()
        else:
            for n in range(self.venue.pools.n_live):
                pool = self.venue.pools.live[n]
                self.venue.pools.evaluate(pool)
                if pool < self.own_pools:
                    initial += self.venue.pools.initial[pool]
                    maintenance += self.venue.pools.maintenance[pool]
                elif self.trading > 1:
                    self._add(pool)
                self._judge(pool)
            self._peaks(initial, maintenance)
            if self.trading > 1:
                self._peaks_of_others()
        return self._act() if self.n_called and not self.acting else 0

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def check_prices(self) -> cython.int:
        """Check margins after prices came in, unless none moved that anybody's margin depends on.

        A tape with a chain of options brings dozens of marks a second, mostly of contracts that
        nobody holds.  Balances and positions are the same while the ledger has no new entry; a pool
        in liquidation is looked at every time, because the books have moved.
        """
        if self.moves_books:
            return 0  # marks are computed at the steps of the venue's clock, and nowhere between
        if (
            (self.bands is None or not self.crowded)
            and not self._moved()
            and not self.always
            and self.venue.ledger.entries == self.seen_entries
        ):
            return 0
        self.check()
        self.seen_entries = self.venue.ledger.entries
        return 0

    def always_check(self) -> None:
        """Check margins at every price, needed or not: what the lazy way is compared with."""
        self.always = True

    @cython.cfunc
    @cython.exceptval(check=False)
    def _moved(self) -> cython.bint:
        """Whether an index, or a price of a contract held, is not what the last call saw."""
        moved: cython.bint = False
        n: cython.int
        slot: cython.int
        forward: cython.int
        for n in range(self.venue.pools.n_live):
            if self.venue.pools.checked[self.venue.pools.live[n]] >= LIQUIDATION:
                moved = True
        for n in range(self.venue.ledger.assets):
            if self.venue.pools.index[n] != self.seen_index[n]:
                self.seen_index[n] = self.venue.pools.index[n]
                moved = True
        for slot in range(self.venue.ledger.slots):
            n = slot % self.instruments
            if not self.crowded and self.venue.ledger.quantity[self.account, slot] == 0:
                self.seen[slot, 0] = 0.0  # once held, its first price counts as moved
                continue
            # An option is valued on the future of its expiry, where there is one.
            forward = n if self.forward_from[n] < 0 else self.forward_from[n]
            if (
                self.venue.pools.mark[n] != self.seen[slot, 0]
                or self.volatility[n] != self.seen[slot, 1]
                or self.venue.pools.mark[forward] != self.seen[slot, 2]
            ):
                self.seen[slot, 0] = self.venue.pools.mark[n]
                self.seen[slot, 1] = self.volatility[n]
                self.seen[slot, 2] = self.venue.pools.mark[forward]
                moved = True
        return moved

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _check_due(self) -> cython.int:
        """The same check by safe bands: only pools that could have changed are recomputed."""
        bands: Bands = self.bands
        n: cython.int
        pool: cython.int
        initial: cython.double = 0.0
        maintenance: cython.double = 0.0
        # The account that trades has figures in every sample, and its pools are the first.
        all_of_it: cython.bint = self.venue.now >= self.next_sample
        bands.refresh()
        if all_of_it or self.watched:
            for n in range(self.venue.pools.n_live):
                pool = self.venue.pools.live[n]
                # Of the others that trade only alerts ask for figures of every check.
                if pool < self.own_pools or (
                    self.watched and self.venue.trades[self.venue.pools.account[pool]]
                ):
                    bands.due.add(pool)
                elif not self.venue.trades[self.venue.pools.account[pool]]:
                    break
        pool = bands.take()
        while pool >= 0:
            if pool < self.own_pools:
                initial += self.venue.pools.initial[pool]
                maintenance += self.venue.pools.maintenance[pool]
            self._judge(pool)
            pool = bands.take()
        if all_of_it:
            self._peaks(initial, maintenance)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _judge(self, pool: cython.int) -> cython.int:
        """Note a pool's level as evaluated just now; the figures kept are the own account's."""
        old: cython.int = self.venue.pools.checked[pool]
        level: cython.int = self.venue.pools.level[pool]
        ratio: cython.double = -NO_RATIO
        if self.venue.pools.maintenance[pool] > 0.0:
            ratio = self.venue.pools.equity[pool] / self.venue.pools.maintenance[pool]
            if pool < self.own_pools:
                if ratio < self.worst_ratio:
                    self.worst_ratio = ratio
            elif self.trading > 1:
                self._worst(self.venue.pools.account[pool], ratio)
        if level != old:
            self.venue.pools.checked[pool] = level
            if self.venue.trades[self.venue.pools.account[pool]]:
                self.cold.level_changed(pool, old, level)
            else:
                self.venue.records.add(
                    self.venue.now,
                    LEVEL_CHANGED,
                    self.venue.pools.account[pool],
                    -1,
                    pool,
                    level,
                    old,
                    0,
                )
                if old >= LIQUIDATION > level:
                    self.engine.recovered(pool)
        if self.watched and self.venue.trades[self.venue.pools.account[pool]]:
            self.cold.watch(pool)
        if level >= LIQUIDATION and self.acting:
            if self.bands is not None:
                self.bands.due.add(pool)  # found while others are liquidated: its turn is next time
        elif level >= LIQUIDATION:
            if self.n_called == self.called.shape[0]:
                self._call_room(2 * self.n_called)
            self.called[self.n_called] = pool
            self.called_ratio[self.n_called] = ratio
            self.n_called += 1
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _act(self) -> cython.int:
        """Liquidate the pools that were found at their threshold: the worst ratio first, then by
        account, then by pool, whatever order they were looked at or made in.

        The engine evaluates each again at its turn: what came before it may have helped.
        """
        k: cython.int
        pool: cython.int
        n: cython.int = self.n_called
        order: cython.Py_ssize_t[::1] = self._order()
        self.acting = True
        for k in range(n):
            pool = self.called[order[k]]
            self.engine.liquidate(pool)
            if self.bands is not None:
                self.bands.due.add(pool)  # it is looked at again at every check
        self.acting = False
        self.n_called = 0
        return 0

    def _order(self) -> Any:
        """Turns of the pools that were called: by ratio, then as their numbers say."""
        n = int(self.n_called)
        ratio = np.asarray(self.called_ratio)[:n]
        return memoryview(np.lexsort((np.asarray(self.called)[:n], ratio)))

    @cython.cfunc
    @cython.exceptval(check=False)
    def _peaks(self, initial: cython.double, maintenance: cython.double) -> cython.void:
        if initial > self.peak_initial:
            self.peak_initial = initial
        if maintenance > self.peak_maintenance:
            self.peak_maintenance = maintenance

    # Figures of further accounts that trade

    @cython.cfunc
    @cython.exceptval(check=False)
    def _worst(self, account: cython.int, ratio: cython.double) -> cython.void:
        if account <= self.trading and ratio < self.worst_of[account]:
            self.worst_of[account] = ratio

    @cython.cfunc
    @cython.exceptval(check=False)
    def _add(self, pool: cython.int) -> cython.void:
        """Count what a pool needs for its account."""
        account: cython.int = self.venue.pools.account[pool]
        if account <= self.trading:
            self.sum_of[account, 0] += self.venue.pools.initial[pool]
            self.sum_of[account, 1] += self.venue.pools.maintenance[pool]

    @cython.cfunc
    @cython.exceptval(check=False)
    def _peaks_of_others(self) -> cython.void:
        """Keep the largest sums of a check; the next one begins with nothing."""
        account: cython.int
        what: cython.int
        for account in range(2, self.trading + 1):
            for what in range(2):
                if self.sum_of[account, what] > self.peak_of[account, what]:
                    self.peak_of[account, what] = self.sum_of[account, what]
                self.sum_of[account, what] = 0.0

    def looked_at(self, pool: int) -> None:
        """A pool of a further account that trades was evaluated for a sample: with safe bands that
        is when its figures are fresh.
        """
        if self.venue.pools.maintenance[pool] > 0.0:
            ratio = self.venue.pools.equity[pool] / self.venue.pools.maintenance[pool]
            self._worst(self.venue.pools.account[pool], ratio)
        self._add(pool)

    def sampled_account(self) -> None:
        """All pools of a further account were looked at."""
        self._peaks_of_others()

    def extremes_of(self, account: int) -> tuple[float, float, float]:
        """Lowest ratio of a pool, largest initial and largest maintenance margin of an account that
        trades; the first is 1e300 where nothing was ever required.
        """
        if account == 1:
            return self.worst_ratio, self.peak_initial, self.peak_maintenance
        return self.worst_of[account], self.peak_of[account, 0], self.peak_of[account, 1]

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _convert(self) -> cython.int:
        n: cython.int
        wallet: cython.int
        asset: cython.int
        for n in range(self.own.shape[0]):
            wallet = self.own[n]
            for asset in range(self.venue.ledger.assets):
                if self.venue.ledger.balance[wallet, asset] < self.convert_below[wallet, asset]:
                    self.cold.convert(wallet, asset)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _convert_crowd(self) -> cython.int:
        """The same for wallets of a crowd: with safe bands those whose balance changed since the
        last check, else all.
        """
        ledger: Ledger = self.venue.ledger
        found = None
        k: cython.int
        wallet: cython.int
        changed: cython.bint = self.bands is not None
        for k in range(ledger.n_touched if changed else ledger.wallets):
            wallet = ledger.touched[k] if changed else k
            if wallet < self.first_wallet or wallet >= ledger.wallets:
                continue
            if self._too_low(wallet):
                found = [*(found or ()), wallet]
        if found is not None:
            for one in sorted(found):
                kind = int(self.wallet_kind[one - self.first_wallet])
                for at in range(int(ledger.assets)):
                    if ledger.balance_of(one, at) < self.crowd_convert[kind, at]:
                        self.cold.convert(one, at)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _too_low(self, wallet: cython.int) -> cython.bint:
        """Whether a balance of a crowd's wallet is to be converted."""
        kind: cython.int = self.wallet_kind[wallet - self.first_wallet]
        asset: cython.int
        if kind < 0:
            return False
        for asset in range(self.venue.ledger.assets):
            if self.venue.ledger.balance[wallet, asset] < self.crowd_convert[kind, asset]:
                return True
        return False

    @cython.cfunc
    @cython.exceptval(check=False)
    def sample(self) -> cython.void:
        """Keep a row of figures for the report."""
        if self.n_samples == self.sample_time.shape[0]:
            self._room(2 * self.n_samples)
        at: cython.longlong = self.n_samples
        n: cython.int
        pool: cython.int
        i: cython.int
        self.sample_time[at] = self.venue.now
        self.sample_equity[at] = self.account_value()
        self.sample_unified[at] = self.unified
        for n in range(self.venue.pools.n_live):
            pool = self.venue.pools.live[n]
            if pool >= self.own_pools:
                break
            self.sample_pools[at, 4 * pool] = self.venue.pools.equity[pool]
            self.sample_pools[at, 4 * pool + 1] = self.venue.pools.initial[pool]
            self.sample_pools[at, 4 * pool + 2] = self.venue.pools.maintenance[pool]
            self.sample_pools[at, 4 * pool + 3] = self.venue.pools.level[pool]
        for i in range(self.instruments):
            self.sample_prices[at, i] = self.venue.pools.mark[i]
            if self.venue.product[i] == SPOT:
                self.sample_lots[at, i] = self.venue.ledger.balance[
                    self.venue.cash_wallet[self.account, i], self.venue.base[i]
                ]
            else:
                self.sample_lots[at, i] = self.venue.ledger.quantity[self.account, i]
                if self.venue.ledger.slots > self.instruments:
                    self.sample_lots[at, i] += self.venue.ledger.quantity[
                        self.account, self.instruments + i
                    ]
        if self.liquidities is not None:
            self.liquidities.keep()
        self.n_samples += 1
        self.next_sample = self.venue.now + self.sample_step

    @cython.ccall
    @cython.exceptval(check=False)
    def account_value(self) -> cython.double:
        """Value of all wallets at index prices, less what they owe, plus unrealized profit at mark,
        USDT.
        """
        total: cython.double = 0.0
        n: cython.int
        wallet: cython.int
        asset: cython.int
        slot: cython.int
        for n in range(self.own.shape[0]):
            wallet = self.own[n]
            for asset in range(self.venue.ledger.assets):
                total += (
                    (
                        self.venue.ledger.balance[wallet, asset]
                        - self.venue.ledger.owed(wallet, asset)
                    )
                    * UNIT
                    * self.venue.pools.index[asset]
                )
        for slot in range(self.venue.ledger.slots):
            if self.venue.ledger.quantity[self.account, slot]:
                total += self.venue.pools.position_value(self.account, slot)
        return total
