"""The scenario model: every underlying by its worst loss, charges on top, less what offsets.

For each underlying *u*::

    unit(u) = largest of the worst losses (role "worst") + charges (role "charge")

and of the pool::

    total = max(sum of unit(u) - credit between underlyings, sum of floors) + add-ons

or, where floors hold by underlying, ``sum of max(unit(u), floors of u) - credit + add-ons``.  The
total is the initial or the maintenance margin, the other follows by ``initial_over_maintenance``,
a factor of the total or, where ``factor_scope`` says so, of the worst losses and the credit in it.
Which parts there are and their numbers are the rulebook's (``ScenarioRules.components``).
Sources: docs/rules.md, "Scenario margin".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import product

from simulator.risk.components import Component, Grid, LoanCharge, Scenario
from simulator.risk.reference_brackets import Requirement
from simulator.risk.reference_charges import charge_of, deltas_by_expiry, loan_of
from simulator.risk.reference_credit import largest_credit
from simulator.risk.reference_grid import Unit, units_of, worst_of
from simulator.risk.reference_steps import Trace, note, total
from simulator.risk.rules import MarginRules
from simulator.risk.scenario import ScenarioRules
from simulator.risk.state import ZERO, PoolState

ONE = Decimal(1)


@dataclass(slots=True)
class Still:
    """Figures kept from one call to the next while only ``moving``, an underlying, changes."""

    moving: str = ""
    figures: dict[tuple[str, str], Decimal] = field(default_factory=dict)


@dataclass(slots=True)
class _Parts:
    """Figures found so far, USD: ``of`` [component][underlying], ``scan`` of the first grid."""

    of: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    scan: dict[str, Decimal] = field(default_factory=dict)

    def by_role(self, components: tuple[Component, ...], role: str, u: str) -> list[Decimal]:
        """Return an underlying's figures of all components with a role."""
        return [self.of[c.name].get(u, ZERO) for c in components if c.role == role]


def components_of(rules: ScenarioRules) -> tuple[Component, ...]:
    """Return the parts of the requirement; where the rules name none, the scan over the price
    range alone.
    """
    if rules.components:
        return rules.components
    steps = range(-rules.grid_steps, rules.grid_steps + 1)
    scenarios = tuple(
        Scenario(Fraction(step, rules.grid_steps), volatility)
        for step, volatility in product(steps, (-1, 0, 1))
    )
    return (Grid("scan_risk", {"": scenarios}, of_range=True, rule="scenario.price_range"),)


def by_scenarios(
    state: PoolState, rules: MarginRules, trace: Trace = None, still: Still | None = None
) -> Requirement:
    """Return initial margin, maintenance margin and components of a pool, USD.

    ``still``: figures of underlyings that do not change from call to call.
    """
    parameters = rules.scenario
    components = components_of(parameters)
    units = units_of(state, parameters)
    parts = _figures(units, components, state, parameters, trace, still or Still())
    credit = _credit(units, parts, state, parameters, trace)
    figures: dict[str, Decimal] = {}
    # Printed in this order: worst losses and charges, the credit, then floors and add-ons.
    for component in sorted(components, key=lambda c: c.role in ("floor", "add_on")):
        if component.role in ("floor", "add_on"):
            _put_credit(figures, credit, parameters)
        figures[component.name] = total(parts.of[component.name].values())
        if len(parts.of[component.name]) > 1:
            values = tuple(parts.of[component.name].values())
            result = figures[component.name]
            note(trace, component.name, "sum over underlyings", "{+}", values, result)
    _put_credit(figures, credit, parameters)
    needed = _sum_up(units, components, parts, credit, parameters, trace)
    if parameters.factor_scope == "total":
        return (*_both_margins(needed, parameters, trace), figures)
    factor, first, other = parameters.initial_over_maintenance, "maintenance", "initial"
    if parameters.total_is == "initial":
        factor, first, other = 1 / factor, other, first
    note(trace, f"{first} margin", "the requirement", "{}", (needed,), needed)
    scaled = _sum_up(units, components, parts, credit, parameters, trace, factor, f"{other}: ")
    note(trace, f"{other} margin", "the requirement so scaled", "{}", (scaled,), scaled)
    both = (needed, scaled) if first == "initial" else (scaled, needed)
    return (*both, figures)


def _put_credit(figures: dict[str, Decimal], credit: Decimal, parameters: ScenarioRules) -> None:
    if parameters.credit_rate > 0:
        figures.setdefault(parameters.credit_name, -credit)


def _figures(
    units: dict[str, Unit],
    components: tuple[Component, ...],
    state: PoolState,
    parameters: ScenarioRules,
    trace: Trace,
    still: Still,
) -> _Parts:
    """Compute every component of every underlying."""
    parts = _Parts()
    first = next((c.name for c in components if isinstance(c, Grid) and c.role == "worst"), "")
    for component in components:
        of = parts.of.setdefault(component.name, {})
        if isinstance(component, LoanCharge):
            for asset in dict.fromkeys((*state.loans, *state.interest)):
                of[asset] = loan_of(asset, component, state, trace)
            continue
        for underlying, unit in units.items():
            key = (component.name, underlying)
            figure = still.figures.get(key)
            if figure is None:
                if isinstance(component, Grid):
                    figure = worst_of(unit, component, state, parameters, trace).loss
                else:
                    figure = charge_of(unit, component, state, parameters, trace)
                if still.moving and underlying != still.moving:
                    still.figures[key] = figure
            of[underlying] = figure
            if component.name == first:
                parts.scan[underlying] = figure
    return parts


