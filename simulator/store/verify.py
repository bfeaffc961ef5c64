"""Checks a stored run: what it was made from, its rows alone, and its rows against a run of its
commands, which needs nothing of the strategies' code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.errors import InputError
from simulator.events.outcomes import Outcome
from simulator.rulebook.schema import Rulebook
from simulator.store import checks, definitions
from simulator.store.batch import TABLES
from simulator.store.checker import Checker, Enough
from simulator.store.database import Database
from simulator.store.difference import Difference
from simulator.store.reading import Reader
from simulator.store.recorded import Playback, stand_ins
from simulator.store.recorder import Recorder
from simulator.store.settings import changed_files, settings_of, stored_rulebook
from simulator.strategy.base import Strategy
from simulator.units.text import counted

Make = Callable[[dict[str, Any], Rulebook, list[type[Strategy]]], Any]
"""Of a run's settings, its rulebook and the classes of its stand-ins: the simulation, not run."""


class Violation(Exception):  # noqa: N818  (the noun that users read)
    """A stored run is not in order, in a way that no single field tells."""


@dataclass(slots=True)
class Verification:
    """What was checked of a run, and found in order.

    ``rows`` are those of each table, ``checks`` a line each, ``notes`` what is worth knowing
    besides.  ``done``: the run has ended; else it was checked as far as it is durable.
    """

    run: int
    done: bool
    batches: int = 0
    tape_rows: int = 0
    digest: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    checks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(database: Database, run: int, make: Make, *, strict: bool = False) -> Verification:
    """Check a run; return what was checked.

    ``strict`` asserts the venue's invariants after every event.  Raises ``Difference`` at the first
    field that is not as it should be, ``Violation`` for what else is wrong; ``InputError`` where
    the run cannot be found, or its data.
    """
    row = database.run_row(run)
    if run in database.lost:
        raise Violation(database.lost[run])
    settings = settings_of(row)
    found = Verification(run, row["status"] == "done")
    try:
        database.check()
        _defined(database, found)
        reader = database.reader(run)
        _ended(row, reader)
        checks.stored(database, reader, found.done)
        found.notes += _shots(checks.snapshots(database, run))
        found.checks.append(checks.commands(reader))
    except InputError as error:  # rows that cannot be read are no user's mistake here
        raise Violation(str(error)) from error
    playback = Playback(checks.parts(reader, "commands"))
    kinds = stand_ins(playback, settings["strategies"])
    simulation = make(settings, stored_rulebook(row), kinds)
    changed = changed_files(settings, simulation.tapes)
    if changed:
        raise Violation("; ".join(changed))
    playback.attach(simulation)
    simulation.core.strict = strict
    _play(simulation, playback, reader, Again(reader, int(row["cut_rows"]), found, strict))
    # After the comparison, which names a changed field where these can only say that sums are off.
    found.checks += [
        checks.ledger(reader),
        checks.orders(reader),
        checks.liquidations(reader, settings["liquidation_at"]),
    ]
    found.rows = {name: reader.count(name) for name in TABLES}
    return found


class Again(Recorder):
    """Compares a run that is played again, and stops where the stored one ends."""

    def __init__(
        self, reader: Reader, cut_rows: int, found: Verification, strict: bool = False
    ) -> None:
        super().__init__(Checker(reader), cut_rows, 1 if strict else 0)
        self.reader = reader
        self.found = found
        self.began: Any = None

    def cut(self, rows: int, last: bool = False) -> None:
        """Compare what is new; at the end of what is stored, the sums too."""
        super().cut(rows, last)
        run, core = self.run, self.run.core
        if self.began is None:
            self.began = np.array(core.ledger.columns()[2])
        if self.harvest.number < len(self.reader.batches):
            return
        self.found.checks += [
            _positions(run, self.reader, self.began),
            _balances(run, self.reader),
        ]
        self.found.batches, self.found.tape_rows = self.harvest.number, rows
        self.found.digest = core.records.digest()
        if not last:
            raise Enough


