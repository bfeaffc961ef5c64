"""A plain model of an account's life between the modes: DESIGN 8 read off the ledger.

Everything here is worked out from the ledger, the fills and the clock alone.  It shares with the
engine what the rulebook asks for, the bank of questions, and the readable margin model.

It stands in small worlds that a test drives by hand (`tests.exchange.world`) and in the runs of
`tests.simulation.hunt`, of which it knows what `Place` says.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from simulator.accounts.agreement import current
from simulator.accounts.rules import AccountProfile
from simulator.errors import InputError
from simulator.exchange.measuring import follows
from simulator.exchange.messages import StepRequest
from simulator.risk.reference import pool_margin

FIRST = 5
"""The first wallet that is not the venue's own."""

DAY_NS = 86_400 * 10**9
LIQUIDATION = 3
NEAR = 1e-6
"""Share by which two ways to work out a figure may differ; so near a threshold both are right."""

NEXT = {
    ("SEPARATED", "APPLY_FOR_UNIFIED"): "APPLIED",
    ("APPLIED", "ACCEPT_AGREEMENT"): "AGREED",
    ("APPLIED", "WITHDRAW_APPLICATION"): "SEPARATED",
    ("AGREED", "WITHDRAW_APPLICATION"): "SEPARATED",
    ("AGREED", "ANSWER_QUESTIONNAIRE"): "SWITCHING_TO_UNIFIED",
    ("UNIFIED", "REQUEST_SEPARATED"): "SWITCHING_TO_SEPARATED",
}
WHY_NOT = {
    "SEPARATED": "NOT_APPLIED",
    "APPLIED": {"APPLY_FOR_UNIFIED": "ALREADY_APPLIED", "ANSWER_QUESTIONNAIRE": "NOT_AGREED"},
    "AGREED": {"APPLY_FOR_UNIFIED": "ALREADY_APPLIED", "ACCEPT_AGREEMENT": "ALREADY_AGREED"},
    "UNIFIED": "ALREADY_UNIFIED",
    "SWITCHING_TO_UNIFIED": "SWITCH_IN_PROGRESS",
    "SWITCHING_TO_SEPARATED": "SWITCH_IN_PROGRESS",
}
MERGED = ("SWITCHING_TO_UNIFIED", "UNIFIED")

LARGE = 1e12
"""Worth from which on floats of a pool say nothing about its ratio any more."""

Found = list[tuple[str, bool | None]]
"""Conditions by name, in order: met or not; None: too close to its threshold to say."""


class Place(Protocol):
    """What the model must know of where an account is: a run, or a world of a test."""

    core: Any
    desk: Any
    partition: Any
    instruments: Any
    assets: Any
    strategies: Any
    now: int


def why_not(state: str, step: str) -> str | None:
    """Return why a step cannot be taken in a state whatever the account is like."""
    if (state, step) in NEXT:
        return None
    if step == "REQUEST_SEPARATED" and state in ("SEPARATED", "APPLIED", "AGREED"):
        return "ALREADY_SEPARATED"
    found = WHY_NOT[state]
    return found if isinstance(found, str) else found[step]


def above(have: Decimal | float, need: Decimal | float, *, equal: bool = True) -> bool | None:
    """Return whether a figure reaches another, None where it is too close to say."""
    difference, near = float(have) - float(need), NEAR * (1 + abs(float(need)))
    if equal and have == need:
        return True
    return None if abs(difference) < near else difference > 0


