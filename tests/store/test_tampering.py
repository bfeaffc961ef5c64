"""Goal: whatever is changed in a stored run, verify finds it and says where.

Method: a run in which everything happens that has a table; then one value in each column of each
table is changed, one at a time, and rows are taken away, put in and given to other batches.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator
from simulator.liquidation.rules import InsuranceRules
from simulator.simulation import Simulation
from simulator.store.batch import PACKED, TABLES
from simulator.store.commands import chained
from simulator.store.database import Database
from simulator.store.difference import Difference
from simulator.store.journal import Journal
from simulator.store.recorded import Playback, stand_ins, told_of
from simulator.store.schema import BATCHES, RUNS, SNAPSHOTS
from simulator.store.verify import Violation
from simulator.strategy.base import Strategy
from tests.cascade.kit import BRACKETS, Cascade, Holder, even_book, falling, impact_of, market

PERP, SPOT = "um:BTCUSDT", "spot:BTCUSDT"
FIRST = 100_000.0
RUN = 1


class Trader(Strategy):
    """Asks for something of every kind, and holds a position that is liquidated."""

    resumable = True

    def on_start(self, ctx: Any) -> None:
        market = ctx.market(PERP)
        ctx.alert(ratio=5.0)
        ctx.subscribe(market, "bars", every=2)
        ctx.subscribe(market, "trades")
        ctx.schedule(every=1.0, name="each second")
        ctx.transfer("USDT", 3000, "spot", "um")
        ctx.account.apply_unified()

    def on_timer(self, ctx: Any, name: str) -> None:
        market = ctx.market(PERP)
        if market.position == 0 and not ctx.orders(market):
            ctx.buy(market, 0.2)
        order = ctx.buy(market, 0.01, market.mark * 0.9)
        ctx.submit(market, 1, 0.01, kind="stop", trigger=market.mark * 2)
        ctx.cancel(order)
        ctx.cancel_all(market)


def make(strategies: Any = None) -> Simulation:
    """A fall of 9 % in half a minute: a position is liquidated, others are deleveraged."""
    holders = [
        Holder(4, {PERP: 100}, {PERP: FIRST}, {PERP: 500.0}, {"um": {"USDT": 10.0}}),
        Holder(5, {PERP: -300}, {PERP: FIRST}, balance={"um": {"USDT": 20_000.0}}),
    ]
    path = falling(FIRST, (5, 1.0), (20, 0.93), (30, 0.91), volatility=0.2)
    made = market(30, {"BTC": path}, (SPOT, PERP))
    cascade = Cascade(
        made,
        holders,
        rulebook=BRACKETS,
        impact=impact_of(even_book(3e6, levels=50)),
        insurance=InsuranceRules({"USDT": Decimal(100)}),
        strategies=[Trader()] if strategies is None else strategies,
        deposits={"USDT": 4000},
        latency="5",
    )
    return cascade.sim


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a run that is done."""
    place = tmp_path_factory.mktemp("kept") / "runs.db"
    journal = Journal.open(place, cut_rows=40, snapshot_seconds=0.0)
    make().run(journal=journal)
    journal.database.close()
    assert not place.with_name("runs.db-wal").exists(), "the file alone is the database"
    return place


@pytest.fixture
def place(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(kept, tmp_path / "runs.db"))


def verified(place: Path) -> Any:
    return simulator.verify(place, RUN, make=make)


def found_in(place: Path) -> str:
    """Return the table in which verify finds something, or what else it says."""
    with pytest.raises((Difference, Violation)) as caught:
        verified(place)
    error = caught.value
    return error.table if isinstance(error, Difference) else str(error)


