"""What the worst fall of each pool's ratio was made of, from the snapshots of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from simulator.accounts.states import AccountMode
from simulator.errors import InputError
from simulator.exchange.snapshots import Snapshot, Snapshots
from simulator.report.result import MOVES
from simulator.risk.attribution import attribute
from simulator.risk.rules import MarginRules


def moves(kept: Snapshots, rules: Mapping[AccountMode, MarginRules]) -> pl.DataFrame:
    """Return the parts of each pool's fall from its highest ratio to its lowest after it.

    Pools that never fell, whose prices were not known yet, or whose options no volatility explains
    have no rows.  A fall lies between two changes of the account's mode: what a switch moves into a
    pool is no move of it.
    """
    rows: list[tuple[object, ...]] = []
    for pool, (name, _, _) in enumerate(kept.partition.pools):
        fall = worst_fall(kept.kept, pool)
        if fall is None:
            continue
        start, end = fall
        try:
            found = attribute(kept.state(start, pool), kept.state(end, pool), rules[start.mode])
        except InputError:
            continue  # the tape told a premium that no volatility gives
        for part in found.parts:
            where = (name, start.time_ns, end.time_ns, part.factor)
            whole = (part.equity, part.initial_margin, part.maintenance_margin)
            rows.append((*where, None, *map(float, whole)))
            # One position alone is the whole factor.
            if len(part.positions) > 1:
                rows += [
                    (*where, item, float(value), None, None)
                    for item, value in sorted(part.positions.items())
                ]
    return pl.DataFrame(rows, schema=MOVES, orient="row")


def worst_fall(kept: Sequence[Snapshot], pool: int) -> tuple[Snapshot, Snapshot] | None:
    """Return the snapshots of one mode between which a pool's ratio fell by the largest share,
    None if it never fell.
    """
    highest: tuple[float, Snapshot] | None = None
    worst: tuple[float, Snapshot, Snapshot] | None = None
    for one in kept:
        if highest and highest[1].mode != one.mode:
            highest = None
        equity, maintenance = one.figures[pool]
        if maintenance <= 0:
            continue
        ratio = equity / maintenance
        if highest is None or ratio > highest[0]:
            highest = (ratio, one)
        elif highest[0] > 0 and (worst is None or ratio / highest[0] < worst[0]):
            worst = (ratio / highest[0], highest[1], one)
    return (worst[1], worst[2]) if worst else None
