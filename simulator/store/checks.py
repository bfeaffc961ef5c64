"""Checks of a stored run on its rows alone: nothing is played for them.

The ledger's entries balance, orders are the sum of their fills, liquidations were due.  Each check
returns a line that says what it found; the first row that breaks it raises ``Difference``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select

from simulator.events.outcomes import Outcome
from simulator.risk.levels import RiskLevel
from simulator.store.batch import Columns
from simulator.store.commands import chained
from simulator.store.database import Database, snapshot_digest
from simulator.store.difference import Difference
from simulator.store.reading import Reader
from simulator.store.schema import PENDING, ROWS, SNAPSHOTS
from simulator.units.text import counted

PART_ROWS = 1 << 18
ROUNDED = 1e-9
"""Share of an amount in USD that floats may differ by."""

Ints = npt.NDArray[np.int64]


def parts(reader: Reader, table: str) -> Iterator[Columns]:
    """Yield the durable rows of a table in parts."""
    for first in range(0, reader.count(table), PART_ROWS):
        yield reader.rows(table, first, first + PART_ROWS)


def stored(database: Database, reader: Reader, done: bool) -> None:
    """Assert that the tables hold the rows that are counted, and no others.

    Rows may still wait to be put into their tables, packed: of a run that is not done, and of one
    whose writing process still works behind it.
    """
    # In one statement, so that no batch becomes rows between the two answers.
    packed = select(func.min(PENDING.c.n)).where(PENDING.c.run == reader.run).scalar_subquery()
    for name, table in ROWS.items():
        with database.reading() as connection:
            query = select(func.count(), func.min(table.c.n), func.max(table.c.n), packed)
            found = connection.execute(query.where(table.c.run == reader.run)).one()
        rows, least, most, first = found
        known = reader.count(name)
        if not done and rows > known:  # it may be being written
            known = database.reader(reader.run).count(name)
        if rows and least != 0:
            raise Difference(name, least if isinstance(least, int) else 0, "n", least, 0)
        due = known
        if isinstance(first, int) and first < len(reader.batches):
            due = int(reader.batches[first - 1]["counts"][name]) if first > 0 else 0
        if rows > known or (done and rows < due):
            raise Difference(name, min(rows, known), "n", f"{rows} rows", f"{known} rows")
        if rows and most != rows - 1:
            at = most if isinstance(most, int) else rows - 1  # SQLite holds any type anywhere
            raise Difference(name, at, "n", most, rows - 1)


def snapshots(database: Database, run: int) -> int:
    """Assert that snapshots are what was written; return how many there are."""
    with database.reading() as connection:
        query = select(SNAPSHOTS).where(SNAPSHOTS.c.run == run)
        rows = [dict(row) for row in connection.execute(query).mappings()]
    for row in rows:
        digest = snapshot_digest(row["n"], row["kind"], row["image"], row["state"])
        if digest != row["sha256"]:
            raise Difference("snapshots", row["n"], "sha256", row["sha256"], digest)
    return len(rows)


def commands(reader: Reader) -> str:
    """Assert that the commands are those whose hash stands beside each batch."""
    hashes, firsts, first = [""], [], 0
    for row in reader.batches:
        end = row["counts"]["commands"]
        part = reader.rows("commands", first, end) if end > first else {}
        hashes.append(chained(hashes[-1], part))
        firsts.append(first)
        first = end
    pairs = zip(reader.batches, hashes[1:], strict=True)
    wrong = [row for row, found in pairs if row["asked"] != found]
    if wrong:
        number = wrong[0]["n"]
        if reader.batches[-1]["asked"] == hashes[-1]:
            raise Difference("batches", number, "asked", wrong[0]["asked"], hashes[number + 1])
        last = wrong[0]["counts"]["commands"] - 1
        said = f"another hash than batch {number} says, up to row {last}"
        raise Difference("commands", firsts[number], "some field", said, wrong[0]["asked"])
    return f"{counted(first, 'command')} as they were when their hash was written"


def ledger(reader: Reader) -> str:
    """Assert that every entry sums to zero, by asset, of balances, loans and interest alike."""
    entries, time, open_sums = 0, 0, dict[tuple[int, int, int], int]()
    first = 0
    for part in parts(reader, "postings"):
        rows = rows_of(part, ("entry", "time_ns", "what", "asset", "amount"))
        entry = rows[:, 0]
        for name, column, before in (("entry", entry, entries), ("time_ns", rows[:, 1], time)):
            fallen = np.flatnonzero(np.diff(column, prepend=before) < 0)
            if len(fallen):
                at = int(fallen[0])
                least = int(column[at - 1]) if at else before
                raise Difference("postings", first + at, name, int(column[at]), f"{least} or more")
        open_sums = _summed(rows, open_sums, first)
        entries, time = int(entry[-1]), int(rows[-1, 1])
        first += len(rows)
    _balanced(open_sums, first)
    said = counted(entries, "ledger entry", "ledger entries")
    return f"{said}: each sums to zero in every asset"


def _summed(
    rows: Ints, before: dict[tuple[int, int, int], int], first: int
) -> dict[tuple[int, int, int], int]:
    """Check the entries that end in a part; return the sums of the one that may go on."""
    keys, at, group = np.unique(rows[:, (0, 2, 3)], axis=0, return_index=True, return_inverse=True)
    sums = np.zeros(len(keys), dtype=np.int64)
    np.add.at(sums, group.ravel(), rows[:, 4])
    last = int(rows[-1, 0])
    going_on: dict[tuple[int, int, int], int] = {}
    open_entries = {key: value for key, value in before.items() if key[0] < int(rows[0, 0])}
    _balanced(open_entries, first)
    unbalanced = np.flatnonzero((sums != 0) | (keys[:, 0] == last) | (keys[:, 0] == rows[0, 0]))
    for place in unbalanced.tolist():
        entry, what, asset = (int(value) for value in keys[place])
        total = int(sums[place]) + before.get((entry, what, asset), 0)
        if entry == last:
            going_on[entry, what, asset] = total
        elif total:
            raise Difference(
                "postings", first + int(at[place]), "amount", f"entry {entry} off by {total}", 0
            )
    return going_on


def _balanced(sums: dict[tuple[int, int, int], int], row: int) -> None:
    for (entry, _, _), total in sums.items():
        if total:
            raise Difference("postings", row - 1, "amount", f"entry {entry} off by {total}", 0)


def orders(reader: Reader) -> str:
    """Assert that what an order says it filled is the sum of its fills."""
    found: dict[int, int] = {}
    for part in parts(reader, "fills"):
        rows = rows_of(part, ("order_id", "lots"))
        numbers, group = np.unique(rows[:, 0], return_inverse=True)
        sums = np.zeros(len(numbers), dtype=np.int64)
        np.add.at(sums, group.ravel(), rows[:, 1])
        for number, lots in zip(numbers.tolist(), sums.tolist(), strict=True):
            found[number] = found.get(number, 0) + lots
    first = filled = 0
    for part in parts(reader, "orders"):
        rows = rows_of(part, ("order_id", "filled_lots"))
        for at, (number, lots) in enumerate(rows.tolist()):
            if found.get(number, 0) != lots:
                raise Difference("orders", first + at, "filled_lots", lots, found.get(number, 0))
            filled += lots != 0
        first += len(rows)
    return f"{filled:,} of {counted(first, 'order')} with fills: each is the sum of its fills"


def liquidations(reader: Reader, threshold: float) -> str:
    """Assert that pools were liquidated at or below their threshold, and not without notice.

    ``threshold`` is the highest ratio of equity to maintenance margin at which any is.
    """
    level: dict[int, int] = {}
    first = begun = 0
    for part in parts(reader, "events"):
        rows = rows_of(part, ("kind", "order_id", "side"))
        for at, (kind, pool, now) in enumerate(rows.tolist()):
            if kind == Outcome.LEVEL_CHANGED:
                level[pool] = now
            elif kind == Outcome.LIQUIDATED:
                begun += 1
                if level.get(pool, 0) < RiskLevel.LIQUIDATION:
                    has = RiskLevel(level.get(pool, 0)).name
                    raise Difference("events", first + at, "kind", f"LIQUIDATED at {has}", "lower")
        first += len(rows)
    calls = 0
    for part in parts(reader, "liquidations"):
        equity, maintenance = part["equity"], part["maintenance"]
        for at in range(len(equity)):
            most = threshold * float(maintenance[at])  # type: ignore[arg-type]
            if float(equity[at]) > max(0.0, most) * (1 + ROUNDED):  # type: ignore[arg-type]
                raise Difference(
                    "liquidations", calls + at, "equity", equity[at], f"{most} or less"
                )
        calls += len(equity)
    return f"{counted(begun, 'liquidation')}: each of a pool at or below its threshold"


def rows_of(part: Columns, names: Sequence[str]) -> Ints:
    """Return columns of whole numbers as rows, [rows, names]."""
    return np.column_stack([np.asarray(part[name], dtype=np.int64) for name in names])