def changed(place: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute(statement, values).rowcount == 1
        connection.commit()


def another(value: Any, kind: str) -> Any:
    """A value near by: the next whole number, the next but one float, one letter more."""
    if kind == "float":
        return value * (1 + 1e-15) + 1e-300
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    return value + 1 if isinstance(value, int) else f"{value or ''}x"


def cells() -> Iterator[Any]:
    """Every column of every table, and its kind; those between the first and the last are slow."""
    for table, columns in TABLES.items():
        if table not in PACKED:
            first, *_, last = columns
            for name, kind in columns.items():
                marks = () if name in (first, last) else pytest.mark.slow
                yield pytest.param(table, name, kind, marks=marks)
    for table in (BATCHES, RUNS, SNAPSHOTS):
        yield from (
            (table.name, column.name, "other") for column in table.columns if not column.primary_key
        )


def test_nothing_is_wrong_with_it(place: Path) -> None:
    found = verified(place)
    empty = [name for name, rows in found.rows.items() if not rows]
    assert empty == [], "something of each table is there to be changed"


@pytest.mark.parametrize(("table", "column", "kind"), list(cells()))
def test_a_changed_value_is_found(place: Path, table: str, column: str, kind: str) -> None:
    key = "run" if table == "runs" else "n"
    with closing(sqlite3.connect(place)) as connection:
        rows = connection.execute(
            f'SELECT {key}, "{column}" FROM {table} ORDER BY {key}'
        ).fetchall()
    given = [row for row in rows if row[1] is not None] or rows
    number, value = given[len(given) // 2]
    statement = f'UPDATE {table} SET "{column}" = ? WHERE {key} = ?'
    changed(place, statement, another(value, kind), number)
    assert table in found_in(place)


@pytest.mark.parametrize("table", [name for name in TABLES if name not in PACKED])
@pytest.mark.parametrize("which", ["first", "last"])
def test_a_row_that_is_gone_is_found(place: Path, table: str, which: str) -> None:
    place_of = "MIN" if which == "first" else "MAX"
    changed(place, f"DELETE FROM {table} WHERE n = (SELECT {place_of}(n) FROM {table})")
    assert table in found_in(place)


@pytest.mark.parametrize("which", ["MIN", "MAX"])
def test_a_number_that_is_none_is_found(place: Path, which: str) -> None:
    """SQLite puts a text into a column of numbers."""
    changed(place, f"UPDATE fills SET n = 'json' WHERE n = (SELECT {which}(n) FROM fills)")
    assert "fills" in found_in(place)


@pytest.mark.parametrize("table", [name for name in TABLES if name not in PACKED])
def test_a_row_too_many_is_found(place: Path, table: str) -> None:
    columns = ", ".join(f'"{name}"' for name in TABLES[table])
    changed(
        place,
        f"INSERT INTO {table} (run, n, {columns}) SELECT run, n + 1, {columns} FROM {table} "
        f"WHERE n = (SELECT MAX(n) FROM {table})",
    )
    assert table in found_in(place)


def test_changed_outcomes_are_found(place: Path) -> None:
    with closing(sqlite3.connect(place)) as connection:
        number, body = connection.execute("SELECT n, body FROM packs ORDER BY n DESC").fetchone()
    changed(place, "UPDATE packs SET body = ? WHERE n = ?", another(body, "other"), number)
    said = found_in(place)
    assert "outcomes" in said or "packs" in said


@pytest.mark.parametrize("view", ["readable_fills", "entries"])
def test_a_changed_view_is_found(place: Path, view: str) -> None:
    """It lies to who asks in SQL, whatever the tables have."""
    with closing(sqlite3.connect(place)) as connection:
        (query,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = ?", (view,)
        ).fetchone()
        connection.execute(f"DROP VIEW {view}")
        connection.execute(f"{query} LIMIT 1")
    assert f"view {view} is not defined as it was made" in found_in(place)


def test_a_changed_command_with_its_hash_is_found(place: Path) -> None:
    """Whoever writes the hash anew has the outcomes against him."""
    changed(
        place,
        "UPDATE commands SET d = d + 1 WHERE n = (SELECT MIN(n) FROM commands WHERE what = 1)",
    )
    database = Database.open(place)
    reader = database.reader(RUN)
    before = ""
    for row in reader.batches:
        first = reader.batches[row["n"] - 1]["counts"]["commands"] if row["n"] else 0
        end = row["counts"]["commands"]
        before = chained(before, reader.rows("commands", first, end) if end > first else {})
        changed(place, "UPDATE batches SET asked = ? WHERE n = ?", before, row["n"])
    database.close()
    assert found_in(place) in ("outcomes", "orders", "events")


@pytest.mark.parametrize(
    ("column", "value"),
    [("strategy", 99), ("a", 99), ("a", -1), ("b", 7), ("e", 12), ("g", 4), ("what", 44)],
)
def test_a_command_that_no_strategy_can_give_is_refused(
    place: Path, column: str, value: int
) -> None:
    """Numbers reach compiled code, which does not look whether they are within its columns."""
    with closing(sqlite3.connect(place)) as connection:
        rows = connection.execute("SELECT * FROM commands WHERE what = 1 ORDER BY n").fetchone()
    row = dict(zip(["run", "n", *TABLES["commands"]], rows, strict=True))
    columns: Any = {
        name: [row[name]] if name == "payload" else np.array([row[name]], dtype=np.int64)
        for name in TABLES["commands"]
    }
    columns[column] = np.array([value], dtype=np.int64)
    columns["wake"] = np.array([0], dtype=np.int64)
    playback = Playback([columns])
    (kind,) = stand_ins(playback, [told_of(Trader())])
    again = make([kind()])
    playback.attach(again)
    with pytest.raises(Difference, match="commands, row 0"):
        again.run()


def test_what_is_told_is_json(place: Path) -> None:
    with closing(sqlite3.connect(place)) as connection:
        for (text,) in connection.execute("SELECT payload FROM commands WHERE payload IS NOT NULL"):
            json.loads(text)
        for (text,) in connection.execute("SELECT details FROM mode_events"):
            assert json.loads(text)["conditions"] is not None
