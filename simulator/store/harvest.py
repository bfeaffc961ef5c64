"""From a running simulation, what is new since the last cut: the batches of a journal.

The engine notes what a journal needs (`Core.keep_log`, `Ledger.keep_log`), and its own logs grow;
a harvest keeps a cursor on each of them.  What it makes depends on the state of the engine alone,
so a run that is played again gives the same batches, bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from simulator.accounts.conditions import Condition
from simulator.accounts.crowd import FIRST
from simulator.accounts.states import AccountState, ModeRefusal, Step
from simulator.accounts.wallets import Partition
from simulator.book.codes import Expiry
from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.account_desk import AccountDesk
from simulator.exchange.core import Core
from simulator.exchange.desk import Desk
from simulator.exchange.messages import AccountEvent, Balances
from simulator.exchange.roster import Roster
from simulator.exchange.waterfall import STAGES
from simulator.instruments.instrument import Instrument
from simulator.risk.levels import RiskLevel
from simulator.store.batch import TABLES, Batch, Columns, rows_of
from simulator.store.commands import Asked, chained, payloads
from simulator.store.orders import OrderRows, chosen_by

Ints = npt.NDArray[np.int64]

NO_POOL = -1
"""Pool of a margin sample that is of the first account as a whole; of further ones that trade it is
their number below zero."""

CODES: dict[str, type[IntEnum]] = {
    "outcome": Outcome,
    "reject_reason": RejectReason,
    "expiry": Expiry,
    "level": RiskLevel,
    "step": Step,
    "state": AccountState,
    "refusal": ModeRefusal,
}
"""Kinds of ``names`` that are the same in every run."""

CONDITION = tuple(one.name for one in fields(Condition))

TOLD = (
    Outcome.ACCEPTED,
    Outcome.FILLED,
    Outcome.CANCELED,
    Outcome.EXPIRED,
    Outcome.REJECTED,
)
"""Kinds of outcome that orders and fills tell; others are rows of ``events`` too."""

IS_TOLD = chosen_by(TOLD)


class Playing(Protocol):
    """Market data as a run plays them."""

    instruments: list[Instrument]


class Running(Protocol):
    """What a harvest needs of ``simulator.simulation.Simulation``."""

    core: Core
    desk: Desk
    roster: Roster
    partition: Partition
    assets: list[str]
    player: Playing
    strategies: Sequence[Any]


class Harvest:
    """Batches of one run, numbered from 0 on; the engine must keep its logs from the start."""

    def __init__(self, run: Running) -> None:
        self.run = run
        self.number = 0
        self.orders = OrderRows()
        self._rows = dict.fromkeys(TABLES, 0)
        self._samples = 0
        self._asked = ""
        self._calls: npt.NDArray[Any] = run.desk.liquidator.engine.calls()

    def take(self, tape_rows: int, last: bool = False) -> Batch:
        """Return what is new, after ``tape_rows`` rows of the tape; ``last``: nothing follows."""
        core: Any = self.run.core  # its logs are there once it keeps them
        tables: dict[str, Columns] = {}
        if self.number == 0:
            tables["accounts"], tables["names"] = accounts(self.run), names(self.run)
        asked, outcomes = _columns_of(core.asked.take()), _columns_of(core.records.take())
        if asked.shape[1]:
            tables["commands"] = self._commands(asked)
        if outcomes.shape[1]:
            tables["outcomes"] = _named("outcomes", outcomes)
            tables["events"] = self._events(outcomes)
        if asked.shape[1] or outcomes.shape[1] or last:
            ended = self.orders.take(asked, self._rows["commands"], outcomes, core, last)
            tables["orders"] = _named("orders", ended)
        fills = core.fills()[self._rows["fills"] :]
        if len(fills):
            tables["fills"] = _named("fills", _columns_of(fills))
        posted = core.ledger.log.take()
        if len(posted):
            tables["postings"] = _named("postings", _columns_of(posted))
        self._rare(tables)
        for name, columns in tables.items():
            self._rows[name] += rows_of(columns)
        self._asked = chained(self._asked, tables.get("commands", {}))
        made = Batch(
            number=self.number,
            tape_rows=tape_rows,
            time_ns=int(core.now),
            digest=core.records.digest(),
            asked=self._asked,
            tables={name: found for name, found in tables.items() if rows_of(found)},
        )
        self.number += 1
        return made

    def state(self) -> dict[str, Any]:
        """Return where the cursors stand, as JSON, for `restore`."""
        return {
            "number": self.number,
            "rows": dict(self._rows),
            "samples": self._samples,
            "asked": self._asked,
            "orders": self.orders.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was asked; the engine has what it had then."""
        self.number = int(state["number"])
        self._rows = {name: int(state["rows"][name]) for name in TABLES}
        self._samples = int(state["samples"])
        self._asked = str(state["asked"])
        self.orders.begin_with(state["orders"])
        self._calls = self.run.desk.liquidator.engine.calls()

    # Tables

    def _commands(self, asked: Ints) -> Columns:
        numbers = [name for name in TABLES["commands"] if name != "payload"]
        made = _named("commands", asked, numbers)
        made["payload"] = payloads(asked, self.run.core.asked_names, self.run.desk.requests)
        return made

    def _events(self, outcomes: Ints) -> Columns:
        others = np.flatnonzero(~IS_TOLD[outcomes[1]])
        if not len(others):
            return {}
        return _named("events", np.vstack((self._rows["outcomes"] + others, outcomes[:, others])))

    def _rare(self, tables: dict[str, Columns]) -> None:
        """Add what most cuts have nothing of."""
        desk = self.run.desk
        engine = desk.liquidator.engine
        events = desk.steps()[self._rows["mode_events"] :]
        if events:
            tables["mode_events"] = _mode_events(events)
        if engine.n_calls:
            tables["liquidations"] = self._liquidations(engine.calls())
        if engine.n_closings > self._rows["closings"]:
            rows = engine.closings()[self._rows["closings"] :]
            tables["closings"] = _fields("closings", rows)
        if engine.n_history > self._rows["insurance_fund"]:
            rows = engine.fund_history()[self._rows["insurance_fund"] :]
            tables["insurance_fund"] = _fields("insurance_fund", rows)
        tables["margin_history"] = self._margin()

    def _liquidations(self, calls: npt.NDArray[Any]) -> Columns:
        """Rows of liquidations that are new, or went on since the last cut."""
        known = len(self._calls)
        went_on = np.flatnonzero(calls[:known] != self._calls)
        numbers = np.concatenate((went_on, np.arange(known, len(calls))))
        self._calls = calls
        return {"call": numbers.astype(np.int64), **_fields("liquidations", calls[numbers], "call")}

    def _margin(self) -> Columns:
        """Samples of the accounts that trade, one after the other: equity, and the figures of the
        pools that have any.
        """
        done = self._samples
        parts = [_margin_of(desk, done) for desk in self.run.desk.accounts.values()]
        self._samples += parts[0][0]
        if not parts[0][0]:
            return {}
        return {name: np.concatenate([part[name] for _, part in parts]) for name in parts[0][1]}


