"""The parts of a scenario margin as columns: scenario rows by underlying, charges by component."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.risk.components import (
    BasisCharge,
    CalendarCharge,
    Component,
    Concentration,
    ExpiryCharge,
    Grid,
    LoanCharge,
    Scenario,
    Scope,
    SizeCharge,
    VolatilityShift,
    of,
)
from simulator.risk.scenario import ScenarioRules

GRID, CALENDAR, EXPIRY, SIZE, CONCENTRATION, LOAN, BASIS = range(7)
ROLES = ("worst", "charge", "floor", "add_on")
SCOPES: tuple[Scope, ...] = (
    "all",
    "futures",
    "perpetual",
    "dated",
    "options",
    "short_options",
    "spot",
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


def ints(values: Any) -> Ints:
    """Return whole numbers as a column."""
    return np.array([int(value) for value in values], dtype=np.int32)


def floats(values: Any) -> Floats:
    """Return numbers of any kind as a column."""
    return np.array([float(value) for value in values], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class ScenarioRows:
    """The rows of `simulator.risk.scan.Scan`; see there."""

    bound: npt.NDArray[np.intp]
    share: Floats
    of_range: Ints
    extended: Ints
    dampener: Floats
    weight: Floats
    direction: Ints
    shift: Floats
    own_shift: Ints
    days: Floats
    price_range: Floats
    any_options: bool
    shift_up: float
    shift_down: float
    shift_relative: bool
    reference_days: float
    short_exponent: float
    long_exponent: float
    minimum_days: float
    floor_up: float


@dataclass(frozen=True, slots=True)
class ComponentColumns:
    """The parts of the requirement: kind, role and parameters by component.

    ``rate`` [component, underlying] (expiry charges: the minimum; basis: the share; loans: by asset
    in ``loan_rate``), ``annual`` likewise; tiers of component *c* are rows ``tier_first[c]`` to
    ``tier_first[c + 1]``; ``by_delta``: size charges on deltas.
    """

    names: tuple[str, ...]
    kind: Ints
    role: Ints
    grid: Ints
    scope: Ints
    by_delta: Ints
    rate: Floats
    annual: Floats
    loan_rate: Floats
    tier_first: npt.NDArray[np.intp]
    tier_floor: Floats
    tier_factor: Floats


def linear_scan(rules: ScenarioRules) -> Grid:
    """Return the grid of rules without components: even moves to both ends of the range."""
    steps = rules.grid_steps
    scenarios = tuple(
        Scenario(Fraction(step, steps), volatility)
        for step in range(-steps, steps + 1)
        for volatility in (-1, 0, 1)
    )
    return Grid("scan_risk", {"": scenarios}, of_range=True)


def scenario_rows(
    parts: Sequence[Component],
    underlyings: Sequence[str],
    shift: VolatilityShift,
    ranges: Floats,
    any_options: bool,
) -> ScenarioRows:
    """Return the rows of all grids, underlying by underlying.

    A basis charge is a grid of two rows: forward down, forward up.
    """
    grids = [_grid(part, underlyings) for part in parts if isinstance(part, Grid | BasisCharge)]
    bound = np.zeros((len(underlyings), len(grids) + 1), dtype=np.intp)
    rows: list[tuple[float, bool, bool, float, float, int, float, bool, float]] = []
    for u, name in enumerate(underlyings):
        bound[u, 0] = len(rows)
        for g, grid in enumerate(grids):
            for one in grid.scenarios_of(name):
                own = one.shift is not None
                rows.append(
                    (
                        float(one.move),
                        grid.of_range,
                        bool(grid.dampener),
                        float(of(grid.dampener, name)),
                        float(one.weight),
                        one.volatility,
                        float(one.shift or 0),
                        own,
                        float(one.days),
                    )
                )
            bound[u, g + 1] = len(rows)
    table: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) if rows else [()] * 9
    return ScenarioRows(
        bound=bound,
        share=floats(table[0]),
        of_range=ints(table[1]),
        extended=ints(table[2]),
        dampener=floats(table[3]),
        weight=floats(table[4]),
        direction=ints(table[5]),
        shift=floats(table[6]),
        own_shift=ints(table[7]),
        days=floats(table[8]),
        price_range=ranges,
        any_options=any_options,
        shift_up=float(shift.up),
        shift_down=float(shift.down),
        shift_relative=shift.kind == "relative",
        reference_days=float(shift.reference_days),
        short_exponent=float(shift.short_exponent),
        long_exponent=float(shift.long_exponent),
        minimum_days=float(shift.minimum_days),
        floor_up=float(shift.floor_up),
    )


def _grid(part: Grid | BasisCharge, underlyings: Sequence[str]) -> Grid:
    if isinstance(part, Grid):
        return part
    moves = {u: of(part.move, u) for u in underlyings}
    return Grid(part.name, {u: (Scenario(-move), Scenario(move)) for u, move in moves.items()})


def component_columns(
    parts: Sequence[Component], underlyings: Sequence[str], assets: Sequence[str]
) -> ComponentColumns:
    """Return kind, role and parameters of every part."""
    kinds = {
        Grid: GRID,
        CalendarCharge: CALENDAR,
        ExpiryCharge: EXPIRY,
        SizeCharge: SIZE,
        Concentration: CONCENTRATION,
        LoanCharge: LOAN,
        BasisCharge: BASIS,
    }
    count = len(parts)
    rate, annual = np.zeros((count, len(underlyings))), np.zeros((count, len(underlyings)))
    loan_rate = np.zeros((count, len(assets)))
    grid, scope, by_delta = [-1] * count, [0] * count, [0] * count
    first, floors, factors = [0], [], []
    grids = 0
    for c, part in enumerate(parts):
        if isinstance(part, Grid | BasisCharge):
            grid[c] = grids
            grids += 1
        if isinstance(part, BasisCharge):
            rate[c] = [float(of(part.share, u)) for u in underlyings]
            annual[c] = [float(of(part.annual, u)) for u in underlyings]
        elif isinstance(part, CalendarCharge | SizeCharge):
            rate[c] = [float(of(part.rate, u)) for u in underlyings]
        elif isinstance(part, ExpiryCharge):
            rate[c] = [float(of(part.minimum, u)) for u in underlyings]
            annual[c] = [float(of(part.annual, u)) for u in underlyings]
        elif isinstance(part, LoanCharge):
            loan_rate[c] = [float(of(part.rate, asset)) for asset in assets]
        if isinstance(part, SizeCharge):
            scope[c] = SCOPES.index(part.scope)
            by_delta[c] = int(part.measure == "delta")
        if isinstance(part, SizeCharge | Concentration):
            floors += [float(floor) for floor, _ in part.tiers]
            factors += [float(factor) for _, factor in part.tiers]
        first.append(len(floors))
    return ComponentColumns(
        names=tuple(part.name for part in parts),
        kind=ints(kinds[type(part)] for part in parts),
        role=ints(ROLES.index(part.role) for part in parts),
        grid=ints(grid),
        scope=ints(scope),
        by_delta=ints(by_delta),
        rate=rate,
        annual=annual,
        loan_rate=loan_rate,
        tier_first=np.array(first, dtype=np.intp),
        tier_floor=floats(floors),
        tier_factor=floats(factors),
    )
