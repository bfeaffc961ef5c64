"""What a position gains when the price of its underlying moves by a share, and its delta.

Profit in USD of a move *m* (0.1 = up 10 %)::

    linear    q * base * m          base: the mark, or the index where the rules move the index
    inverse   N * m                 N = contracts * contract size, in a pool kept in USD
              N / mark * (1 - 1 / (1 + m)) * index    in a pool kept in the coin: the gain in
                                    coin, at the present index
    option    q * (premium(F (1 + m), shifted volatility) - premium(F, volatility))

An inverse contract's gain in coin, N / p0 - N / p, is worth N (p - p0) / p0 = N m at the new price:
in USD it is a straight line, in coin it bends.  Deltas are USD per 100 % of price: linear q * mark,
inverse N (in a coin pool N / mark * index), option q * N(d1) * index.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from simulator.errors import InputError
from simulator.risk import reference_black76 as black76
from simulator.risk.components import Scenario, VolatilityShift
from simulator.risk.reference_equity import index_of
from simulator.risk.reference_steps import Trace, exact, note, rounded, times
from simulator.risk.scenario import ScenarioRules
from simulator.risk.state import YEAR_NS, ZERO, PoolState, Position

DAY_NS = 86_400 * 10**9
DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class Valuation:
    """What an option is valued with: forward and strike in the settlement asset, years to expiry,
    annual volatility and rate.
    """

    forward: Decimal
    years: Decimal
    volatility: Decimal
    rate: Decimal


def years_to(expiry_ns: int, time_ns: int) -> Decimal:
    """Return the years of 365 days from ``time_ns`` to an expiry, 0 once it is past or never is."""
    return Decimal(max(expiry_ns - time_ns, 0)) / YEAR_NS


def valuation_of(position: Position, state: PoolState) -> Valuation:
    """Return what an option is valued with now.

    The volatility is the option's own, else its underlying's, else the one its mark price implies;
    the forward is the mark of the delivery future of the same expiry where one is given.
    """
    years = years_to(position.expiry_ns, state.time_ns)
    forward = state.forwards.get((position.underlying, position.expiry_ns))
    if forward is None:
        index = index_of(state, position.underlying) / index_of(state, position.settle)
        forward = black76.forward_price(index, state.rate, years)
    volatility = position.volatility
    if volatility is None:
        volatility = state.volatility.get(position.underlying)
    if volatility is None:
        try:
            volatility = black76.implied_volatility(
                position.mark_price, forward, position.strike, years, position.right, state.rate
            )
        except ValueError as error:
            raise InputError(f"{position.symbol}: {error}") from error
    return Valuation(forward, years, volatility, state.rate)


def option_mark(position: Position, state: PoolState) -> Decimal:
    """Return the Black-76 premium of an option per unit, for a mark price that is not given."""
    return _premium(position, valuation_of(position, state))


def _premium(position: Position, at: Valuation) -> Decimal:
    return black76.premium(
        at.forward, position.strike, at.years, at.volatility, position.right, at.rate
    )


def shifted_volatility(
    volatility: Decimal, years: Decimal, scenario: Scenario, shift: VolatilityShift
) -> Decimal:
    """Return the volatility in a scenario: moved up or down, the more the nearer the expiry.

    >>> from simulator.risk.components import Scenario, VolatilityShift
    >>> half = VolatilityShift(up=Fraction(1, 2), down=Fraction(1, 4))
    >>> year = Decimal(1)
    >>> [
    ...     str(shifted_volatility(Decimal("0.6"), year, Scenario(Fraction(0), v), half))
    ...     for v in (-1, 1)
    ... ]
    ['0.450', '0.90']
    """
    if scenario.volatility == 0:
        return volatility
    up = scenario.volatility > 0
    share = scenario.shift if scenario.shift is not None else (shift.up if up else shift.down)
    days = max(years * DAYS_A_YEAR, rounded(shift.minimum_days))
    exponent = shift.short_exponent if days < shift.reference_days else shift.long_exponent
    amount = rounded(share)
    if exponent:
        amount *= _decay(shift.reference_days, days, exponent)
    if shift.kind == "relative" or scenario.shift is not None:
        amount *= volatility
    if up:
        return max(volatility + amount, rounded(shift.floor_up))
    return max(volatility - amount, ZERO)


@lru_cache(maxsize=4_096)
def _decay(reference_days: int, days: Decimal, exponent: Fraction) -> Decimal:
    """Return ``(reference days / days) ** exponent``; a power of decimals is slow."""
    return (reference_days / days) ** rounded(exponent)


def profit(
    position: Position,
    scenario: Scenario,
    move: Fraction,
    state: PoolState,
    rules: ScenarioRules,
    trace: Trace = None,
) -> Fraction:
    """Return what a position gains in a scenario, in USD at the present index; unweighted and
    exact."""
    name = ""
    if trace is not None:
        name = f"{position.symbol}: profit if {position.underlying} moves by {percent(move)}"
    if position.product == "option":
        return _option_profit(position, scenario, move, state, rules, trace, name)
    size = position.quantity * position.contract_size
    if position.product == "inverse":
        return _inverse_profit(position, size, move, state, rules, trace, name)
    if rules.moved_price == "index":
        base, factor, text = index_of(state, position.underlying), Decimal(1), "index"
    else:
        base, factor, text = position.mark_price, index_of(state, position.settle), "mark"
    gain = exact(size * base * factor) * move
    numbers = (size, base, factor, move)
    note(trace, name, f"quantity × {text} × move", "{} * {} * {} * {}", numbers, gain)
    return gain


def _inverse_profit(
    position: Position,
    size: Decimal,
    move: Fraction,
    state: PoolState,
    rules: ScenarioRules,
    trace: Trace,
    name: str,
) -> Fraction:
    index = index_of(state, position.underlying)
    coin = (size, position.mark_price, index, move)
    if state.currency == position.settle:
        gain = exact(size / position.mark_price * index) * (1 - 1 / (1 + move))
        formula = "USD size / mark × index × (1 − 1 / (1 + move)): the gain in coin"
        note(trace, name, formula, "{} / {} * {} * (1 - 1 / (1 + {}))", coin, gain)
    elif rules.moved_price == "index":
        gain = exact(size / position.mark_price * index) * move
        note(trace, name, "USD size / mark × index × move", "{} / {} * {} * {}", coin, gain)
    else:
        gain = exact(size) * move
        note(trace, name, "USD size × move", "{} * {}", (size, move), gain)
    return gain


def _option_profit(
    position: Position,
    scenario: Scenario,
    move: Fraction,
    state: PoolState,
    rules: ScenarioRules,
    trace: Trace,
    name: str,
) -> Fraction:
    now = valuation_of(position, state)
    forward = now.forward + times(now.forward, move)
    years = now.years
    if scenario.days:
        years = max(years - rounded(scenario.days / DAYS_A_YEAR), ZERO)
    volatility = shifted_volatility(now.volatility, now.years, scenario, rules.volatility)
    then = Valuation(forward, years, volatility, now.rate)
    before, after = _premium(position, now), _premium(position, then)
    size, usd = position.quantity * position.contract_size, index_of(state, position.settle)
    gain = exact(size * (after - before) * usd)
    if trace is not None:
        _note_premium(f"{position.symbol}: premium by Black-76 now", position, now, before, trace)
        _note_premium(f"{position.symbol}: in the scenario", position, then, after, trace)
        numbers = (size, after, before, usd)
        note(trace, name, "quantity × (then − now)", "{} * ({} - {}) * {}", numbers, gain)
    return gain


def _note_premium(
    name: str, position: Position, at: Valuation, premium: Decimal, trace: Trace
) -> None:
    numbers = (at.forward, position.strike, at.years, at.volatility, f'"{position.right}"', at.rate)
    formula = "Black-76 of forward, strike, years, volatility, right and rate"
    text = "premium({}, {}, {}, {}, {}, {})"
    note(trace, name, formula, text, numbers, premium, position.settle, "scenario.volatility")


def delta(position: Position, state: PoolState, trace: Trace = None) -> Decimal:
    """Return what a position gains per 100 % of price, USD, signed."""
    size = position.quantity * position.contract_size
    name = f"{position.symbol}: delta"
    if position.product == "option":
        at, index = valuation_of(position, state), index_of(state, position.underlying)
        share = black76.delta(at.forward, position.strike, at.years, at.volatility, position.right)
        value = size * share * index
        numbers = (size, share, index)
        note(trace, name, "quantity × Black-76 delta × index", "{} * {} * {}", numbers, value)
    elif position.product == "linear":
        usd = index_of(state, position.settle)
        value = size * position.mark_price * usd
        numbers = (size, position.mark_price, usd)
        note(trace, name, "quantity × mark × index of USD", "{} * {} * {}", numbers, value)
    elif state.currency == position.settle:
        index = index_of(state, position.underlying)
        value = size / position.mark_price * index
        numbers = (size, position.mark_price, index)
        note(trace, name, "USD size / mark × index", "{} / {} * {}", numbers, value)
    else:
        value = size
        note(trace, name, "contracts × contract size", "{}", (size,), value)
    return value


def percent(move: Fraction) -> str:
    """Return a move as text.

    >>> percent(Fraction(-1, 10))
    '-10%'
    """
    return f"{float(100 * move):+.6g}%"
