"""What a scenario margin adds to the worst loss of an underlying: charges, floors and add-ons.

Each function returns one component's figure for one underlying, in USD; the rules stand with the
classes in ``components``.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from simulator.risk.components import (
    BasisCharge,
    CalendarCharge,
    Concentration,
    ExpiryCharge,
    LoanCharge,
    Scenario,
    Scope,
    SizeCharge,
    of,
)
from simulator.risk.reference_equity import index_of
from simulator.risk.reference_grid import Unit
from simulator.risk.reference_revaluation import delta, percent, profit, years_to
from simulator.risk.reference_steps import Trace, exact, marginal, note, rounded, times, total
from simulator.risk.scenario import ScenarioRules
from simulator.risk.state import ZERO, PoolState, Position

Charge = CalendarCharge | ExpiryCharge | BasisCharge | SizeCharge | Concentration | LoanCharge


def charge_of(
    unit: Unit, charge: Charge, state: PoolState, rules: ScenarioRules, trace: Trace = None
) -> Decimal:
    """Return what a charge comes to for one underlying, USD."""
    if isinstance(charge, BasisCharge):
        return basis(unit, charge, state, rules, trace)
    if isinstance(charge, CalendarCharge):
        return calendar(unit, charge, state, trace)
    if isinstance(charge, ExpiryCharge):
        return expiry(unit, charge, state, trace)
    if isinstance(charge, SizeCharge):
        return size(unit, charge, state, trace)
    if isinstance(charge, Concentration):
        return concentration(unit, charge, state, trace)
    return loan(unit, charge, state, trace)


def deltas_by_expiry(unit: Unit, state: PoolState, trace: Trace = None) -> dict[int, Decimal]:
    """Return the net delta of a unit's positions by expiry, USD; perpetuals under 0."""
    deltas: dict[int, Decimal] = {}
    for position in unit.positions:
        own = delta(position, state, trace)
        deltas[position.expiry_ns] = deltas.get(position.expiry_ns, ZERO) + own
    return deltas


def net_delta(derivatives: Decimal, spot: Decimal) -> Decimal:
    """Return derivatives plus spot, where an asset held counts only as far as it offsets a short.

    >>> [
    ...     int(net_delta(Decimal(d), Decimal(s)))
    ...     for d, s in [(-10, 4), (-10, 15), (10, 4), (10, -4)]
    ... ]
    [-6, 0, 10, 6]
    """
    if spot < 0:
        return derivatives + spot
    return min(derivatives + spot, ZERO) if derivatives < 0 else derivatives


def calendar(unit: Unit, charge: CalendarCharge, state: PoolState, trace: Trace = None) -> Decimal:
    """Return ``rate * min(long, short)`` over the net deltas of the expiries."""
    rate = of(charge.rate, unit.underlying)
    nets = deltas_by_expiry(unit, state)
    if rate == 0 or len(nets) < 2:
        return ZERO
    long = total(max(net, ZERO) for net in nets.values())
    short = total(max(-net, ZERO) for net in nets.values())
    value = times(min(long, short), rate)
    if trace is not None:
        deltas_by_expiry(unit, state, trace)
        _note_nets(unit, nets, trace)
        note(
            trace,
            f"{charge.name} of {unit.underlying}",
            "rate × min(long expiries, short expiries)",
            "{} * min({}, {})",
            (rate, long, short),
            value,
            rule=charge.rule,
        )
    return value


def _note_nets(unit: Unit, nets: Mapping[int, Decimal], trace: Trace) -> None:
    for number, net in enumerate(nets[e] for e in sorted(nets)):
        which = "perpetuals" if sorted(nets)[number] == 0 else f"expiry {number or 1}"
        name = f"{unit.underlying}: net delta, {which}"
        note(trace, name, "sum of deltas", "{}", (net,), net)


