"""A run that is looked at after everything that happens in it, and what must be true then.

The venue's invariants are checked in compiled code after every event (`simulator.exchange.guard`).
Where anything came of a row (a posting, an outcome, a command) the auditors look too, at what
changed; every so many looks, and rows, they look at everything, so that a column that changed in
silence is found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.accounts.profile import profile_of
from simulator.errors import InputError
from simulator.events.outcomes import Outcome
from simulator.exchange.guard import Guard
from simulator.market.tape import Kind
from simulator.replay.parts import parts
from simulator.risk.reference import pool_margin
from simulator.simulation import Simulation
from tests.simulation.hunt.admission import MARGIN, WORKING
from tests.simulation.hunt.case import Case
from tests.simulation.hunt.faults import IN_TICKS
from tests.simulation.hunt.marks import Heard, Marks
from tests.simulation.hunt.modes import Steps
from tests.simulation.hunt.money import Money
from tests.simulation.hunt.orders import Lives

ANYWAY = 64
"""Rows between two looks where nothing came of any."""

WHOLE = 16
"""Looks between two at everything."""

SAMPLE = 600
"""Looks between two samples of what takes long: margin by the readable model."""

PART_ROWS = 1 << 14

NEAR = 1e-6
"""Share of the amounts behind it by which a float figure may differ from the readable model's."""

LARGE = 1e12
"""Worth from which on a pool's floats are no longer compared."""


