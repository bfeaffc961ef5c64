"""The impact model of a run as the columns that `simulator.exchange.liquidity` reads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np

from simulator.errors import InputError
from simulator.instruments.instrument import Instrument
from simulator.market.liquidity import Impact, Liquidity
from simulator.units.functions import exponential

PROFILES = ("tape", "constant", "linear")
RESILIENCES = ("instant", "exponential", "linear", "none")
LEVELS_MAX = 10_000
REACH_MAX = 3.0


def impact_columns(
    impact: Impact, listed: Sequence[Instrument], assets: Sequence[str]
) -> dict[str, Any]:
    """Return the rules as columns by instrument, weights by asset.

    Raises ``InputError`` for rules that describe no book, and names that the run does not have.
    """
    if not isinstance(impact, Impact):
        raise InputError(
            "impact: must be simulator.market.liquidity.Impact, as Impact(other=Liquidity("
            f"depth=1e6)), not {type(impact).__name__}"
        )
    _known(impact, listed, assets)
    books = [impact.of(one.name) for one in listed]
    for one, book in zip(listed, books, strict=True):
        _check(one.name if one.name in impact.books else "other books", book)
    most = max((book.levels for book in books), default=1)
    grid, bids, asks = (np.zeros((len(books), most)) for _ in range(3))
    for i, book in enumerate(books):
        grid[i, : book.levels], bids[i, : book.levels], asks[i, : book.levels] = _grid(book)
    knots = [knot for book in books for knot in book.scale]
    return {
        "feedback": impact.feedback,
        "composed": [int(one.market != "option") for one in listed],
        "profile": [PROFILES.index(book.profile) for book in books],
        "resilience": [RESILIENCES.index(book.resilience) for book in books],
        "levels": [book.levels for book in books],
        "pair": [
            _spot_pair(one, listed) if book.arbitrage_ns else -1
            for one, book in zip(listed, books, strict=True)
        ],
        "depth": [book.depth for book in books],
        "half_spread": [book.spread / 2 for book in books],
        "reach": [book.reach for book in books],
        "half_life": [float(book.half_life_ns) for book in books],
        "recovery": [book.recovery for book in books],
        "permanent": [book.permanent for book in books],
        "flight": [book.flight for book in books],
        "arbitrage": [float(book.arbitrage_ns) for book in books],
        "first_knot": np.cumsum([0] + [len(book.scale) for book in books]),
        "knot_time": [float(time) for time, _ in knots],
        "knot_factor": [float(factor) for _, factor in knots],
        "grid": grid,
        "bid_ratio": bids,
        "ask_ratio": asks,
        "own_weight": np.array([float(impact.own_weight.get(asset, 1.0)) for asset in assets]),
    }


def _grid(book: Liquidity) -> tuple[list[float], list[float], list[float]]:
    """Return outer edges of a book's levels (log distance from the quote), and what their bid and
    ask prices are of the mid.

    Distances grow with the square of the level's number: fine at the quote, where most is taken.
    The first level stands at the quote, the others in the middle of their interval.
    """
    half = book.spread / 2
    edges = [book.reach * (k / book.levels) ** 2 for k in range(book.levels + 1)]
    away = [0.0] + [(a + b) / 2 for a, b in pairwise(edges[1:])]
    return edges[1:], [exponential(-half - y) for y in away], [exponential(half + y) for y in away]


def _spot_pair(one: Instrument, listed: Sequence[Instrument]) -> int:
    """Return the number of a future's spot pair, -1 for none; one of the same quote before others.

    An inverse contract's quote is USD: its pair is quoted in a dollar of another name.
    """
    if one.market not in ("um", "cm"):
        return -1
    pairs = [
        i for i, other in enumerate(listed) if (other.market, other.base) == ("spot", one.base)
    ]
    same = [i for i in pairs if listed[i].quote == one.quote]
    dollars = [i for i in pairs if one.market == "cm" and listed[i].quote.endswith(("USD", "USDT"))]
    return [*same, *dollars, -1][0]


def _known(impact: Impact, listed: Sequence[Instrument], assets: Sequence[str]) -> None:
    """Refuse books and weights of what the run does not have."""
    names = [one.name for one in listed]
    for name in impact.books:
        if name not in names:
            raise InputError(f"impact: no book {name} in this run; it has {', '.join(names)}")
    for asset, weight in impact.own_weight.items():
        if asset not in assets:
            raise InputError(f"impact: no asset {asset} in this run; it has {', '.join(assets)}")
        if not 0.0 <= weight <= 1.0:
            raise InputError(f"impact: own_weight of {asset} must be in 0..1, not {weight}")


def _check(name: str, book: Liquidity) -> None:
    """Refuse rules that describe no book."""
    least = {
        "depth": book.depth,
        "spread": book.spread,
        "reach": book.reach,
        "half_life_ns": book.half_life_ns,
        "recovery": book.recovery,
        "permanent": book.permanent,
        "flight": book.flight,
        "arbitrage_ns": book.arbitrage_ns,
    }
    for key, value in least.items():
        if not (isfinite(value) and value >= 0):
            raise InputError(f"impact, {name}: {key} must not be below 0, but is {value}")
    if book.profile not in PROFILES:
        raise InputError(f"impact, {name}: profile {book.profile}; there are {', '.join(PROFILES)}")
    if book.resilience not in RESILIENCES:
        raise InputError(
            f"impact, {name}: resilience {book.resilience}; there are {', '.join(RESILIENCES)}"
        )
    if book.depth <= 0 or book.half_life_ns <= 0:
        raise InputError(f"impact, {name}: depth and half_life_ns must be above 0")
    if not 0 < book.reach <= REACH_MAX or not 1 <= book.levels <= LEVELS_MAX:
        raise InputError(
            f"impact, {name}: reach must be in 0..{REACH_MAX:g} and levels in 1..{LEVELS_MAX}"
        )
    if book.spread >= 1 or book.permanent > 1:
        raise InputError(f"impact, {name}: spread and permanent are shares, below 1")
    times = [time for time, _ in book.scale]
    if times != sorted(set(times)) or any(
        not (isfinite(factor) and factor >= 0) for _, factor in book.scale
    ):
        raise InputError(
            f"impact, {name}: scale must be (ns, factor) in order of time, factors not below 0"
        )
