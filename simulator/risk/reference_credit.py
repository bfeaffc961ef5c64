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

_FEW_PAIRS = 4
"""Up to so many pairs trying everything is faster than looking for paths."""

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

    With one share for all pairs any full matching is best.  Otherwise small pools are matched by
    trying everything, larger ones by paths; both find the best.
    """
    if len(set(share.values())) == 1:
        return _any_full_matching(longs, shorts)
    if len(share) <= _FEW_PAIRS:
        return matching_by_trial(longs, shorts, share)
    return matching_by_paths(longs, shorts, share)


def matching_by_trial(
    longs: Mapping[str, Decimal],
    shorts: Mapping[str, Decimal],
    share: Mapping[tuple[str, str], Fraction],
) -> tuple[Match, ...]:
    """Return the matching that earns most, of all.

    Every way to fill one pair after another as full as it goes is tried, and that is enough: a
    best matching lies at a corner of the set of all matchings, the pairs used at a corner form
    trees, and a tree can be built from its leaves, each leaf filled to the full.  Exponential.
    """

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


def matching_by_paths(
    longs: Mapping[str, Decimal],
    shorts: Mapping[str, Decimal],
    share: Mapping[tuple[str, str], Fraction],
) -> tuple[Match, ...]:
    """Return a matching that earns most, grown by the most profitable path while one gains.

    A path starts at a long with risk left and ends at a short with risk left; on the way it may
    take matched risk back from a pair to give it to another.  Successive best paths are optimal for
    every amount sent on the way (the transportation problem's longest augmenting paths).
    """
    supply, demand = dict(_exact(longs)), dict(_exact(shorts))
    flow = dict.fromkeys(share, Fraction(0))
    while True:
        path = _best_path(supply, demand, flow, share)
        if not path:
            return tuple((a, b, amount) for (a, b), amount in flow.items() if amount > 0)
        # Pairs alternate: given to, taken back from, given to, ...
        amount = min(supply[path[0][0]], demand[path[-1][1]])
        for pair in path[1::2]:
            amount = min(amount, flow[pair])
        for number, pair in enumerate(path):
            flow[pair] = flow[pair] - amount if number % 2 else flow[pair] + amount
        supply[path[0][0]] = supply[path[0][0]] - amount
        demand[path[-1][1]] = demand[path[-1][1]] - amount


def _best_path(
    supply: Mapping[str, Fraction],
    demand: Mapping[str, Fraction],
    flow: Mapping[tuple[str, str], Fraction],
    share: Mapping[tuple[str, str], Fraction],
) -> list[tuple[str, str]]:
    """Return the pairs of the path that earns most per unit, empty where none gains.

    By Bellman and Ford: a pair earns its share on the way to the short and costs it on the way
    back.
    """
    to_long: dict[str, tuple[Fraction, list[tuple[str, str]]]] = {
        a: (Fraction(0), []) for a, left in supply.items() if left > 0
    }
    to_short: dict[str, tuple[Fraction, list[tuple[str, str]]]] = {}
    used = {pair for pair, amount in flow.items() if amount > 0}
    changed = True
    while changed:
        changed = False
        for (a, b), earned in share.items():
            if a in to_long:
                gain = to_long[a][0] + earned
                if b not in to_short or gain > to_short[b][0]:
                    to_short[b], changed = (gain, [*to_long[a][1], (a, b)]), True
            if (a, b) in used and b in to_short:
                gain = to_short[b][0] - earned
                if a not in to_long or gain > to_long[a][0]:
                    to_long[a], changed = (gain, [*to_short[b][1], (a, b)]), True
    ends = [to_short[b] for b, left in demand.items() if b in to_short and left > 0]
    best = max(ends, key=lambda end: end[0], default=(Fraction(0), []))
    return best[1] if best[0] > 0 else []


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
