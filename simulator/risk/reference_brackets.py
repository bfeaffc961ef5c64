"""The bracket model: every position and every loan needs its own margin, and nothing offsets.

    linear    notional = |q| * mark in the settlement asset; maintenance = notional * mmr - cum
    inverse   notional = |contracts| * contract size / mark in the coin; likewise, in the coin
    option    a short one by `OptionMarginRules`; a long one is paid for and needs nothing
    loan      maintenance = (loan + interest) * rate of the margin leverage

Initial margin is notional / leverage, of a loan (loan + interest) / (margin leverage - 1).  All
amounts turn into USD at the index price of their asset.  Source: docs/rules.md, "Brackets".
"""

from __future__ import annotations

from decimal import Decimal

from simulator.errors import InputError
from simulator.risk import brackets
from simulator.risk.reference_equity import index_of
from simulator.risk.reference_steps import Trace, note, rounded, total
from simulator.risk.rules import MarginRules
from simulator.risk.state import ZERO, PoolState, Position

Requirement = tuple[Decimal, Decimal, dict[str, Decimal]]
"""Initial margin, maintenance margin, components: USD."""


def by_brackets(state: PoolState, rules: MarginRules, trace: Trace = None) -> Requirement:
    """Sum what each position and each loan needs by itself.

    ``InputError`` for a symbol without brackets, an option without option rules or a margin
    leverage without a rate.
    """
    initial = {"positions": ZERO, "loans": ZERO}
    components = {"positions": ZERO, "loans": ZERO}
    for position in state.positions:
        part = "options" if position.product == "option" else "positions"
        own_initial, own = position_by_brackets(position, state, rules, trace)
        initial[part] = initial.get(part, ZERO) + own_initial
        components[part] = components.get(part, ZERO) + own
    initial["loans"], components["loans"] = _loans(state, rules, trace)
    for name, value in components.items():
        text = "their maintenance margins, summed"
        note(trace, name, f"{name}: {text}", "{}", (value,), value)
    needed = total(initial.values())
    kept = total(components.values())
    note(trace, "initial margin", "sum over parts", "{+}", tuple(initial.values()), needed)
    note(trace, "maintenance margin", "sum over parts", "{+}", tuple(components.values()), kept)
    return needed, kept, components


def position_by_brackets(
    position: Position, state: PoolState, rules: MarginRules, trace: Trace = None
) -> tuple[Decimal, Decimal]:
    """Return one position's initial and maintenance margin, USD."""
    usd = index_of(state, position.settle)
    if position.product == "option":
        note_notional(position, trace)
        initial, maintenance = option_margin(position, state, rules, trace)
    else:
        initial, maintenance = _contract_margin(position, rules, trace)
    if usd != 1:
        values = (maintenance, usd)
        name = f"{position.symbol}: maintenance margin in USD"
        note(trace, name, "margin × index price", "{} * {}", values, maintenance * usd)
        name = f"{position.symbol}: initial margin in USD"
        note(trace, name, "margin × index price", "{} * {}", (initial, usd), initial * usd)
    return initial * usd, maintenance * usd


def _contract_margin(
    position: Position, rules: MarginRules, trace: Trace
) -> tuple[Decimal, Decimal]:
    symbol, unit = position.symbol, position.settle
    if symbol not in rules.brackets:
        raise InputError(
            f"no brackets for {symbol}: the rulebook lists none; give overrides.brackets.{symbol}"
        )
    notional = position.notional
    note_notional(position, trace)
    bracket = brackets.bracket_of(notional, rules.brackets[symbol])
    maintenance = notional * bracket.mmr - bracket.cum
    note(
        trace,
        f"{symbol}: maintenance margin",
        "notional × mmr − cum of its bracket",
        "{} * {} - {}",
        (notional, bracket.mmr, bracket.cum),
        maintenance,
        unit,
        f"brackets.{symbol}",
    )
    leverage = position.leverage or rounded(
        rules.leverage_of(symbol, position.underlying, notional)
    )
    initial = notional / leverage
    note(
        trace,
        f"{symbol}: initial margin",
        "notional / leverage",
        "{} / {}",
        (notional, leverage),
        initial,
        unit,
        "" if position.leverage else f"{rules.mode}.default_leverage",
    )
    return initial, maintenance


def note_notional(position: Position, trace: Trace) -> None:
    """Derive a position's notional."""
    inverse = position.product == "inverse"
    note(
        trace,
        f"{position.symbol}: notional",
        "|contracts| × contract size / mark" if inverse else "|quantity| × mark",
        "abs({}) * {} / {}" if inverse else "abs({}) * {} * {}",
        (position.quantity, position.contract_size, position.mark_price),
        None if trace is None else position.notional,
        position.settle,
    )


