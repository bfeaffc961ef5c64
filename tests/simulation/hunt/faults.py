"""What goes wrong with a feed: rows that are late, twice, missing; gaps; wild prices; no liquidity.

A fault is a few words and numbers; it is applied to rows that are complete, in order.  Times never
fall, as the importers keep it; prices stay within what they accept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.market.tape import Kind
from tests.simulation.hunt.draws import Draws

Rows = NDArray[np.int64]

TIME, RECEIVE, INSTRUMENT, KIND, FLAGS, SIDE, PRICE, QUANTITY, ID = range(9)
SECOND = 10**9
IN_TICKS = (Kind.DEPTH, Kind.TRADE, Kind.QUOTE, Kind.AGG_TRADE, Kind.LIQUIDATION)
IN_E8 = (Kind.MARK, Kind.INDEX)
MOST_TICKS, MOST_E8 = (1 << 40) - 1, 1 << 60
GAPS = (90, 360, 660, 3_600, 7_200, 8 * 3_600, 26 * 3_600, 3 * 86_400)
KINDS = (
    "late", "late_stamps", "twice", "missing", "gap", "gap", "gap", "wild", "wild", "wild",
    "one_tick", "drought", "crossed", "flood", "instant",
)  # fmt: skip
WILD = (100.0, 0.01, 1.5, 0.6, 0.85, 1.2, 1e6, 1e-5)


def draw_faults(draws: Draws, world: dict[str, Any]) -> list[dict[str, Any]]:
    """Return up to six faults; one tape in eight has none."""
    found = []
    for _ in range(0 if draws.chance(0.12) else draws.whole(1, 6)):
        kind = draws.pick(KINDS)
        fault: dict[str, Any] = {
            "kind": kind,
            "at": round(draws.share(), 4),
            "rows": int(draws.scale(1, 400)),
        }
        if kind == "gap":
            fault["ns"] = draws.pick(GAPS) * SECOND + draws.pick((0, 1, 499_999_999))
        elif kind in ("late", "late_stamps"):
            fault["ns"] = int(draws.scale(1e6, 3e11))
        elif kind == "wild":
            fault["factor"] = draws.pick(WILD)
        if kind in ("wild", "one_tick"):
            fault["of"] = draws.pick(("all", "all", "books", "marks", "index"))
        found.append(fault)
    return found


def afflict(rows: Rows, faults: Sequence[dict[str, Any]]) -> Rows:
    """Return rows with faults, one after the other."""
    for fault in faults:
        first = int(fault["at"] * len(rows))
        part = slice(first, min(len(rows), first + fault["rows"]))
        if part.stop > part.start:
            rows = APPLIED[fault["kind"]](rows.copy(), part, fault)
    rows[:, TIME] = np.maximum.accumulate(rows[:, TIME])
    return rows


def _late(rows: Rows, part: slice, fault: dict[str, Any]) -> Rows:
    """Rows come after others that they were before, with a stamp of then."""
    late = rows[part].copy()
    late[:, TIME] += fault["ns"]
    left = np.concatenate([rows[: part.start], rows[part.stop :]])
    at = int(np.searchsorted(left[:, TIME], late[0, TIME], side="right"))
    return np.concatenate([left[:at], late, left[at:]])


def _late_stamps(rows: Rows, part: slice, fault: dict[str, Any]) -> Rows:
    """The recorder saw rows late."""
    rows[part, RECEIVE] = rows[part, TIME] + fault["ns"]
    return rows


def _twice(rows: Rows, part: slice, fault: dict[str, Any]) -> Rows:
    return np.concatenate([rows[: part.stop], rows[part], rows[part.stop :]])


def _missing(rows: Rows, part: slice, fault: dict[str, Any]) -> Rows:
    left = np.concatenate([rows[: part.start], rows[part.stop :]])
    return left if len(left) else rows


def _gap(rows: Rows, part: slice, fault: dict[str, Any]) -> Rows:
    """Nothing for a while; the rest is later."""
    rows[part.start :, TIME] += fault["ns"]
    stamped = rows[part.start :, RECEIVE] > 0
    rows[part.start :, RECEIVE] += np.where(stamped, fault["ns"], 0)
    return rows


def _touched(rows: Rows, part: slice, of: str) -> NDArray[np.bool_]:
    """Which rows of a part a fault of prices is about."""
    kinds = {"books": IN_TICKS, "marks": (Kind.MARK,), "index": (Kind.INDEX,)}
    return np.isin(rows[part, KIND], [int(k) for k in kinds.get(of, (*IN_TICKS, *IN_E8))])


def _wild(rows: Rows, part: slice, fault: dict[str, Any]) -> Rows:
    touched = _touched(rows, part, fault["of"])
    most = np.where(np.isin(rows[part, KIND], [int(k) for k in IN_E8]), MOST_E8, MOST_TICKS)
    wild = np.minimum(rows[part, PRICE] * fault["factor"], 1e18).astype(np.int64)
    wild = np.clip(wild, 1, most)
    rows[part, PRICE] = np.where(touched, wild, rows[part, PRICE])
    return rows


def _one_tick(rows: Rows, part: slice, fault: dict[str, Any]) -> Rows:
    """The lowest price there is; a mark of a tick."""
    touched = _touched(rows, part, fault["of"])
    low = np.where(np.isin(rows[part, KIND], [int(k) for k in IN_E8]), 10**6, 1)
    rows[part, PRICE] = np.where(touched, low, rows[part, PRICE])
    return rows


def _drought(rows: Rows, part: slice, fault: dict[str, Any]) -> Rows:
    """All that was displayed goes, and nothing comes."""
    depth = rows[part, KIND] == Kind.DEPTH
    rows[part, KIND] = np.where(depth, int(Kind.CLEAR), rows[part, KIND])
    for column in (SIDE, PRICE, QUANTITY):
        rows[part, column] = np.where(depth, 0, rows[part, column])
    return rows


def _crossed(rows: Rows, part: slice, fault: dict[str, Any]) -> Rows:
    """Bids stand above asks."""
    bids = (rows[part, KIND] == Kind.DEPTH) & (rows[part, SIDE] > 0)
    up = rows[part, PRICE] + rows[part, PRICE] // 200 + 2
    rows[part, PRICE] = np.where(bids & (up < MOST_TICKS), up, rows[part, PRICE])
    return rows


def _flood(rows: Rows, part: slice, fault: dict[str, Any]) -> Rows:
    """Quantities that no book ever had."""
    known = np.isin(rows[part, KIND], (int(Kind.DEPTH), int(Kind.TRADE)))
    some = known & (rows[part, QUANTITY] > 0)
    rows[part, QUANTITY] = np.where(some, 1 << 40, rows[part, QUANTITY])
    return rows


def _instant(rows: Rows, part: slice, fault: dict[str, Any]) -> Rows:
    """Everything at one instant."""
    rows[part, TIME] = rows[part.start, TIME]
    return rows


APPLIED = {
    "late": _late,
    "late_stamps": _late_stamps,
    "twice": _twice,
    "missing": _missing,
    "gap": _gap,
    "wild": _wild,
    "one_tick": _one_tick,
    "drought": _drought,
    "crossed": _crossed,
    "flood": _flood,
    "instant": _instant,
}
