"""A run that is looked at after every row of its tape, and what must be true then.

Each row is handed to the engine alone.  Where anything came of it (a posting, an outcome, a
command) all checks are made; every so many rows they are made anyway, so that a column that changed
in silence is found too.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from simulator.errors import InputError
from simulator.events.outcomes import Outcome
from simulator.market.tape import Kind
from simulator.risk.reference import pool_margin
from simulator.simulation import Simulation
from simulator.store.recorder import Recorder
from tests.simulation.hunt.admission import MARGIN, WORKING
from tests.simulation.hunt.money import Money
from tests.simulation.hunt.orders import Lives

ANYWAY = 64
"""Rows between two looks where nothing came of any."""

SAMPLE = 150
"""Looks between two samples of what takes long: margin by the readable model."""

NEAR = 1e-6
"""Share of the amounts behind it by which a float figure may differ from the readable model's."""

LARGE = 1e12
"""Worth from which on a pool's floats are no longer compared."""


class Watch(Recorder):
    """Holds a run to the auditors and to the invariants of a venue; ``run(journal=Watch(run))``.

    ``rows`` are those of the tape, [row, 9].
    """

    def __init__(self, run: Simulation, rows: np.ndarray) -> None:
        super().__init__(None, cut_rows=1)
        self.run, self.core, self.desk = run, run.core, run.desk
        self.ledger, self.records = run.core.ledger, run.core.records
        self.core.keep_log()
        self.asked: Any = self.core.asked
        self.lives = Lives(run)
        self.money = Money(run, self.lives)
        self.counts: Counter[str] = Counter()
        told = rows[rows[:, 3] == Kind.FUNDING]
        self.fundings = Counter((time, number) for time, _, number, *_ in told.tolist())
        self.levels: dict[int, int] = {}
        self.rows = self.looks = 0
        self.seen = (-1, -1, -1, -1)
        self.clocks = (0, 0)
        self.story: Any = None

    def begin(self, run: Any) -> int:
        """Open the run."""
        run._ran = True
        run._open()
        self.look()
        return 0

    def cut(self, rows: int, last: bool = False) -> None:
        """A row was replayed."""
        self.rows = rows
        if last:
            return
        ledger = self.ledger
        stands = (ledger.postings, ledger.entries, self.records.count, self.asked.count)
        if stands == self.seen and self.rows % ANYWAY:
            return
        self.look()

    def look(self) -> None:
        """Make all checks."""
        self.looks += 1
        core = self.core
        asked, outcomes = self.asked.take(), self.records.take()
        self.seen = (
            self.ledger.postings,
            self.ledger.entries,
            self.records.count,
            self.asked.count,
        )
        if self.story is not None:
            self.story(asked, outcomes)
        clocks = (int(core.now), int(core.local_now))
        assert clocks[0] >= self.clocks[0], "the venue's clock went back"
        assert clocks[1] >= self.clocks[1], "the strategies' clock went back"
        self.clocks = clocks
        self.desk.verify()
        self.money.postings(self.ledger.log.take())
        self.money.compare()
        self.lives.asked(asked)
        self.lives.outcomes(outcomes)
        self.lives.compare()
        self.money.account(outcomes)
        self.holds()
        for row in outcomes.tolist():
            if row[1] == Outcome.LEVEL_CHANGED:
                self.levels[row[4]] = row[5]
            elif row[1] == Outcome.MODE_STEP:  # its pools begin anew, and nobody is told
                for pool in self.desk.accounts[row[2]].partition.pool_numbers:
                    self.levels[pool] = self.core.pools.checked_level(pool)
        if self.looks % SAMPLE == 0:
            self.sample()

    def holds(self) -> None:
        """Open orders hold what they may cost, and nothing else is held; orders count once."""
        run = self.run
        ledger = self.ledger
        held = np.zeros((ledger.wallets, ledger.assets), np.int64)
        best: dict[tuple[int, int], int] = {}
        for order in self.lives.open.values():
            if order.state != WORKING:
                continue
            one = run.player.instruments[order.instrument]
            partition = self.desk.accounts[order.account].partition
            if one.market == "spot":
                of = partition.lending if order.flags & MARGIN else partition.cash
                wallet = of[order.instrument]
                if order.side > 0:
                    worth = self.lives.value(order.instrument, order.left, order.price)
                    held[wallet, run.assets.index(one.quote)] += worth
                else:
                    lots = int(order.left * one.lot * 10**8)
                    held[wallet, run.assets.index(one.base)] += lots
            else:
                if one.market == "option" and order.side > 0:
                    worth = self.lives.value(order.instrument, order.left, order.price)
                    wallet = partition.cash[order.instrument]
                    held[wallet, run.assets.index(one.settle)] += worth
            key = (order.instrument, order.side)
            price = order.price * order.side
            best[key] = max(best.get(key, price), price)
        assert np.array_equal(held, np.asarray(ledger.held)), (
            f"held is {np.asarray(ledger.held).tolist()}, open orders need {held.tolist()}"
        )
        for (instrument, side), price in best.items():
            other = best.get((instrument, -side))
            assert other is None or price + other < 0, f"own orders cross in {instrument}"

    def sample(self) -> None:
        """Pools by the readable margin model, levels by their figures."""
        self.counts["samples"] += 1
        run, desk = self.run, self.desk
        pools = self.core.pools
        layout = desk.switching.layouts[run.partition.mode]
        for pool in run.partition.live:
            pools.evaluate(pool)
        kept = desk.snapshots.take()
        for pool in run.partition.live:
            equity, _, maintenance, level = pools.figures(pool)
            if max(abs(equity), maintenance, *kept.index, *kept.marks) > LARGE:
                continue
            told = layout.margin.ladder_of(run.partition.kind_of(pool))
            try:
                found = pool_margin(desk.snapshots.state(kept, pool), layout.margin)
            except InputError:  # a premium that no volatility explains
                self.counts["not to be margined"] += 1
                continue
            gross = 1.0 + abs(equity) + maintenance
            gross += sum(abs(n) * 1e-8 * kept.index[a] for (_, a), n in kept.balances.items())
            for name, have, plain in (
                ("equity", equity, found.adjusted_equity),
                ("maintenance margin", maintenance, found.maintenance_margin),
            ):
                assert abs(have - float(plain)) <= NEAR * gross, (
                    f"{name} of pool {run.partition.pools[pool][0]} is {have}, "
                    f"the readable model says {float(plain)}"
                )
            expected = told.level(found.adjusted_equity, found.maintenance_margin)
            assert level == expected or _near_edge(equity, maintenance, told), (
                f"level {level} of pool {pool}, must be {expected!r}"
            )
            self.counts["pools sampled"] += 1
        for pool in (*run.partition.live, *run.roster.live.tolist()):
            checked = pools.checked_level(pool)
            assert checked == self.levels.get(pool, 0), f"level {checked} of pool {pool} untold"

    def end(self, traders: Any) -> None:
        """The run is over: nothing is under way, everybody was told of everything."""
        before = {seq: order.filled for seq, order in self.lives.orders.items()}
        self.look()
        self.sample()
        self.money.end(self.fundings)
        told: Counter[tuple[int, str]] = Counter()
        filled: Counter[int] = Counter()
        for trader in traders:
            for number, what, _, quantity in trader.heard:
                seq = number >> 24
                told[seq, what] += 1
                if what == "FILL":
                    one = self.run.player.instruments[self.lives.orders[seq].instrument]
                    filled[seq] += round(quantity / float(one.lot))
        for seq, order in self.lives.orders.items():
            # Of what the last tick of the venue's clock brings nobody is told any more.
            assert before.get(seq, 0) <= filled[seq] <= order.filled, (
                f"told of {filled[seq]} lots filled of {order}"
            )
            for what in ("ACCEPTED", "CANCELED", "EXPIRED", "REJECTED"):
                most = 2 if what == "ACCEPTED" and order.trigger else 1
                assert told[seq, what] <= most, f"told {what} {told[seq, what]} times of {order}"


def _near_edge(equity: float, maintenance: float, ladder: Any) -> bool:
    """Whether floats may be on another side of a threshold than exact figures."""
    rungs = (ladder.margin_call, ladder.reduce_only, ladder.liquidation)
    edges = [0.0, *(float(one.at) * maintenance for one in rungs if one)]
    near = NEAR * (1.0 + abs(equity) + maintenance)
    return any(abs(equity - edge) <= near for edge in edges) or maintenance <= near