def _play(simulation: Any, playback: Playback, reader: Reader, again: Again) -> None:
    number = len(reader.batches)
    try:
        simulation.run(journal=again)
    except Enough:
        if again.found.done:
            raise Difference("batches", number, "n", "nothing", "another batch") from None
        playback.end()
        return
    except AssertionError as error:
        raise Violation(f"an invariant of the venue broke: {error}") from error
    except InputError as error:
        raise Violation(str(error)) from error
    playback.end()
    if again.harvest.number < number:
        raise Difference("batches", again.harvest.number, "n", "a batch", "the end of the run")


def _defined(database: Database, found: Verification) -> None:
    """Assert that tables and views are those of the migrations."""
    try:
        line = definitions.wrong(database)
    except definitions.Unknown as error:
        found.notes.append(f"definitions of tables and views were not compared: {error}")
        return
    if line is not None:
        raise Violation(line)
    names = len(definitions.NAMES)
    found.checks.append(f"{names} tables and views are defined as they were made")


def _ended(row: dict[str, Any], reader: Reader) -> None:
    """Assert that the run's row says of its end what the last batch does."""
    run, done = int(row["run"]), row["status"] == "done"
    if not reader.batches:
        if done:
            raise Difference("runs", run, "status", "done", "running: nothing is durable")
        raise Violation("nothing of it is durable, so there is nothing to check")
    last = reader.batches[-1]
    if row["status"] not in ("running", "done", "failed", "interrupted"):
        raise Difference("runs", run, "status", row["status"], "running, done, failed, interrupted")
    if done != (row["digest"] is not None):
        raise Difference("runs", run, "status", row["status"], "done where there is a digest")
    if done and row["digest"] != last["digest"]:
        raise Difference("runs", run, "digest", row["digest"], last["digest"])
    if done and row["rows"] != last["tape_rows"]:
        raise Difference("runs", run, "rows", row["rows"], last["tape_rows"])


def _shots(count: int) -> list[str]:
    return [f"{counted(count, 'snapshot')} of the bytes that were written"] if count else []


def _positions(run: Any, reader: Reader, began: Any) -> str:
    """Assert that positions are what they began with, the fills, and less what was settled."""
    ledger = run.core.ledger
    held = dict[tuple[int, int], int]()
    for part in checks.parts(reader, "fills"):
        rows = checks.rows_of(part, ("account", "position", "instrument", "side", "lots"))
        for account, slot, instrument, side, lots in rows.tolist():
            if run.player.instruments[instrument].market != "spot":
                held[account, slot] = held.get((account, slot), 0) + side * lots
    for part in checks.parts(reader, "events"):
        rows = checks.rows_of(part, ("kind", "account", "order_id", "side", "quantity"))
        for _, account, slot, side, lots in rows[rows[:, 0] == Outcome.SETTLED].tolist():
            if (account, slot) in held or began[account, slot]:
                held[account, slot] = held.get((account, slot), 0) - side * lots
    for (account, slot), lots in held.items():
        has = int(ledger.position_of(account, slot)[0])
        if has != int(began[account, slot]) + lots:
            what = f"lots of account {account}, slot {slot}"
            raise Difference("fills", reader.count("fills") - 1, what, lots, has)
    return f"{counted(len(held), 'position')}: each is the sum of its fills"


def _balances(run: Any, reader: Reader) -> str:
    """Assert that the balances of all wallets are the sums of their postings."""
    ledger = run.core.ledger
    sums = np.zeros((3, ledger.wallets, ledger.assets), dtype=np.int64)
    for part in checks.parts(reader, "postings"):
        rows = checks.rows_of(part, ("what", "wallet", "asset", "amount"))
        np.add.at(sums, (rows[:, 0], rows[:, 1], rows[:, 2]), rows[:, 3])
    balance, owed, _, _ = ledger.columns()
    for name, mine, theirs in (("balance", sums[0], balance), ("debt", sums[1] + sums[2], owed)):
        wrong = np.argwhere(mine != theirs)
        if len(wrong):
            wallet, asset = (int(number) for number in wrong[0])
            what = f"{name} of wallet {wallet} in asset {asset}"
            has, should = int(mine[wallet, asset]), int(theirs[wallet, asset])
            raise Difference("postings", reader.count("postings") - 1, what, has, should)
    wallets = int(np.count_nonzero((balance != 0).any(axis=1)))
    return f"balances of {counted(wallets, 'wallet')}: each is the sum of its postings"