def option_margin(
    position: Position, state: PoolState, rules: MarginRules, trace: Trace = None
) -> tuple[Decimal, Decimal]:
    """Return an option's initial and maintenance margin by itself, in its settlement asset.

    The formulas stand with `OptionMarginRules`.
    """
    if position.quantity >= 0:
        name = f"{position.symbol}: maintenance margin"
        note(trace, name, "a long option is paid for", "0", (), ZERO, position.settle)
        note(trace, f"{position.symbol}: initial margin", "likewise", "0", (), ZERO)
        return ZERO, ZERO
    if rules.options is None:
        raise InputError(f"{position.symbol}: the rulebook has no margin rules for short options")
    rates, mark = rules.options, position.mark_price
    size = abs(position.quantity) * position.contract_size
    underlying = index_of(state, position.underlying) / index_of(state, position.settle)
    sign = 1 if position.right == "C" else -1
    out_of_money = max(sign * (position.strike - underlying), ZERO)
    maintenance = (
        max(rates.maintenance * underlying, rates.maintenance * mark)
        + mark
        + rates.liquidation_fee * underlying
    )
    risk = max(rates.initial * underlying - out_of_money, rates.initial_minimum * underlying)
    initial = max(risk + mark, maintenance)
    if trace is not None:
        _note_option(position, rates_of(rules), underlying, (initial, maintenance), trace)
    return initial * size, maintenance * size


def rates_of(rules: MarginRules) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Return the rates of short options: initial, its minimum, maintenance, liquidation fee."""
    assert rules.options is not None
    o = rules.options
    return o.initial, o.initial_minimum, o.maintenance, o.liquidation_fee


def _note_option(
    position: Position,
    rates: tuple[Decimal, Decimal, Decimal, Decimal],
    underlying: Decimal,
    figures: tuple[Decimal, Decimal],
    trace: Trace,
) -> None:
    initial_rate, minimum, maintenance_rate, fee = rates
    initial, maintenance = figures
    call = position.right == "C"
    size = abs(position.quantity) * position.contract_size
    name, unit, mark = position.symbol, position.settle, position.mark_price
    out = max((1 if call else -1) * (position.strike - underlying), ZERO)
    ends = (position.strike, underlying) if call else (underlying, position.strike)
    text = "max(strike − index, 0)" if call else "max(index − strike, 0)"
    note(trace, f"{name}: out of the money", text, "max({} - {}, 0)", ends, out, unit)
    note(
        trace,
        f"{name}: maintenance margin a unit",
        "max(rate × index, rate × mark) + mark + fee × index",
        "max({0} * {1}, {0} * {2}) + {2} + {3} * {1}",
        (maintenance_rate, underlying, mark, fee),
        maintenance,
        unit,
        "options.maintenance",
    )
    note(
        trace,
        f"{name}: initial margin a unit",
        "max(max(rate × index − out of the money, minimum × index) + mark, maintenance)",
        "max(max({0} * {1} - {2}, {3} * {1}) + {4}, {5})",
        (initial_rate, underlying, out, minimum, mark, maintenance),
        initial,
        unit,
        "options.initial",
    )
    for kind, figure in (("initial margin", initial), ("maintenance margin", maintenance)):
        values = (size, figure)
        note(trace, f"{name}: {kind}", "|quantity| × a unit's", "{} * {}", values, size * figure)


def _loans(state: PoolState, rules: MarginRules, trace: Trace) -> tuple[Decimal, Decimal]:
    owing = {
        asset: state.loans.get(asset, ZERO) + state.interest.get(asset, ZERO)
        for asset in dict.fromkeys((*state.loans, *state.interest))
    }
    if rules.loans is None or not any(owing.values()):
        return ZERO, ZERO
    leverage = state.margin_leverage or rules.loans.default_leverage
    if leverage not in rules.loans.maintenance_rate:
        known = ", ".join(str(x) for x in sorted(rules.loans.maintenance_rate))
        raise InputError(f"margin_leverage {leverage}: the rulebook knows {known}")
    rate = rules.loans.maintenance_rate[leverage]
    initial, maintenance = ZERO, ZERO
    for asset, owed in owing.items():
        value = owed * index_of(state, asset)
        initial += value / (leverage - 1)
        maintenance += value * rate
        name = f"{asset} loan"
        text, numbers = "(loan + interest) × index price × ", (owed, state.index[asset])
        path = f"loans.maintenance_rate.{leverage}"
        note(
            trace,
            f"{name}: maintenance margin",
            text + "rate",
            "{} * {} * {}",
            (*numbers, rate),
            value * rate,
            rule=path,
        )
        note(
            trace,
            f"{name}: initial margin",
            "(loan + interest) × index price / (margin leverage − 1)",
            "{} * {} / ({} - 1)",
            (*numbers, Decimal(leverage)),
            value / (leverage - 1),
        )
    return initial, maintenance