def _credit(
    units: dict[str, Unit],
    parts: _Parts,
    state: PoolState,
    parameters: ScenarioRules,
    trace: Trace,
) -> Decimal:
    """Return the credit between underlyings, >= 0.

    An underlying's side is the sign of its delta before any offset by what is held: more of an
    asset can shrink a side's scan risk but never turn it over.
    """
    if parameters.credit_rate == 0:
        return ZERO
    longs: dict[str, Decimal] = {}
    shorts: dict[str, Decimal] = {}
    for underlying, loss in parts.scan.items():
        if not loss > 0:
            continue
        unit = units[underlying]
        side = total(deltas_by_expiry(unit, state).values()) + min(unit.spot, ZERO)
        if side > 0:
            longs[underlying] = loss
        elif side < 0:
            shorts[underlying] = loss
    credit = largest_credit(longs, shorts, parameters, state.correlation, trace)
    note(trace, parameters.credit_name, "− credits of pairs", "-{}", (credit,), -credit)
    return credit


def _sum_up(
    units: dict[str, Unit],
    components: tuple[Component, ...],
    parts: _Parts,
    credit: Decimal,
    parameters: ScenarioRules,
    trace: Trace,
    factor: Decimal = ONE,
    label: str = "",
) -> Decimal:
    """Return the total: units, credit, floors and add-ons put together.

    ``factor`` scales worst losses and credit; ``label`` is put before the steps' names.
    """
    own: dict[str, Decimal] = {}
    floors: dict[str, Decimal] = {}
    by_unit = parameters.floor_scope == "unit"
    for underlying in units:
        worst = parts.by_role(components, "worst", underlying)
        charges = parts.by_role(components, "charge", underlying)
        floors[underlying] = total(parts.by_role(components, "floor", underlying))
        own[underlying] = max((*worst, ZERO)) * factor + total(charges)
        name = f"{label}requirement of {underlying}"
        text = "max({}, 0)".format(", ".join("{}" for _ in worst or (0,)))
        numbers, formula = (*(worst or (ZERO,)), *charges), "largest worst loss + charges"
        if factor != 1:
            text, formula = f"{text} * {{}}", "largest worst loss × factor + charges"
            numbers = (*(worst or (ZERO,)), factor, *charges)
        text = " + ".join((text, *("{}" for _ in charges)))
        result = own[underlying]
        note(trace, name, formula, text, numbers, result)
        if by_unit and floors[underlying]:
            own[underlying] = max(result, floors[underlying])
            numbers = (result, floors[underlying])
            note(trace, name, "at least its floor", "max({}, {})", numbers, own[underlying])
    return _pool_total(components, own, floors, parts, credit * factor, by_unit, trace, label)


def _pool_total(
    components: tuple[Component, ...],
    own: dict[str, Decimal],
    floors: dict[str, Decimal],
    parts: _Parts,
    credit: Decimal,
    by_unit: bool,
    trace: Trace,
    label: str,
) -> Decimal:
    name = f"{label}requirement"
    together = total(own.values()) - credit
    values = (*own.values(), credit)
    text = "{} - {}".format(" + ".join("{}" for _ in own) or "0", "{}")
    note(trace, name, "sum over underlyings − credit", text, values, together)
    floor = ZERO if by_unit else total(floors.values())
    if floor:
        numbers = (together, floor)
        together = max(together, floor)
        note(trace, name, "at least the floors", "max({}, {})", numbers, together)
    extra = total(
        value for c in components if c.role == "add_on" for value in parts.of[c.name].values()
    )
    if extra:
        numbers = (together, extra)
        together = together + extra
        note(trace, name, "with add-ons", "{} + {}", numbers, together)
    return together


def _both_margins(
    needed: Decimal, parameters: ScenarioRules, trace: Trace
) -> tuple[Decimal, Decimal]:
    factor = parameters.initial_over_maintenance
    path = "scenario.initial_over_maintenance"
    if parameters.total_is == "initial":
        note(trace, "initial margin", "the requirement", "{}", (needed,), needed)
        kept, numbers = needed / factor, (needed, factor)
        text = "initial margin / initial over maintenance"
        note(trace, "maintenance margin", text, "{} / {}", numbers, kept, rule=path)
        return needed, kept
    note(trace, "maintenance margin", "the requirement", "{}", (needed,), needed)
    initial, numbers = needed * factor, (needed, factor)
    text = "maintenance margin × initial over maintenance"
    note(trace, "initial margin", text, "{} * {}", numbers, initial, rule=path)
    return initial, needed
