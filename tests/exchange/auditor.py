"""An auditor of an account's life: holds a venue's every step to the plain model of DESIGN 8.

It stands between the desk and the venue: before a request is carried out the model says what must
come of it (`tests.exchange.account_model`), afterwards the two are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.accounts.rules import AccountProfile
from simulator.events.outcomes import RejectReason
from simulator.exchange.messages import (
    AccountEvent,
    FundOperation,
    FundRequest,
    LeverageRequest,
    MarginRequest,
    StepRequest,
)
from tests.exchange.account_model import FIRST, NEAR, NEXT, Model, Place, why_not


class Auditor(Model):
    """Holds a world to the model; ``counts`` says what has happened, for who asks whether it was
    much.  ``breaks``: the data may have any.
    """

    breaks = False

    def __init__(self, world: Place, profile: AccountProfile) -> None:
        super().__init__(world, profile)
        self.until = 0
        self.fills_before = -1
        self.at_switch: np.ndarray | None = None
        self.counts: Counter[str] = Counter()
        self._between(self.venue, "execute", self._request)
        self._between(self.venue, "duty", self._duty)
        self._between(self.desk.switching, "execute", self._switch)

    @staticmethod
    def _between(owner: Any, name: str, check: Callable[..., Any]) -> None:
        known = getattr(owner, name)
        setattr(owner, name, lambda *asked: check(known, *asked))

    # Between the desk and the venue

    def _request(self, carry_out: Callable[[int], None], number: int) -> None:
        asked = self.venue.requests[number]
        if self.venue.of_strategy(asked.strategy).account != self.account:
            carry_out(number)
        elif isinstance(asked, StepRequest):
            self._step(asked, lambda: carry_out(number))
        else:
            self._funds(asked, lambda: carry_out(number))

    def _step(self, asked: StepRequest, carry_out: Callable[[], None]) -> None:
        step, before, table = asked.step.name, self.state, self.table()
        reason = why_not(self.state, step)
        cool_down, passed = self.cool_until, self.passed
        expected = [] if reason else self.conditions(asked)
        told = len(self.modes.events)
        orders = self.core.open_orders(self.account)
        self.at_switch = None
        carry_out()
        event, *more = self.modes.events[told:]
        assert (event.step.name, event.before.name, event.time_ns) == (step, before, self.now)
        assert event.actor == type(self.world.strategies[asked.strategy]).__name__
        named = [(one.name, one.met) for one in event.conditions]
        assert [name for name, _ in named] == [name for name, _ in expected], event
        for (name, met), (_, found) in zip(expected, named, strict=True):
            assert met is None or met == found, (name, met, event)
        if reason is None and not all(found for _, found in named):
            reason = "CONDITIONS_NOT_MET"
        assert (event.refusal.name if event.refusal else None) == reason, event
        if self.at_switch is not None:
            self._only_repaid(table, self.at_switch)
            table = self.at_switch
        self._same(event, table)
        self.counts[f"{step} {reason or 'taken'}"] += 1
        for one in event.unmet:
            self.counts[f"{step} {one.name}"] += 1
        if reason:
            assert (event.after.name, more) == (before, []), event
            assert (self.table() == table).all(), "a refused step moves nothing"
            assert self.core.open_orders(self.account) == orders, "a refused step cancels nothing"
            if reason != "CONDITIONS_NOT_MET":
                assert (self.cool_until, self.passed) == (cool_down, passed)
            return
        self.state = NEXT[before, step]
        self.counts[f"{self.state} with {min(2, len(self.open_contracts()))} positions"] += 1
        self.passed = self.passed and step == "ACCEPT_AGREEMENT"
        assert event.after.name == self.state
        self._suspend(event, more)

    def _suspend(self, event: AccountEvent, more: list[AccountEvent]) -> None:
        """A switch that takes time suspends the account up to a tick; one of none is over."""
        if not self.suspended:
            assert (event.suspended_until_ns, more) == (0, [])
            return
        back = self.state == "SWITCHING_TO_SEPARATED"
        pause = self.rules.return_ns if back else self.rules.switch_ns
        if pause == 0:
            (done,) = more
            assert event.suspended_until_ns == 0
            self._completed(done)
            return
        assert more == []
        tick = self.modes.tick_ns
        self.until = -(-(self.now + pause) // tick) * tick
        assert event.suspended_until_ns == self.until
        self.fills_before = int(self.core.n_fill_rows)

    def _only_repaid(self, table: np.ndarray, after: np.ndarray) -> None:
        """A switch cancels the orders before it moves anything: those that repay what they held
        pay debts, and nothing else moves.
        """
        wealth = [of[0] - of[1] - of[2] for of in (table, after)]
        assert (wealth[0] == wealth[1]).all(), "money moved before the switch"
        assert (after[1:] <= table[1:]).all(), "a debt grew before the switch"
        self.counts["repaid before the switch"] += int((after != table).any())

    def _same(self, event: AccountEvent, table: np.ndarray) -> None:
        """An event's balances are the ledger's, and their sums by asset the same."""
        sums = []
        for balances in (event.balances_before, event.balances_after):
            amounts = np.zeros_like(table)
            for wallet, row in enumerate(self.wallets()):
                for asset, name in enumerate(self.world.assets):
                    three = balances.get(row, {}).get(name, (0, 0, 0))
                    amounts[:, wallet, asset] = [int(one * 10**8) for one in three]
            sums.append(amounts)
        assert (sums[0] == table).all(), "the balances before are not the ledger's"
        assert (sums[0].sum(axis=1) == sums[1].sum(axis=1)).all(), "a step made or lost money"

    def _switch(self, execute: Callable[[str], Any], mode: str) -> Any:
        """The switch itself: all of it, and nothing but the wallets and the pools."""
        ledger = self.core.ledger
        table, positions, entries = self.table(), self.positions(), ledger.entries
        self.at_switch = table
        venue = self.balances(range(FIRST))
        if mode == "separated":
            assert all(met for _, met in self.way_back()), "a way back that was not free"
        made = execute(mode)
        assert (table.sum(axis=1) == self.table().sum(axis=1)).all(), "a switch made or lost money"
        assert (self.moved(table, mode) == self.table()).all(), "money went to another wallet"
        assert (venue == self.balances(range(FIRST))).all(), "the venue gained by a switch"
        assert positions == self.positions()
        assert self.core.open_orders(self.account) == 0
        assert not self.held().any()
        assert ledger.entries - entries == 1, "one entry"
        if mode == "unified" and self.merged is not None:
            pool = self.desk.pool_figures("unified")
            for have, expected in zip(
                (pool.equity, pool.maintenance_margin), self.merged, strict=True
            ):
                assert abs(have - float(expected)) <= NEAR * (1 + abs(have))
        return made

    def held(self) -> np.ndarray:
        """What open orders hold, of the account's wallets."""
        own = self.world.partition.numbers
        return np.asarray(self.core.ledger.held)[own.start : own.stop]

    def moved(self, table: np.ndarray, mode: str) -> np.ndarray:
        """Where a switch must bring what the wallets have and owe."""
        names, after = self.wallets(), table.copy()
        shared = names.index("unified")
        for wallet, name in enumerate(names):
            member = name.partition(":")[0] in self.members
            target = shared if mode == "unified" else names.index(self.rules.split_to)
            if member if mode == "unified" else wallet == shared:
                after[:, target] += after[:, wallet]
                after[:, wallet] = 0
        return after

    def _duty(self, due: Callable[[int], int], now: int) -> int:
        told = len(self.modes.events)
        following = due(now)
        for event in self.modes.events[told:]:
            late = self.breaks and now > self.until  # the clock does not run in a break of the data
            assert late or now == self.until, "a switch is complete at its instant"
            self._only_forced()
            self.counts["forced while suspended"] += int(self.core.n_fill_rows) - self.fills_before
            self._completed(event)
        return following

    def _completed(self, event: AccountEvent) -> None:
        before, self.state = self.state, self.mode.upper()
        assert (event.step.name, event.actor) == ("COMPLETE_SWITCH", "venue")
        assert (event.before.name, event.after.name) == (before, self.state)
        assert event.refusal is None
        assert event.balances_before == event.balances_after
        self.until, self.fills_before = 0, -1
        self.counts[f"complete {self.state}"] += 1

    def _only_forced(self) -> None:
        """While the account is suspended nothing fills but what liquidates it."""
        if self.fills_before >= 0:
            rows = self.core.fills()[self.fills_before :]
            rows = rows[rows[:, 11] == self.account]
            assert (rows[:, 10] != 0).all(), "an order filled while the account was suspended"

    def _funds(self, asked: Any, carry_out: Callable[[], None]) -> None:
        """Nothing but a deposit is done during a switch; withdrawn is what may be."""
        operation = getattr(asked, "operation", None)
        table, told = self.table(), len(self.desk.funds.events)
        rejected = self.core.rejected()[RejectReason.ACCOUNT_SUSPENDED]
        most = -1
        if operation is FundOperation.WITHDRAW:
            most = self.desk.funds.most(asked.source, asked.asset)
        carry_out()
        after = self.core.rejected()[RejectReason.ACCOUNT_SUSPENDED]
        if self.suspended and operation is not FundOperation.DEPOSIT:
            assert after == rejected + 1
            assert (self.table() == table).all(), "a suspended account's request moved money"
            self.counts[f"suspended {type(asked).__name__}"] += 1
            return
        assert after == rejected
        if isinstance(asked, (LeverageRequest, MarginRequest)):
            return
        event = self.desk.funds.events[told]
        self.counts[f"{event.operation.name} {'refused' if event.refusal else 'done'}"] += 1
        if isinstance(asked, FundRequest) and most >= 0:
            least = asked.units is None
            allowed = most > 0 if least else 0 < asked.units <= most
            assert allowed == (not event.refusal), (event, most)
            if allowed:
                assert int(event.quantity * 10**8) == (most if least else asked.units)

    # After every command

    def hold(self) -> None:
        """Assert what is true of an account at every instant, and that it was told of it."""
        self.venue.verify()
        self.stand()
        seen = self.world.seen  # type: ignore[attr-defined]
        assert seen.steps == self.modes.events[: len(seen.steps)]
        told = [one for one in self.desk.funds.events if one.time_ns > self.start]
        assert seen.funds == told[: len(seen.funds)]

    def stand(self) -> None:
        """Assert what is true of an account at every instant."""
        partition = self.world.partition
        assert (partition.mode, self.modes.state.name) == (self.mode, self.state)
        assert self.core.is_suspended(self.account) == self.suspended
        assert self.modes.suspended_until_ns == self.until
        live = [name for _, name, _, _ in partition.live_pools]
        lines = [name.partition(":")[0] for name in live]
        if self.mode == "unified":
            assert live.count("unified") == 1
            assert not set(lines) & set(self.members), "a member's pool beside the unified one"
        else:
            assert "unified" not in live
        held = self.held()
        used = self.table().any(axis=(0, 2)) | held.any(axis=1)
        for name, any_of_it in zip(self.wallets(), used, strict=True):
            member = name.partition(":")[0] in self.members
            other = member if self.mode == "unified" else name == "unified"
            assert not (other and any_of_it), f"wallet {name} in the {self.mode} mode"
        if self.suspended:
            assert not held.any()
            assert self.core.open_orders(self.account) == 0
        self._only_forced()