def _margin_of(desk: AccountDesk, done: int) -> tuple[int, Columns]:
    """Return how many samples of an account there are after the first ``done``, and their rows."""
    samples, partition = desk.samples(), desk.partition
    time, equity = samples["time"][done:], samples["equity"][done:]
    if not len(time):
        return 0, {}
    pools = len(partition.pools)
    figures = samples["pools"][done:, : 4 * pools].reshape(len(time), pools, 4)
    whole = np.zeros((len(time), 1, 4))
    whole[:, 0, 0], whole[:, 0, 3] = equity, -1.0
    figures = np.concatenate((whole, figures), axis=1)
    at, pool = np.nonzero(figures.any(axis=2))
    chosen = figures[at, pool]
    numbers = np.array([NO_POOL * desk.account, *partition.pool_numbers], dtype=np.int64)
    return len(time), {
        "time_ns": np.ascontiguousarray(time[at], dtype=np.int64),
        "pool": numbers[pool],
        "level": chosen[:, 3].astype(np.int64),
        "equity": np.ascontiguousarray(chosen[:, 0]),
        "initial_margin": np.ascontiguousarray(chosen[:, 1]),
        "maintenance_margin": np.ascontiguousarray(chosen[:, 2]),
    }


def accounts(run: Running) -> Columns:
    """Return who is on the venue, by number, with the mode that an account begins in."""
    roster = run.roster
    every = range(roster.accounts)
    return {
        "number": np.arange(roster.accounts, dtype=np.int64),
        "name": [roster.name_of(one) for one in every],
        "kind": [roster.group_of(one) for one in every],
        "mode": [roster.mode_of(one) or None for one in every],
    }


