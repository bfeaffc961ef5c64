"""Worst loss of one underlying over a grid of scenarios, and the spot that offsets it.

A pool that holds the underlying itself gains where a short loses.  What is held counts only as far
as it helps: of the share *h* in 0..1 of it the one that makes the worst loss least.  Every
scenario's loss is a straight line in *h*, so the worst loss is the upper envelope of lines, which
bends upward, and its lowest point is an end or a crossing of two lines: found exactly.  Loans of
the underlying are a short and count in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from simulator.risk.components import Grid, Scenario, of
from simulator.risk.reference_equity import index_of
from simulator.risk.reference_revaluation import percent, profit
from simulator.risk.reference_steps import Trace, exact, note, rounded
from simulator.risk.scenario import ScenarioRules
from simulator.risk.state import ZERO, PoolState, Position


@dataclass(frozen=True, slots=True)
class Unit:
    """What a pool has of one underlying: its positions, and its own amount in USD, owed < 0."""

    underlying: str
    positions: tuple[Position, ...]
    spot: Decimal


@dataclass(frozen=True, slots=True)
class Worst:
    """Worst loss of a grid, >= 0, the scenario it is in, and the share of the spot that offsets."""

    loss: Decimal
    scenario: Scenario | None
    share: Fraction


@dataclass(frozen=True, slots=True)
class Reach:
    """How a scenario counts: the price move, the edge to which all but options move, the share of
    what options gain, and what comes off the loss, USD.
    """

    move: Fraction
    edge: Fraction
    share: Fraction = Fraction(1)
    relief: Fraction = Fraction(0)


Line = tuple[Fraction, Fraction]
"""Loss in a scenario without spot, and what the whole of the spot adds to it."""


def units_of(state: PoolState, rules: ScenarioRules) -> dict[str, Unit]:
    """Return the risk units of a pool by underlying; cash is none.

    Cash is what has a price range of 0, and in a pool kept in a coin what it holds of that coin.
    """
    held: dict[str, Decimal] = {}
    for asset in dict.fromkeys((*state.assets, *state.loans, *state.interest)):
        if asset == state.currency or rules.range_of(asset) == 0:
            continue
        owed = state.loans.get(asset, ZERO) + state.interest.get(asset, ZERO)
        held[asset] = (state.assets.get(asset, ZERO) - owed) * index_of(state, asset)
    positions: dict[str, list[Position]] = {}
    for position in state.positions:
        positions.setdefault(position.underlying, []).append(position)
    return {
        underlying: Unit(
            underlying, tuple(positions.get(underlying, ())), held.get(underlying, ZERO)
        )
        for underlying in dict.fromkeys((*positions, *held))
    }


def price_range(
    underlying: str, state: PoolState, rules: ScenarioRules, trace: Trace = None
) -> Fraction:
    """Return the price range of an underlying, grown with its measured volatility where the rules
    say so: ``range * min(max(measured / reference, 1), widest)``.
    """
    base = rules.range_of(underlying)
    named = underlying if underlying in rules.price_range else ""
    path = f"scenario.price_range.{named}" if named else "scenario.default_price_range"
    name = f"{underlying}: price range"
    measured = state.measured_volatility.get(underlying)
    if rules.reference_volatility is None or measured is None or base == 0:
        note(trace, name, "of the rulebook", "{}", (base,), base, "", path)
        return base
    ratio = Fraction(measured) / Fraction(rules.reference_volatility)
    wide = base * min(max(ratio, Fraction(1)), Fraction(rules.widest_range))
    note(
        trace,
        name,
        "range × min(max(measured volatility / reference, 1), widest)",
        "{} * min(max({} / {}, 1), {})",
        (base, measured, rules.reference_volatility, rules.widest_range),
        wide,
        "",
        path,
    )
    return wide


def reach_of(scenario: Scenario, grid: Grid, underlying: str, width: Fraction) -> Reach:
    """Return how far a scenario of a grid goes, ``width`` being the underlying's price range.

    >>> far = Grid("far", {}, dampener={"": Fraction(100_000)})
    >>> reach = reach_of(Scenario(Fraction(1, 2)), far, "BTC", Fraction(1, 5))
    >>> str(reach.edge), str(reach.share), str(reach.relief)
    ('1/5', '2/5', '150000')
    """
    if not grid.dampener:
        move = scenario.move * width if grid.of_range else scenario.move
        return Reach(move, move)
    if width == 0:
        return Reach(Fraction(0), Fraction(0))
    move = scenario.move
    reach = max(abs(move) / width, Fraction(1))
    return Reach(move, move / reach, 1 / reach, of(grid.dampener, underlying) * (reach - 1))


def worst_of(
    unit: Unit, grid: Grid, state: PoolState, rules: ScenarioRules, trace: Trace = None
) -> Worst:
    """Return the worst loss of a unit over a grid."""
    scenarios = grid.scenarios_of(unit.underlying)
    if not scenarios or not (unit.positions or unit.spot):
        return Worst(ZERO, None, Fraction(0))
    ranged = grid.of_range or bool(grid.dampener)
    width = price_range(unit.underlying, state, rules, trace) if ranged else Fraction(1)
    if all(position.product != "option" for position in unit.positions):
        # Volatility and time move nothing linear: one scenario a price will do.
        scenarios = tuple({(s.move, s.weight): s for s in reversed(scenarios)}.values())
    lines = [
        _line(unit, scenario, reach_of(scenario, grid, unit.underlying, width), state, rules)
        for scenario in scenarios
    ]
    share = Fraction(1) if unit.spot < 0 else least_share(lines) if unit.spot else Fraction(0)
    loss, worst = ZERO, None
    for (alone, with_spot), scenario in zip(lines, scenarios, strict=True):
        # Exact up to here: a short that is wholly offset has a worst loss of 0, not of a rounding.
        own = alone + with_spot * share
        if own > loss:
            loss, worst = rounded(own), scenario
    found = Worst(loss, worst, share)
    if trace is not None:
        _note_worst(unit, grid, found, width, state, rules, trace)
    return found


def _line(
    unit: Unit, scenario: Scenario, reach: Reach, state: PoolState, rules: ScenarioRules
) -> Line:
    gains = (_gain(position, scenario, reach, state, rules) for position in unit.positions)
    alone = sum(gains, Fraction(0)) * scenario.weight
    return -alone - reach.relief, -exact(unit.spot) * reach.edge * scenario.weight


def _gain(
    position: Position,
    scenario: Scenario,
    reach: Reach,
    state: PoolState,
    rules: ScenarioRules,
    trace: Trace = None,
) -> Fraction:
    """Return what a position's profit in a scenario counts as."""
    if position.product != "option":
        return profit(position, scenario, reach.edge, state, rules, trace)
    gain = profit(position, scenario, reach.move, state, rules, trace)
    if reach.share == 1:
        return gain
    counted = gain * reach.share
    name = f"{position.symbol}: counted"
    note(trace, name, "profit × range / move", "{} * {}", (gain, reach.share), counted)
    return counted


