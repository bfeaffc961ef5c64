"""Liquidation and bankruptcy prices: where a pool's cushion meets zero as one mark moves.

The cushion of a mark is ``adjusted equity - threshold * maintenance`` with the marks of one
instrument moved and all else equal; threshold 0 gives the bankruptcy price.  As a function of a
linear contract's mark, or of 1 / mark of an inverse one, it is a broken straight line: brackets,
haircuts and scenarios bend it.  The search walks outward until the sign changes, then closes in by
the false position (Illinois), which on a straight piece hits the root exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from simulator.calculator.pools import Pool
from simulator.risk.reference import pool_margin

Cushion = Callable[[Decimal], Decimal]

FACTORS = tuple(
    Decimal(text)
    for text in (
        "1.003",
        "1.01",
        "1.03",
        "1.07",
        "1.15",
        "1.3",
        "1.6",
        "2",
        "3",
        "6",
        "20",
        "100",
        "1e4",
        "1e7",
    )
)
"""How far from the mark, as a factor up and down, the sign is looked at."""

STEPS_MAX = 200
EXACT = Decimal("1e-15")


def prices_of(pool: Pool, number: int) -> tuple[Decimal | None, Decimal | None]:
    """Return liquidation price and bankruptcy price of position ``number`` of a pool."""
    position = pool.state.positions[number]
    threshold = pool.rules.ladder_of(pool.kind).liquidation

    def moved(mark: Decimal) -> tuple[Decimal, Decimal]:
        positions = tuple(
            replace(p, mark_price=mark) if p.symbol == position.symbol else p
            for p in pool.state.positions
        )
        figures = pool_margin(replace(pool.state, positions=positions), pool.rules)
        return figures.adjusted_equity, figures.maintenance_margin

    known: dict[Decimal, tuple[Decimal, Decimal]] = {}

    def at(mark: Decimal) -> tuple[Decimal, Decimal]:
        if mark not in known:
            known[mark] = moved(mark)
        return known[mark]

    def to_threshold(mark: Decimal) -> Decimal:
        equity, maintenance = at(mark)
        return equity - threshold.at * maintenance

    inverse = position.product == "inverse"
    return (
        nearest_root(to_threshold, position.mark_price, inverse),
        nearest_root(lambda mark: at(mark)[0], position.mark_price, inverse),
    )


def nearest_root(cushion: Cushion, mark: Decimal, inverse: bool = False) -> Decimal | None:
    """Return the price nearest to ``mark`` where ``cushion`` comes down to zero, None without one.

    ``mark`` itself where the cushion is already spent; of two roots equally far, the lower.

    >>> nearest_root(lambda price: price - 80, Decimal(100))
    Decimal('80')
    """
    if cushion(mark) <= 0:
        return mark
    down = _first(cushion, mark, lambda factor: mark / factor, inverse)
    up = _first(cushion, mark, lambda factor: mark * factor, inverse)
    found = [root for root in (down, up) if root is not None]
    return min(found, key=lambda root: (abs(root - mark), root), default=None)


def _first(
    cushion: Cushion, mark: Decimal, place: Callable[[Decimal], Decimal], inverse: bool
) -> Decimal | None:
    good = mark
    for factor in FACTORS:
        price = place(factor)
        if cushion(price) <= 0:
            return _between(cushion, good, price, inverse)
        good = price
    return None


def _between(cushion: Cushion, good: Decimal, bad: Decimal, inverse: bool) -> Decimal:
    """Close in on the root between a price above zero and one at or below it."""

    def price_at(place: Decimal) -> Decimal:
        return 1 / place if inverse else place

    a, b = price_at(good), price_at(bad)
    high, low = cushion(good), cushion(bad)
    if low == 0:
        return bad
    scale = max(abs(high), abs(low))
    side = 0
    for step in range(STEPS_MAX):
        # Where false positions crawl, halving does not.
        middle = (a + b) / 2 if step % 12 == 11 else (a * low - b * high) / (low - high)
        value = cushion(price_at(middle))
        if abs(value) <= EXACT * scale or abs(b - a) <= EXACT * abs(middle):
            return price_at(middle)
        if value > 0:
            a, high = middle, value
            low = low / 2 if side == 1 else low
            side = 1
        else:
            b, low = middle, value
            high = high / 2 if side == -1 else high
            side = -1
    return price_at((a + b) / 2)
