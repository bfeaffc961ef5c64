"""At which index price of an asset is a pool liquidated, all else equal?

For pools that hold and owe assets but have no positions, such as cross margin: there equity and
requirement are broken straight lines in an index price.  The search walks outward until the sign of
``adjusted equity - threshold * maintenance`` changes, then closes in by the false position
(Illinois), which on a straight piece hits the root exactly.  Prices at which *positions* are
liquidated are `simulator.risk.reference`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from simulator.calculator.pools import Pool
from simulator.risk.reference import pool_margin

Cushion = Callable[[Decimal], Decimal]

FACTORS = tuple(
    Decimal(text) for text in ("1.01", "1.05", "1.2", "1.5", "2", "4", "10", "100", "1e4", "1e7")
)
"""How far from the present price, as a factor up and down, the sign is looked at."""

STEPS_MAX = 200
EXACT = Decimal("1e-20")


def index_root(pool: Pool, asset: str) -> Decimal | None:
    """Return the index price of ``asset`` at which the pool meets its liquidation threshold.

    The root nearest to the present index; None where there is none above zero, the present index
    where the threshold is already passed.
    """
    threshold = pool.rules.ladder_of(pool.kind, pool.state.margin_leverage).liquidation.at

    def cushion(price: Decimal) -> Decimal:
        state = replace(pool.state, index={**pool.state.index, asset: price})
        figures = pool_margin(state, pool.rules)
        return figures.adjusted_equity - threshold * figures.maintenance_margin

    return nearest_root(cushion, pool.state.index[asset])


def nearest_root(cushion: Cushion, now: Decimal) -> Decimal | None:
    """Return the price nearest to ``now`` where ``cushion`` comes down to zero, None without one.

    ``now`` itself where the cushion is already spent; of two roots equally far, the lower.

    >>> round(nearest_root(lambda price: price - 80, Decimal(100)), 20).normalize()
    Decimal('8E+1')
    """
    if cushion(now) <= 0:
        return now
    down = _first(cushion, now, lambda factor: now / factor)
    up = _first(cushion, now, lambda factor: now * factor)
    found = [root for root in (down, up) if root is not None]
    return min(found, key=lambda root: (abs(root - now), root), default=None)


def _first(cushion: Cushion, now: Decimal, place: Callable[[Decimal], Decimal]) -> Decimal | None:
    good = now
    for factor in FACTORS:
        price = place(factor)
        if cushion(price) <= 0:
            return crossing(cushion, good, price)
        good = price
    return None


def crossing(cushion: Cushion, a: Decimal, b: Decimal) -> Decimal:
    """Return the root between ``a``, with ``cushion`` above zero, and ``b``, at or below it."""
    high, low = cushion(a), cushion(b)
    if low == 0:
        return b
    scale = max(abs(high), abs(low))
    side = 0
    for step in range(STEPS_MAX):
        # Where false positions crawl, halving does not.
        middle = (a + b) / 2 if step % 12 == 11 else (a * low - b * high) / (low - high)
        value = cushion(middle)
        if abs(value) <= EXACT * scale or abs(b - a) <= EXACT * abs(middle):
            return middle
        if value > 0:
            a, high = middle, value
            low = low / 2 if side == 1 else low
            side = 1
        else:
            b, low = middle, value
            high = high / 2 if side == -1 else high
            side = -1
    return (a + b) / 2
