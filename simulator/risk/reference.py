"""Margin of a pool in plain Decimal: the readable twin of ``kernels.py``.

Read it top to bottom as a lesson:

1. *Equity*: per asset ``x = asset - loan + unrealized PnL paid in it``, then ``sum x * index``
before the haircut and
   ``sum min(x * index * ratio, x * index)`` after (account equity); less the loss that open orders
   would make at once (adjusted equity).
2. *Requirement*, by one of two models.  ``brackets``: every position and every loan by itself,
summed.  ``scenario``:
   every underlying by its worst loss, less a credit for opposite underlyings.
3. *Level*: adjusted equity / maintenance margin on the rulebook's ladder.

All amounts are in USD unless said otherwise; ``index`` turns an asset into USD.
Sources: docs/rules.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import pairwise, product

from simulator.risk import brackets
from simulator.risk.rules import MarginRules
from simulator.risk.scenario import Correlations, ScenarioRules, pair_correlation
from simulator.risk.state import ZERO, PoolMargin, PoolState, Position

__all__ = ["PoolMargin", "PoolState", "Position", "pool_margin"]


def pool_margin(state: PoolState, rules: MarginRules) -> PoolMargin:
    """Return the margin of a pool; ``KeyError`` for an asset without index or a symbol without
    brackets.
    """
    amounts = net_amounts(state)
    equity = sum((x * state.index[a] for a, x in amounts.items()), ZERO)
    account_equity = sum(
        (
            collateral_value(x, state.index[a], rules.collateral.ratio_of(a))
            for a, x in amounts.items()
        ),
        ZERO,
    )
    adjusted = account_equity - state.open_loss
    requirement = by_brackets if rules.model == "brackets" else by_scenarios
    initial, maintenance, components = requirement(state, rules)
    return PoolMargin(
        equity=equity,
        account_equity=account_equity,
        adjusted_equity=adjusted,
        initial_margin=initial,
        maintenance_margin=maintenance,
        ratio=rules.ladder.ratio(adjusted, maintenance),
        level=rules.ladder.level(adjusted, maintenance),
        components=components,
    )


def net_amounts(state: PoolState) -> dict[str, Decimal]:
    """Return per asset what the pool owns less what it owes, unrealized PnL included."""
    amounts = dict(state.assets)
    for asset, owed in state.loans.items():
        amounts[asset] = amounts.get(asset, ZERO) - owed
    for position in state.positions:
        amounts[position.settle] = amounts.get(position.settle, ZERO) + position.unrealized_pnl
    return amounts


def collateral_value(amount: Decimal, index: Decimal, ratio: Decimal) -> Decimal:
    """Return ``min(x * index * ratio, x * index)``: the haircut takes from gains, a debt counts in
    full.
    """
    return min(amount * index * ratio, amount * index)


Requirement = tuple[Decimal, Decimal, dict[str, Decimal]]
"""Initial margin, maintenance margin, components."""


def by_brackets(state: PoolState, rules: MarginRules) -> Requirement:
    """Sum what each position and each loan needs by itself; nothing offsets.

    Position: initial ``notional / leverage``, maintenance ``notional * mmr - cum``.
    Loan: initial ``loan / (leverage - 1)``, maintenance ``loan * rate of that leverage``.
    """
    initial = {"positions": ZERO, "loans": ZERO}
    maintenance = {"positions": ZERO, "loans": ZERO}
    for position in state.positions:
        usd = state.index[position.settle]
        leverage = position.leverage or _decimal(
            rules.leverage_of(position.symbol, position.underlying, position.notional)
        )
        table = rules.brackets[position.symbol]
        initial["positions"] += position.notional / leverage * usd
        maintenance["positions"] += brackets.maintenance_margin(position.notional, table) * usd
    if rules.loans:
        margin_leverage = state.margin_leverage or rules.loans.default_leverage
        rate = rules.loans.maintenance_rate[margin_leverage]
        for asset, owed in state.loans.items():
            initial["loans"] += owed / (margin_leverage - 1) * state.index[asset]
            maintenance["loans"] += owed * rate * state.index[asset]
    return sum(initial.values(), ZERO), sum(maintenance.values(), ZERO), maintenance


def by_scenarios(state: PoolState, rules: MarginRules) -> Requirement:
    """Return the worst losses by underlying, less the credit between opposite underlyings.

    The sum is the initial margin; maintenance = initial / ``initial_over_maintenance``.
    """
    parameters = rules.scenario
    nets = net_deltas(state)
    scan = {u: abs(net) * _decimal(parameters.range_of(u)) for u, net in nets.items()}
    credit = largest_credit(
        {u: scan[u] for u, net in nets.items() if net > 0 and scan[u] > 0},
        {u: scan[u] for u, net in nets.items() if net < 0 and scan[u] > 0},
        parameters,
        state.correlation,
    )
    components = {"scan_risk": sum(scan.values(), ZERO), "inter_credit": -credit}
    initial = sum(components.values(), ZERO)
    return initial, initial / parameters.initial_over_maintenance, components


def net_deltas(state: PoolState) -> dict[str, Decimal]:
    """Return per underlying the delta value that scenarios move: derivatives and the spot that
    offsets them.
    """
    derivatives: dict[str, Decimal] = {}
    for position in state.positions:
        value = position.quantity * position.mark_price * state.index[position.settle]
        derivatives[position.underlying] = derivatives.get(position.underlying, ZERO) + value
    spot = {a: amount * state.index[a] for a, amount in state.assets.items()}
    for asset, owed in state.loans.items():
        spot[asset] = spot.get(asset, ZERO) - owed * state.index[asset]
    return {
        underlying: net_delta(derivatives.get(underlying, ZERO), spot.get(underlying, ZERO))
        for underlying in dict.fromkeys((*derivatives, *spot))
    }


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


def scan_risk_on_grid(net: Decimal, price_range: Fraction, steps: int) -> Decimal:
    """Return the worst loss of a linear net delta over the price x volatility grid, never below 0.

    The grid has ``steps`` prices either side of the middle and three volatilities, which move
    nothing linear.  It equals ``|net| * price_range``: a straight line is lowest at an end.

    >>> scan_risk_on_grid(Decimal(-30000), Fraction(1, 10), 3)
    Decimal('3000')
    """
    worst = Fraction(0)
    for step, _volatility in product(range(-steps, steps + 1), ("down", "same", "up")):
        profit = Fraction(net) * price_range * Fraction(step, steps)
        worst = max(worst, -profit)
    return _decimal(worst)


def largest_credit(
    longs: Mapping[str, Decimal],
    shorts: Mapping[str, Decimal],
    parameters: ScenarioRules,
    correlation: Correlations,
) -> Decimal:
    """Return the largest total credit from matching scan risks of longs and shorts, both given by
    underlying.

    A matched part *m* of a pair earns ``2 * m * share`` (both legs).  With one share for all pairs
    any full matching is best.  Otherwise every way to fill one pair after another as full as it
    goes is tried, and that is enough: a best matching lies at a corner of the set of all
    matchings, the pairs used at a corner form trees, and a tree can be built from its leaves, each
    leaf filled to the full.  Slow (exponential), for small pools and tests.

    >>> rules = ScenarioRules(Fraction(1, 10), Fraction(1, 3), Decimal("0.8"), Decimal("1.5"))
    >>> largest_credit({"BTC": Decimal(5000)}, {"ETH": Decimal(3000)}, rules, {})
    Decimal('2000')
    """
    share = {
        (a, b): parameters.credit_share(pair_correlation(correlation, a, b))
        for a, b in product(longs, shorts)
    }
    if not share:
        return ZERO
    if len(set(share.values())) == 1:
        matched = min(sum(longs.values()), sum(shorts.values()))
        return _decimal(2 * Fraction(matched) * next(iter(share.values())))

    @cache
    def best(
        left: tuple[tuple[str, Fraction], ...], right: tuple[tuple[str, Fraction], ...]
    ) -> Fraction:
        most = Fraction(0)
        for (a, x), (b, y) in product(left, right):
            matched = min(x, y)
            rest = best(_take(left, a, matched), _take(right, b, matched))
            most = max(most, 2 * matched * share[a, b] + rest)
        return most

    return _decimal(best(_fractions(longs), _fractions(shorts)))


def _fractions(risks: Mapping[str, Decimal]) -> tuple[tuple[str, Fraction], ...]:
    return tuple((u, Fraction(risk)) for u, risk in risks.items())


def _take(
    risks: tuple[tuple[str, Fraction], ...], underlying: str, matched: Fraction
) -> tuple[tuple[str, Fraction], ...]:
    less = ((u, risk - matched if u == underlying else risk) for u, risk in risks)
    return tuple((u, risk) for u, risk in less if risk > 0)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of a symbol: signed quantity and entry price (one-way has one, hedge mode up to
    three).
    """

    quantity: Decimal
    entry_price: Decimal