def least_share(lines: Sequence[Line]) -> Fraction:
    """Return the smallest share in 0..1 at which ``max(0, a + b * share)`` over lines is least.

    Walks down the envelope: of the falling line that is highest where the share is too small and
    the rising one that is highest where it is too large, the crossing is looked at; whichever line
    is higher there takes the place of one of them.

    >>> up, down = (Fraction(10), Fraction(-16)), (Fraction(-10), Fraction(16))
    >>> least_share([up, down])
    Fraction(5, 8)
    """
    highest: dict[Fraction, Fraction] = {Fraction(0): Fraction(0)}
    for constant, slope in lines:
        highest[slope] = max(highest.get(slope, constant), constant)

    def top(share: Fraction, falling: bool) -> Fraction:
        """Return the slope of the highest line at a share; of equal ones the falling or rising."""
        best: Fraction | None = None
        for slope in sorted(highest, reverse=falling):
            if best is None or not (highest[slope] + slope * share < highest[best] + best * share):
                best = slope
        assert best is not None
        return best

    left = top(Fraction(0), falling=False)
    if left >= 0:
        return Fraction(0)
    right = top(Fraction(1), falling=True)
    if right < 0:
        return Fraction(1)
    while True:
        share = (highest[left] - highest[right]) / (right - left)
        height = highest[left] + left * share
        above = top(share, falling=False)
        if not highest[above] + above * share > height:
            return share
        if above < 0:
            left = above
        else:
            right = above


def _note_worst(
    unit: Unit,
    grid: Grid,
    found: Worst,
    width: Fraction,
    state: PoolState,
    rules: ScenarioRules,
    trace: Trace,
) -> None:
    """Derive the worst loss from the scenario it is in."""
    name = f"{grid.name} of {unit.underlying}"
    path = grid.rule or "scenario.components"
    scenario = found.scenario
    if scenario is None:
        note(trace, name, "no scenario loses", "0", (), ZERO, rule=path)
        return
    reach = reach_of(scenario, grid, unit.underlying, width)
    move = reach.edge
    if grid.of_range:
        numbers = (scenario.move, width)
        note(trace, f"{name}: worst move", "share × range", "{} * {}", numbers, move, "", path)
    gains = [_gain(p, scenario, reach, state, rules, trace) for p in unit.positions]
    if unit.spot and found.share:
        counted = rounded(exact(unit.spot) * found.share)
        gain = exact(counted) * move
        text = f"{unit.underlying} owed" if unit.spot < 0 else f"{unit.underlying} held"
        part = "all of the debt" if unit.spot < 0 else "value × share that makes the loss least"
        note(trace, f"{text}: counted", part, "{} * {}", (unit.spot, found.share), counted)
        what = f"{text}: profit if it moves by {percent(move)}"
        note(trace, what, "counted × move", "{} * {}", (counted, move), gain)
        gains.append(gain)
    text = "− weight × sum of profits in the worst scenario"
    template = "-{} * ({})".format("{}", " + ".join("{}" for _ in gains))
    values: tuple[object, ...] = (scenario.weight, *gains)
    if reach.relief:
        text += " − dampener × (move / range − 1)"
        template += " - {} * (abs({}) / {} - 1)"
        values = (*values, of(grid.dampener, unit.underlying), reach.move, width)
    note(trace, name, text, template, values, found.loss, rule=path)