def expiry(unit: Unit, charge: ExpiryCharge, state: PoolState, trace: Trace = None) -> Decimal:
    """Return ``sum over expiries of |net delta| * max(minimum, annual * years)``."""
    minimum, annual = (of(table, unit.underlying) for table in (charge.minimum, charge.annual))
    if minimum == 0 and annual == 0:
        return ZERO
    nets = deltas_by_expiry(unit, state, trace)
    parts = []
    for when, net in nets.items():
        years = years_to(when, state.time_ns)
        rate = max(minimum, annual * exact(years))
        parts.append(times(abs(net), rate))
        name = f"{charge.name} of {unit.underlying}, expiry in {float(years):.4g} years"
        formula, numbers = "|net delta| × max(minimum, annual × years)", (net, minimum, annual)
        text = "abs({}) * max({}, {} * {})"
        note(trace, name, formula, text, (*numbers, years), parts[-1], rule=charge.rule)
    value = total(parts)
    if len(parts) > 1:
        name = f"{charge.name} of {unit.underlying}"
        note(trace, name, "sum over expiries", "{+}", parts, value, rule=charge.rule)
    return value


def basis(
    unit: Unit,
    charge: BasisCharge,
    state: PoolState,
    rules: ScenarioRules,
    trace: Trace = None,
) -> Decimal:
    """Return ``sum over expiries of worst loss * (share + annual * years)``."""
    move, share, annual = (
        of(table, unit.underlying) for table in (charge.move, charge.share, charge.annual)
    )
    parts = []
    for when in sorted({p.expiry_ns for p in unit.positions if p.expiry_ns}):
        legs = [p for p in unit.positions if p.expiry_ns == when]
        loss, years = ZERO, years_to(when, state.time_ns)
        worst: Fraction | None = None
        for way in (-move, move):
            gains = sum((profit(p, Scenario(way), way, state, rules) for p in legs), Fraction(0))
            if -gains > loss:
                loss, worst = rounded(-gains), way
        parts.append(times(loss, share + annual * exact(years)))
        if trace is None or worst is None:
            continue
        name = f"{charge.name} of {unit.underlying}, expiry in {float(years):.4g} years"
        each = [profit(p, Scenario(worst), worst, state, rules, trace) for p in legs]
        what = f"{name}: loss if the forward moves by {percent(worst)}"
        note(trace, what, "− sum of profits", "-({+})", each, loss, rule=charge.rule)
        formula, text = "loss × (share + annual × years)", "{} * ({} + {} * {})"
        numbers = (loss, share, annual, years)
        note(trace, name, formula, text, numbers, parts[-1], rule=charge.rule)
    value = total(parts)
    if len(parts) > 1:
        name = f"{charge.name} of {unit.underlying}"
        note(trace, name, "sum over expiries", "{+}", parts, value, rule=charge.rule)
    return value


def size(unit: Unit, charge: SizeCharge, state: PoolState, trace: Trace = None) -> Decimal:
    """Return the charge on what a unit has in the charge's scope, raised by its tiers."""
    rate = of(charge.rate, unit.underlying)
    if rate == 0:
        return ZERO
    amounts = [abs(unit.spot)] if charge.scope == "spot" else _amounts(unit, charge, state)
    gross = total(amounts)
    if not gross:
        return ZERO
    raw = times(gross, rate)
    name = f"{charge.name} of {unit.underlying}"
    formula = f"rate × gross {charge.measure} of {charge.scope.replace('_', ' ')}"
    note(trace, name, formula, "{} * ({})".format("{}", " + ".join("{}" for _ in amounts)),
         (rate, *amounts), raw, rule=charge.rule)  # fmt: skip
    value = marginal(raw, charge.tiers)
    if len(charge.tiers) > 1 or charge.tiers[0][1] != 1:
        formula = "each slice × its tier's factor"
        numbers = marginal_numbers(charge.tiers)
        note(trace, f"{name}, by tiers", formula, numbers, (raw,), value, rule=charge.rule)
    return value