def liquidation_price(
    legs: Sequence[Leg],
    table: Sequence[brackets.Bracket],
    mark_price: Decimal,
    wallet_balance: Decimal,
    other_unrealized_pnl: Decimal = ZERO,
    other_maintenance: Decimal = ZERO,
    threshold: Decimal = Decimal(1),
) -> Decimal | None:
    """Return the mark price at which equity / maintenance margin meets ``threshold``, all else
    equal, exactly.

    Equity less ``threshold`` times maintenance is a straight line between the prices where a leg's
    notional changes bracket, so each stretch has at most one root.  On the stretch where leg *l*
    has ``mmr_l`` and ``cum_l``::

        price = (wallet + other PnL - T * other MM + sum(T * cum_l - q_l * entry_l))
                / sum(T * |q_l| * mmr_l - q_l)

    which for T = 1 is Binance's formula.  Of several roots the one nearest to ``mark_price``
    counts (the lower on a tie); None where there is none above zero; ``mark_price`` where the
    threshold is already met.  Amounts are in the settlement asset.  The scenario model's
    requirement for one position alone is a table of one bracket with ``mmr = price range / initial
    over maintenance``.
    """

    def cushion(price: Decimal) -> Decimal:
        pnl = sum((leg.quantity * (price - leg.entry_price) for leg in legs), ZERO)
        needed = sum(
            (brackets.maintenance_margin(abs(leg.quantity) * price, table) for leg in legs), ZERO
        )
        return (
            wallet_balance + other_unrealized_pnl + pnl - threshold * (other_maintenance + needed)
        )

    if cushion(mark_price) <= 0:
        return mark_price
    edges = {b.cap / abs(leg.quantity) for leg in legs if leg.quantity for b in table[:-1]}
    bounds: list[Decimal | None] = [ZERO, *sorted(edges), None]
    roots: list[Decimal] = []
    for low, high in pairwise(bounds):
        assert low is not None
        inside = low + 1 if high is None else (low + high) / 2
        fixed = wallet_balance + other_unrealized_pnl - threshold * other_maintenance
        slope = ZERO
        for leg in legs:
            bracket = brackets.bracket_of(abs(leg.quantity) * inside, table)
            fixed += threshold * bracket.cum - leg.quantity * leg.entry_price
            slope += threshold * abs(leg.quantity) * bracket.mmr - leg.quantity
        if slope == 0:
            continue
        root = fixed / slope
        if root > 0 and low <= root and (high is None or root <= high):
            roots.append(root)
    return min(roots, key=lambda root: (abs(root - mark_price), root), default=None)