class Model:
    """What an account's state should be, and what must come of a step."""

    def __init__(self, world: Place, profile: AccountProfile) -> None:
        self.world, self.profile = world, profile
        self.desk, self.core = world.desk, world.core
        self.venue, self.account = self.desk.venue, self.desk.account
        self.modes, self.rules = world.desk.modes, world.desk.modes.rules
        self.members = world.desk.switching.layouts["unified"].partition.members
        self.state = "UNIFIED" if world.partition.mode == "unified" else "SEPARATED"
        self.start = world.now
        self.passed = False
        self.cool_until = 0
        self.merged: tuple[Decimal, Decimal] | None = None

    # What the ledger says

    @property
    def now(self) -> int:
        return int(self.core.now)

    @property
    def suspended(self) -> bool:
        return self.state.startswith("SWITCHING")

    @property
    def mode(self) -> str:
        return "unified" if self.state in MERGED else "separated"

    def table(self) -> np.ndarray:
        """Balance, loan and interest by wallet and asset, of the account's wallets."""
        ledger, own = self.core.ledger, self.world.partition.numbers
        debts = [np.asarray(of)[own.start : own.stop] for of in (ledger.loan, ledger.interest)]
        return np.stack([self.balances(own), *debts])

    def balances(self, wallets: range) -> np.ndarray:
        found: np.ndarray = self.core.ledger.columns()[0][wallets.start : wallets.stop].copy()
        return found

    def positions(self) -> list[tuple[int, int]]:
        """Lots and cost by slot."""
        slots = range(len(self.world.partition.margin))
        return [self.core.ledger.position_of(self.account, slot) for slot in slots]

    def wallets(self) -> list[str]:
        partition = self.world.partition
        return [partition.name_of(number) for number in partition.numbers]

    def open_contracts(self) -> list[int]:
        """Slots of positions other than spot."""
        listed = self.world.instruments
        return [
            slot
            for slot, (lots, _) in enumerate(self.positions())
            if lots and listed[slot % len(listed)].market != "spot"
        ]

    def net_assets(self) -> float:
        """Balances less debts at index prices and positions at marks, of the rulebook's lines."""
        pools, listed, assets = self.core.pools, self.world.instruments, self.world.assets
        lines = self.rules.net_assets_lines
        counted = [
            not lines or name.partition(":")[0] in (*lines, "unified") for name in self.wallets()
        ]
        balance, loan, interest = self.table()[:, counted]
        net = (balance - loan - interest).sum(axis=0)
        total = sum(float(n) * 1e-8 * pools.index_price(a) for a, n in enumerate(net))
        line_of = {"um": "um", "cm": "cm", "option": "options"}
        for slot in self.open_contracts():
            one, (lots, cost) = listed[slot % len(listed)], self.positions()[slot]
            if lines and line_of[one.market] not in lines:
                continue
            mark = pools.mark_price(slot % len(listed))
            size = lots * float(one.lot * one.contract_size)
            if one.market == "option":
                worth = lots * float(one.lot) * mark * float(one.contract_size)
            elif one.inverse:
                worth = -size / mark - cost * 1e-8
            else:
                worth = size * mark - cost * 1e-8
            total += worth * pools.index_price(assets.index(one.settle))
        return float(total)

    def experience(self) -> tuple[int, Decimal]:
        """Futures orders filled in the window and their notional; forced ones do not count."""
        orders, volume = set(), Decimal(0)
        since = self.now - self.rules.experience_days * DAY_NS
        for row in self.core.fills().tolist():
            one = self.world.instruments[row[1]]
            if (
                row[0] < since
                or row[11] != self.account
                or row[10]
                or one.market not in ("um", "cm")
            ):
                continue
            orders.add(row[2])
            size = row[5] * one.lot * one.contract_size
            volume += size if one.inverse else size * row[4] * one.tick
        return len(orders), volume

    def _liquidating(self) -> bool:
        live = self.world.partition.live
        return any(self.core.pools.checked_level(pool) >= LIQUIDATION for pool in live)

    # What must come of a step

    def eligibility(self, at_switch: bool) -> Found:
        rules, levels = self.rules, ("none", "basic", "advanced")
        found: Found = []
        if rules.kyc != "none":
            met = levels.index(self.profile.kyc) >= levels.index(rules.kyc)
            found.append(("KYC", met))
        if rules.net_assets:
            found.append(("NET_ASSETS", above(self.net_assets(), rules.net_assets)))
        if rules.account_age_days:
            age = self.profile.age_days + (self.now - self.start) // DAY_NS
            found.append(("ACCOUNT_AGE", age >= rules.account_age_days))
        trades, volume = self.experience()
        if rules.futures_trades:
            met = trades + self.profile.futures_trades >= rules.futures_trades
            found.append(("FUTURES_TRADES", met))
        if rules.futures_volume:
            met = volume + self.profile.futures_volume >= rules.futures_volume
            found.append(("FUTURES_VOLUME", met))
        found.append(("NO_LIQUIDATION", not self._liquidating()))
        held = self.open_contracts()
        if not rules.isolated_positions:
            partition = self.world.partition
            names = [partition.name_of(partition.margin[s]) for s in held]
            found.append(("NO_ISOLATED_POSITIONS", not any(n.startswith("um:") for n in names)))
        if not rules.open_positions:
            found.append(("NO_OPEN_POSITIONS", not held))
        if at_switch and rules.open_orders == "refuse":
            found.append(("NO_OPEN_ORDERS", self.core.open_orders(self.account) == 0))
        return found

    def way_back(self) -> Found:
        balance, loan, interest = self.table()
        return [
            ("NO_LIQUIDATION", not self._liquidating()),
            ("NO_OPEN_POSITIONS", not self.open_contracts()),
            ("NO_OPEN_ORDERS", self.core.open_orders(self.account) == 0),
            ("NO_LOANS", not loan.any()),
            ("NO_INTEREST", not interest.any()),
            ("NO_NEGATIVE_BALANCES", not (balance < 0).any()),
        ]

    def after_merge(self) -> bool | None:
        """Whether the merged pool would be above its warning, by the readable margin model.

        None where that model cannot say: snapshots are the first account's, and prices may be such
        that floats or premiums mean nothing any more.
        """
        self.merged = None
        if self.desk is not self.venue:
            return None
        layout, snapshots = self.desk.switching.layouts["unified"], self.desk.snapshots
        wallets = self.world.partition.wallets
        shared = wallets.index("unified")

        def merged(cells: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
            sums: Counter[tuple[int, int]] = Counter()
            for (wallet, asset), units in cells.items():
                member = wallets[wallet].partition(":")[0] in self.members
                sums[shared if member else wallet, asset] += units
            return dict(sums)

        kept = snapshots.take()
        measured = self.desk.measuring._measured if follows(layout.margin) else None
        kept = replace(
            kept,
            mode="unified",
            balances=merged(kept.balances),
            loans=merged(kept.loans),
            interest=merged(kept.interest),
            correlation=measured.correlations() if measured else {},
            measured_volatility=measured.volatilities() if measured else {},
        )
        names = [name for name, _, _ in layout.partition.pools]
        try:
            found = pool_margin(snapshots.state(kept, names.index("unified")), layout.margin)
        except InputError:
            return None
        gross = sum(abs(n) * 1e-8 * kept.index[asset] for (_, asset), n in kept.balances.items())
        if max(gross, *kept.index, *kept.marks) > LARGE:
            return None
        self.merged = found.adjusted_equity, found.maintenance_margin
        equity, needed = found.adjusted_equity, found.maintenance_margin
        if needed <= 0:
            return above(equity, 0)
        ladder = layout.margin.ladder_of("unified")
        rung = next(r for r in (ladder.margin_call, ladder.reduce_only, ladder.liquidation) if r)
        return above(equity, needed * (self.rules.ratio_after or rung.at), equal=False)

    def _answered(self, asked: StepRequest) -> tuple[Found, bool, bool]:
        """Return the conditions of an answer, whether it passes, and whether it fails."""
        cooling = self.now < self.cool_until
        graded = not self.passed and not cooling
        passed = self.passed
        if graded:
            questions = self.modes.questionnaire()
            right = sum((asked.answers or {}).get(one.id) == one.answer for one in questions)
            passed = Fraction(right, len(questions)) >= Fraction(self.rules.pass_mark)
        found: Found = [("COOL_DOWN", not cooling)] if self.rules.cool_down_ns else []
        found.append(("PASS_MARK", passed))
        found += self.eligibility(at_switch=True)
        found.append(("UNIMMR_AFTER", self.after_merge()))
        return found, passed, graded and not passed

    def conditions(self, asked: StepRequest) -> Found:
        step = asked.step.name
        if step == "APPLY_FOR_UNIFIED":
            return self.eligibility(at_switch=False)
        if step == "ACCEPT_AGREEMENT":
            return [("AGREEMENT_VERSION", asked.version == current().version)]
        if step == "REQUEST_SEPARATED":
            return self.way_back()
        if step == "ANSWER_QUESTIONNAIRE":
            found, self.passed, failed = self._answered(asked)
            if failed:
                self.cool_until = self.now + self.rules.cool_down_ns
            return found
        return []