def _amounts(unit: Unit, charge: SizeCharge, state: PoolState) -> list[Decimal]:
    """Return the gross amounts that count, USD: one a group of positions that are the same."""
    groups: dict[object, tuple[Decimal, Decimal]] = {}
    for position in unit.positions:
        if not _in_scope(position, charge.scope):
            continue
        quantity = position.quantity * position.contract_size
        if charge.measure == "delta":
            amount = delta(position, state)
        elif position.product == "inverse":
            amount = quantity / position.mark_price * index_of(state, position.underlying)
        else:
            amount = quantity * index_of(state, position.underlying)
        option = position.product == "option"
        key = (option, position.expiry_ns, position.strike, position.right)
        held, counted = groups.get(key, (ZERO, ZERO))
        groups[key] = (held + quantity, counted + amount)
    short_only = charge.scope == "short_options"
    return [abs(net) for held, net in groups.values() if held < 0 or not short_only]


def _in_scope(position: Position, scope: Scope) -> bool:
    option = position.product == "option"
    if scope == "all":
        return True
    if scope in ("options", "short_options"):
        return option
    if option:
        return False
    return {
        "futures": True,
        "perpetual": position.expiry_ns == 0,
        "dated": position.expiry_ns != 0,
    }[scope]


def unit_delta(unit: Unit, state: PoolState, trace: Trace = None) -> Decimal:
    """Return a unit's net delta, USD: of its positions, and of the spot as far as it offsets."""
    derivatives = total(deltas_by_expiry(unit, state, trace).values())
    value = net_delta(derivatives, unit.spot)
    formula = "positions + spot, an asset held only as far as it offsets a short"
    numbers = "{} + {}" if unit.spot < 0 else "min({0} + {1}, max({0}, 0))"
    name = f"{unit.underlying}: net delta"
    note(trace, name, formula, numbers, (derivatives, unit.spot), value)
    return value


def concentration(
    unit: Unit, charge: Concentration, state: PoolState, trace: Trace = None
) -> Decimal:
    """Return the extra share of a unit's net delta, slice by slice."""
    if not charge.tiers:
        return ZERO
    net = abs(unit_delta(unit, state))
    value = marginal(net, charge.tiers)
    if trace is not None and value:
        unit_delta(unit, state, trace)
        note(
            trace,
            f"{charge.name} of {unit.underlying}",
            "each slice of |net delta| × its rate",
            marginal_numbers(charge.tiers),
            (net,),
            value,
            rule=charge.rule,
        )
    return value


def loan(unit: Unit, charge: LoanCharge, state: PoolState, trace: Trace = None) -> Decimal:
    """Return ``rate * (loan + interest) * index`` of the underlying itself."""
    return loan_of(unit.underlying, charge, state, trace)


def loan_of(asset: str, charge: LoanCharge, state: PoolState, trace: Trace = None) -> Decimal:
    """Return ``rate * (loan + interest) * index`` of an asset; cash too can be owed."""
    owed = state.loans.get(asset, ZERO), state.interest.get(asset, ZERO)
    rate = of(charge.rate, asset)
    if not any(owed) or rate == 0:
        return ZERO
    usd = index_of(state, asset)
    value = times(total(owed) * usd, rate)
    note(
        trace,
        f"{charge.name} of {asset}",
        "rate × (loan + interest) × index",
        "{} * ({} + {}) * {}",
        (rate, *owed, usd),
        value,
        rule=charge.rule,
    )
    return value


def marginal_numbers(tiers: tuple[tuple[Fraction, Fraction], ...]) -> str:
    """Return the arithmetic of `marginal` as a template of one value."""
    parts = []
    for number, (floor, factor) in enumerate(tiers):
        above = f"max({{0}} - {floor}, 0)" if floor else "{0}"
        if number + 1 < len(tiers):
            above = f"min({above}, {rounded(tiers[number + 1][0] - floor)})"
        parts.append(f"{above} * {rounded(factor)}")
    return " + ".join(parts)
