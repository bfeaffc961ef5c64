"""Credit between underlyings: opposite risks that move together need less than their sum.

The scan risk of a long underlying is matched with that of a short one; a matched part *m* earns
``2 * m * share`` (both legs), ``share = rate * min(max(correlation / reference, 0), 1)``.  Scan
risk is matched at most once and may be split over partners; the matching that earns most counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import product

from simulator.risk.reference_steps import Trace, exact, note, rounded
from simulator.risk.scenario import Correlations, ScenarioRules, pair_correlation
from simulator.risk.state import ZERO

Match = tuple[str, str, Fraction]
"""A long underlying, a short one, and the scan risk matched between them, USD."""

_Risks = tuple[tuple[str, Fraction], ...]


def largest_credit(
    longs: Mapping[str, Decimal],
    shorts: Mapping[str, Decimal],
    parameters: ScenarioRules,
    correlation: Correlations,
    trace: Trace = None,
) -> Decimal:
    """Return the largest total credit from matching scan risks of longs and shorts, both given by
    underlying.

    >>> rules = ScenarioRules(Fraction(1, 10), Fraction(1, 3), Decimal("0.8"), Decimal("1.5"))
    >>> largest_credit({"BTC": Decimal(5000)}, {"ETH": Decimal(3000)}, rules, {})
    Decimal('2000')
    """
    share = {
        (a, b): parameters.credit_share(pair_correlation(correlation, a, b))
        for a, b in product(longs, shorts)
    }
    if not any(share.values()):
        return ZERO
    credit = Fraction(0)
    for long, short, matched in best_matching(longs, shorts, share):
        rate = share[long, short]
        credit += 2 * matched * rate
        if trace is None or rate == 0:
            continue
        pair = f"{long}/{short}"
        _note_share(pair, pair_correlation(correlation, long, short), rate, parameters, trace)
        value = 2 * rounded(matched) * rounded(rate)
        formula, numbers = "2 legs × matched scan risk × share", (matched, rate)
        note(trace, f"credit of {pair}", formula, "2 * {} * {}", numbers, value)
    return rounded(credit)


def _note_share(
    pair: str, given: Decimal | None, share: Fraction, parameters: ScenarioRules, trace: Trace
) -> None:
    name, path = f"credit share of {pair}", "scenario.credit_rate"
    rate = parameters.credit_rate
    if given is None:
        note(trace, name, "rate, at the reference correlation", "{}", (rate,), share, "", path)
        return
    formula = "rate × min(max(correlation / reference, 0), 1)"
    numbers = (rate, given, parameters.correlation_reference)
    note(trace, name, formula, "{} * min(max({} / {}, 0), 1)", numbers, share, "", path)


def best_matching(
    longs: Mapping[str, Decimal],
    shorts: Mapping[str, Decimal],
    share: Mapping[tuple[str, str], Fraction],
) -> tuple[Match, ...]:
    """Return the matching of scan risks that earns most.

    With one share for all pairs any full matching is best.  Otherwise every way to fill one pair
    after another as full as it goes is tried, and that is enough: a best matching lies at a corner
    of the set of all matchings, the pairs used at a corner form trees, and a tree can be built from
    its leaves, each leaf filled to the full.  Slow (exponential), for small pools and tests.
    """
    if len(set(share.values())) == 1:
        return _any_full_matching(longs, shorts)

    @cache
    def best(left: _Risks, right: _Risks) -> tuple[Fraction, tuple[Match, ...]]:
        most = Fraction(0)
        matches: tuple[Match, ...] = ()
        for (a, x), (b, y) in product(left, right):
            if share[a, b] == 0:
                continue
            matched = min(x, y)
            rest, others = best(_take(left, a, matched), _take(right, b, matched))
            credit = 2 * matched * share[a, b] + rest
            if credit > most:
                most, matches = credit, ((a, b, matched), *others)
        return most, matches

    return best(_exact(longs), _exact(shorts))[1]


def _any_full_matching(
    longs: Mapping[str, Decimal], shorts: Mapping[str, Decimal]
) -> tuple[Match, ...]:
    left, right = list(_exact(longs)), list(_exact(shorts))
    matches = []
    while left and right:
        (a, x), (b, y) = left.pop(0), right.pop(0)
        matches.append((a, b, min(x, y)))
        if x > y:
            left.insert(0, (a, x - y))
        elif y > x:
            right.insert(0, (b, y - x))
    return tuple(matches)


def _exact(risks: Mapping[str, Decimal]) -> _Risks:
    return tuple((u, exact(risk)) for u, risk in risks.items())


def _take(risks: _Risks, underlying: str, matched: Fraction) -> _Risks:
    less = ((u, risk - matched if u == underlying else risk) for u, risk in risks)
    return tuple((u, risk) for u, risk in less if risk > 0)