class Watch:
    """Plays a run, and holds it to the auditors and to the invariants of a venue.

    ``changes`` are done before each look: deliberate faults.
    """

    def __init__(self, run: Simulation, case: Case) -> None:
        self.run, self.core, self.desk = run, run.core, run.desk
        self.ledger, self.records = run.core.ledger, run.core.records
        self.core.keep_log()
        self.records.keep = True
        self.asked: Any = self.core.asked
        self.lives = Lives(run)
        for number in range(len(run.player.instruments)):
            told = case.rows[(case.rows[:, 2] == number) & np.isin(case.rows[:, 3], IN_TICKS)]
            self.lives.dearest[number] = int(told[:, 6].max(initial=0))
        self.money = Money(run, self.lives, case.world["impact"] is not None)
        profiles = [] if case.world["crowd"] else _profiles(case)  # beside a crowd: one mode only
        self.steps = [
            Steps(run, account, profile_of(profile))
            for account, profile in enumerate(profiles, start=1)
        ]
        self.trading = self.money.worth.trading
        self.trading.begin(case)
        self.seats: list[Steps | None] = [None, *self.steps]
        self.counts: Counter[str] = Counter()
        heard = isinstance(run.desk.upkeep, Heard)
        self.marks = Marks(run, case) if heard else None
        told = case.rows[case.rows[:, 3] == Kind.FUNDING]
        self.fundings = Counter((time, number) for time, _, number, *_ in told.tolist())
        self.levels: dict[int, int] = {}
        self.rows = self.looks = self.outcomes = self.wholes = 0
        self.clocks = (0, 0)
        self.held = np.asarray(self.ledger.held)
        self.changes: list[Callable[[], None]] = []
        self.story: Any = None

    def play(self) -> str:
        """Play the run to its end; return its digest."""
        run, core = self.run, self.core
        settled = [run.assets.index(one.settle) for one in run.player.instruments]
        core.guard = Guard(self.ledger, self.records, self.asked, settled, self.desk.lender, ANYWAY)
        run._ran = True
        run._open()
        self.look(whole=True)
        for part in parts(run.player.blocks(prefetch=False), run.latency.arrival, PART_ROWS):
            columns, done = part.columns(), 0
            while done < len(columns[0]):
                # The core ends its rows early where anything came of one.
                done += core.run_rows(*[column[done:] for column in columns])
                self.rows = part.after - len(columns[0]) + done
                self.look()
        core.finish()
        core.wake()
        for strategy, context in zip(run.strategies, core.contexts, strict=True):
            strategy.on_stop(context)
        run.check()
        return str(self.records.digest())

    def look(self, whole: bool = False) -> None:
        """Make all checks on what changed; ``whole``: on everything."""
        self.looks += 1
        core = self.core
        for change in self.changes:
            change()
        asked, told, posted = self.asked.take(), self.records.take(), self.ledger.log.take()
        if self.story is not None:
            self.story(asked, told)
        clocks = (int(core.now), int(core.local_now))
        assert clocks[0] >= self.clocks[0], "the venue's clock went back"
        assert clocks[1] >= self.clocks[1], "the strategies' clock went back"
        self.clocks = clocks
        quiet = not (len(asked) or len(told) or len(posted))
        whole = whole or quiet or self.looks % WHOLE == 0
        if len(asked):
            self.lives.asked(asked.tolist())
        if len(told) or len(posted):
            outcomes = told.tolist()
            self.outcomes += len(outcomes)
            self.lives.outcomes(outcomes)
            self.trading.played(self.rows)
            self.money.look(posted, outcomes)
            self.trading.looked()
            self.follow_levels(outcomes)
        self.money.compare()
        if self.lives.touched or whole:
            self.lives.compare(whole)
            self.holds()
        if whole:
            self.at_large()
        if self.looks % SAMPLE == 0:
            self.sample()

    def at_large(self) -> None:
        """What hardly any event changes: all positions, and one account's mode after the other."""
        self.wholes += 1
        self.money.whole()
        if self.wholes % len(self.seats) == 0:
            self.desk.verify()  # the guard has seen to what of this changes often
        steps = self.seats[self.wholes % len(self.seats)]
        if steps is not None:
            steps.stand()

    def told(self) -> Counter[str]:
        """How often what happened."""
        counts = self.lives.counts + self.money.counts + self.money.worth.counts + self.counts
        counts["outcomes"] += self.outcomes
        counts += self.trading.counts
        if self.marks is not None:
            counts += self.marks.counts
        for steps in self.steps:
            counts.update({f"step {what}": n for what, n in steps.counts.items()})
        return counts

    def follow_levels(self, outcomes: list[list[int]]) -> None:
        """Levels of pools as they were told."""
        for row in outcomes:
            if row[1] == Outcome.LEVEL_CHANGED:
                self.levels[row[4]] = row[5]
            elif row[1] == Outcome.MODE_STEP:  # its pools begin anew, and nobody is told
                self.seats[row[2]].stand()  # type: ignore[union-attr]
                for pool in self.desk.accounts[row[2]].partition.pool_numbers:
                    self.levels[pool] = self.core.pools.checked_level(pool)

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
                    units = self.lives.base_units(order.instrument, order.left)
                    held[wallet, run.assets.index(one.base)] += units
            else:
                if one.market == "option" and order.side > 0:
                    worth = self.lives.value(order.instrument, order.left, order.price)
                    wallet = partition.cash[order.instrument]
                    held[wallet, run.assets.index(one.settle)] += worth
            key = (order.instrument, order.side)
            price = order.price * order.side
            best[key] = max(best.get(key, price), price)
        assert np.array_equal(held, self.held), (
            f"held is {self.held.tolist()}, open orders need {held.tolist()}"
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
        self.look(whole=True)
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
            assert filled[seq] == order.filled, f"told of {filled[seq]} lots filled of {order}"
            for what in ("ACCEPTED", "CANCELED", "EXPIRED", "REJECTED"):
                most = 2 if what == "ACCEPTED" and order.trigger else 1
                assert told[seq, what] <= most, f"told {what} {told[seq, what]} times of {order}"


def _near_edge(equity: float, maintenance: float, ladder: Any) -> bool:
    """Whether floats may be on another side of a threshold than exact figures."""
    rungs = (ladder.margin_call, ladder.reduce_only, ladder.liquidation)
    edges = [0.0, *(float(one.at) * maintenance for one in rungs if one)]
    near = NEAR * (1.0 + abs(equity) + maintenance)
    return any(abs(equity - edge) <= near for edge in edges) or maintenance <= near


def _profiles(case: Case) -> list[Any]:
    """Profile of each account that trades, as the world has it."""
    return [case.world["profile"], *(one["profile"] for one in case.world["others"])]