def names(run: Running) -> Columns:
    """Return what the numbers in other tables mean: instruments, assets, wallets, pools, codes.

    ``tick``, ``lot``, ``quote`` and ``settled_in`` are of the instrument of that number.
    """
    listed = run.player.instruments
    kinds: dict[str, list[tuple[int, str]]] = {
        "instrument": list(enumerate(one.name for one in listed)),
        "tick": list(enumerate(f"{one.tick:f}" for one in listed)),
        "lot": list(enumerate(f"{one.lot:f}" for one in listed)),
        "quote": list(enumerate(one.quote for one in listed)),
        "settled_in": list(enumerate(one.settle for one in listed)),
        "asset": list(enumerate(run.assets)),
        "wallet": [*enumerate(run.partition.wallets), *further_wallets(run)],
        "pool": [
            (NO_POOL, "account"),
            *enumerate(name for name, _, _ in run.partition.pools),
            *further_pools(run),
        ],
        "strategy": list(enumerate(type(one).__name__ for one in run.strategies)),
        "stage": list(enumerate(STAGES)),
        "command": [(int(one), one.name) for one in Asked],
    }
    for kind, codes in CODES.items():
        kinds[kind] = [(int(one), one.name) for one in codes]
    rows = [(kind, number, name) for kind, named in kinds.items() for number, name in named]
    return {
        "kind": [kind for kind, _, _ in rows],
        "number": np.array([number for _, number, _ in rows], dtype=np.int64),
        "name": [name for _, _, name in rows],
    }


def further_wallets(run: Running) -> list[tuple[int, str]]:
    """Return the wallets of further accounts that trade, each after its account's name."""
    return [
        (number, f"{name}/{one.name_of(number)}")
        for name, one in zip(run.roster.called, run.roster.traders, strict=True)
        for number in one.numbers
    ]


def further_pools(run: Running) -> list[tuple[int, str]]:
    """Return the pools of further accounts that trade, each after its account's name, and the
    accounts as a whole.
    """
    named = list(zip(run.roster.called, run.roster.traders, strict=True))
    return [
        *((NO_POOL * number, name) for number, (name, _) in enumerate(named, FIRST)),
        *(
            (number, f"{name}/{one.pool(number)[0]}")
            for name, one in named
            for number in one.pool_numbers
        ),
    ]


def _columns_of(rows: Ints) -> Ints:
    """Return rows of a log of the engine turned: [column, row], each column contiguous."""
    return np.ascontiguousarray(rows.T, dtype=np.int64)


def _named(table: str, whole: Ints, columns: Sequence[str] = ()) -> Columns:
    """Return [column, row] as the columns of a table by their names."""
    return dict(zip(columns or TABLES[table], whole, strict=True))


def _fields(table: str, rows: npt.NDArray[Any], *without: str) -> Columns:
    """Return rows of a log of the engine, by the places of their fields, as columns."""
    named = [name for name in TABLES[table] if name not in without]
    assert rows.dtype.names is not None
    assert len(named) == len(rows.dtype.names)
    return {
        name: np.ascontiguousarray(rows[own])
        for name, own in zip(named, rows.dtype.names, strict=True)
    }


def _mode_events(events: Sequence[AccountEvent]) -> Columns:
    def ints(read: Callable[[AccountEvent], int]) -> Ints:
        return np.array([read(one) for one in events], dtype=np.int64)

    return {
        "time_ns": ints(lambda one: one.time_ns),
        "account": ints(lambda one: one.account),
        "step": ints(lambda one: int(one.step)),
        "state_before": ints(lambda one: int(one.before)),
        "state_after": ints(lambda one: int(one.after)),
        "suspended_until_ns": ints(lambda one: one.suspended_until_ns),
        "refusal": ints(lambda one: -1 if one.refusal is None else int(one.refusal)),
        "actor": [one.actor for one in events],
        "details": [_details(one) for one in events],
    }


def _details(event: AccountEvent) -> str:
    """Return what an event says beside its numbers, as JSON."""

    def exact(balances: Balances) -> dict[str, dict[str, list[str]]]:
        return {
            wallet: {asset: [str(part) for part in parts] for asset, parts in held.items()}
            for wallet, held in balances.items()
        }

    told = {
        "conditions": [
            {name: _plain(getattr(one, name)) for name in CONDITION} for one in event.conditions
        ],
        "balances_before": exact(event.balances_before),
        "balances_after": exact(event.balances_after),
        "note": event.note,
    }
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)


def _plain(value: object) -> bool | str | None:
    return value if isinstance(value, bool) or value is None else str(value)
