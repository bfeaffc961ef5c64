"""Goal: a guard finds what breaks the venue's invariants after the very event, and no sound venue.

Method: columns of a small world's ledger are changed behind its back, one at a time; rows are given
to a core with a guard, which must end them where something came of one and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from simulator.exchange.guard import Guard
from simulator.market.tape import LAST, Kind
from tests.exchange.world import World

SECOND = 10**9


def guarded(every: int = 1000) -> tuple[World, Guard]:
    """A world with a position, and its guard."""
    world = World()
    world.core.keep_log()
    settled = [world.assets.index(one.settle) for one in world.instruments]
    core = world.core
    guard = Guard(core.ledger, core.records, core.asked, settled, world.desk.lender, every)
    world.open_markets()
    world.transfer(50_000)
    world.ctx.submit(world.market("um:BTCUSDT"), 1, 0.1)
    world.step()
    assert world.lots("um:BTCUSDT") == 100
    return world, guard


def _add(column: Callable[[Any], Any], row: int, at: int) -> Callable[[Any], None]:
    def change(ledger: Any) -> None:
        column(ledger)[row, at] += 1

    return change


BROKEN = {
    "an asset": _add(lambda ledger: ledger.columns()[0], 5, 0),
    "a loan": _add(lambda ledger: np.asarray(ledger.loan), 5, 0),
    "interest": _add(lambda ledger: np.asarray(ledger.interest), 5, 0),
    "lots": _add(lambda ledger: ledger.columns()[2], 1, 1),
    "costs": _add(lambda ledger: ledger.columns()[3], 1, 1),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_column_that_changed_in_silence_is_found(what: str) -> None:
    world, guard = guarded()
    guard.hold()
    BROKEN[what](world.core.ledger)
    with pytest.raises(AssertionError):
        guard.hold()


def test_what_is_held_is_never_negative() -> None:
    world, guard = guarded()
    np.asarray(world.core.ledger.held)[5, 0] = -1
    with pytest.raises(AssertionError, match="below 0"):
        guard.hold()


def test_rows_end_where_something_came_of_one() -> None:
    world, guard = guarded()
    price = 1_000_000
    world.ctx.submit(world.market("um:BTCUSDT"), 1, 0.1, price=99_990.0)
    world.step()
    world.core.guard = guard
    guard.after()
    at = world.number("um:BTCUSDT")
    # Levels far below change nothing; the third row sells through the order's price.
    rows = [(world.now + n * SECOND // 1000, 0, at, Kind.DEPTH, LAST, 1, 5, n, 0) for n in (1, 2)]
    rows.append((world.now + 3_000_000, 0, at, Kind.TRADE, LAST, -1, price - 200, 10**9, 0))
    rows += [(world.now + n * 1_000_000, 0, at, Kind.DEPTH, LAST, 1, 5, n, 0) for n in (4, 5)]
    columns = [
        np.array([row[n] for row in rows], dtype=kind)
        for n, kind in enumerate(("i8", "i8", "i4", "u1", "u1", "i1", "i8", "i8", "i8"))
    ]
    columns[1] = columns[0]
    played = world.core.run_rows(*map(memoryview, columns))
    assert played == 3, "the row that filled the order is the last"
    assert world.lots("um:BTCUSDT") == 200
    rest = world.core.run_rows(*(memoryview(column[played:]) for column in columns))
    assert rest == 2, "nothing came of the others"


def test_quiet_rows_are_looked_at_now_and_then() -> None:
    _, guard = guarded(every=3)
    assert [bool(guard.after()) for _ in range(7)] == [True, False, False, True, False, False, True]
