"""One side of a generated book: five single levels, five collected ones.

Levels are named by *keys*: the price of a bid, minus the price of an ask, so that the greater key
is the better price on both sides and the code is the same.  Quantities are lots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from replay_data.draws import CELLS, coarse
from replay_data.recordings import RAW, collected

KEPT = RAW + 3
"""Single levels kept; those behind the fifth are not shown."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Lookup tables of quantities (lots) and gaps (ticks), and rates of change a step."""

    best: list[int]
    near: list[int]
    far: list[list[int]]
    gap: list[int]
    reach: list[tuple[int, int]]
    best_redraw: float
    best_jitter: float
    deep_redraw: float
    deep_replace: float
    far_redraw: float
    refill: float


class Side:
    """Levels of one side while an hour is generated."""

    def __init__(self, tables: Tables, uniform: Callable[[], float], best: int) -> None:
        self.tables, self.uniform = tables, uniform
        self.keys: list[int] = []
        self.quantities: list[int] = []
        self.far_keys: list[int] = []
        self.far_quantities: list[int] = []
        self.displayed_best = 0
        self.scale = 1.0
        self.stretch = 1.0
        self.settle(best)

    def draw(self, table: list[int], scale: float) -> int:
        """Draw from a table, scaled, at least 1."""
        return max(1, coarse(table[int(self.uniform() * CELLS)] * scale))

    def settle(self, best: int) -> None:
        """Make ``best`` the best key: what is better goes, what is missing is quoted."""
        tables, keys, quantities = self.tables, self.keys, self.quantities
        while keys and keys[0] > best:
            keys.pop(0)
            quantities.pop(0)
        if not keys or keys[0] != best:
            old = keys[0] if keys else None
            if old is not None:
                quantities[0] = self.draw(tables.near, self.scale)
            new, added = [best], [self.draw(tables.best, self.scale)]
            key = best - self.draw(tables.gap, self.stretch)
            while len(new) < RAW and (old is None or key > old):
                new.append(key)
                added.append(self.draw(tables.near, self.scale))
                key -= self.draw(tables.gap, self.stretch)
            keys[:0], quantities[:0] = new, added
        del keys[KEPT:], quantities[KEPT:]
        while len(keys) < RAW:
            keys.append(keys[-1] - self.draw(tables.gap, self.stretch))
            quantities.append(self.draw(tables.near, self.scale))
        if not quantities[0]:
            quantities[0] = self.draw(tables.best, self.scale)
        for i in range(1, len(keys)):
            quantities[i] = quantities[i] or self.draw(tables.near, self.scale)
        self.collect()

    def collect(self) -> None:
        """Put the collected levels in place; one that stays keeps its quantity."""
        held = dict(zip(self.far_keys, self.far_quantities, strict=True))
        self.far_keys = collected(self.keys[0], self.keys[RAW - 1], self.tables.reach)
        self.far_quantities = [
            held.get(key) or self.draw(table, self.scale)
            for key, table in zip(self.far_keys, self.tables.far, strict=True)
        ]

    def refresh(self) -> None:
        """Let quantities change, levels be cancelled and others quoted, for one step."""
        tables, uniform, quantities = self.tables, self.uniform, self.quantities
        u = uniform()
        if u < tables.best_redraw:
            quantities[0] = self.draw(tables.best, self.scale)
        elif u < tables.best_redraw + tables.best_jitter:
            quantities[0] = max(1, coarse(quantities[0] * (0.9 + 0.2 * uniform())))
        for i in range(1, RAW):
            u = uniform()
            if u < tables.deep_redraw:
                quantities[i] = self.draw(tables.near, self.scale)
            elif u < tables.deep_redraw + tables.deep_replace:
                self.replace(i)
        for i, table in enumerate(tables.far):
            if uniform() < tables.far_redraw:
                self.far_quantities[i] = self.draw(table, self.scale)

    def replace(self, i: int) -> None:
        """Cancel single level ``i`` and quote another price between its neighbours."""
        above = self.keys[i - 1]
        key = above - self.draw(self.tables.gap, self.stretch)
        if i + 1 < len(self.keys) and key <= self.keys[i + 1]:
            return
        self.keys[i] = key
        self.quantities[i] = self.draw(self.tables.near, self.scale)

    def show(self) -> dict[int, int]:
        """Return the ten displayed levels by key, best first."""
        self.collect()
        self.displayed_best = self.quantities[0]
        shown = dict(zip(self.keys[:RAW], self.quantities[:RAW], strict=True))
        shown.update(zip(self.far_keys, self.far_quantities, strict=True))
        return shown

    def take(self, lots: int, limit: int) -> list[tuple[int, int]]:
        """Fill ``lots`` down to the key ``limit``; return the prints ``(key, lots)``."""
        prints: list[tuple[int, int]] = []
        for keys, quantities, count in (
            (self.keys, self.quantities, RAW),
            (self.far_keys, self.far_quantities, len(self.far_keys)),
        ):
            for i in range(count):
                if not lots or keys[i] < limit:
                    return prints
                taken = min(lots, quantities[i])
                if taken:
                    quantities[i] -= taken
                    lots -= taken
                    prints.append((keys[i], taken))
        return prints

    def better(self, key: int) -> int:
        """Lots displayed on single levels at better keys than ``key``."""
        return sum(q for k, q in zip(self.keys[:RAW], self.quantities, strict=False) if k > key)

    def refill(self) -> None:
        """Between two orders, refill a best level of which little is left."""
        if (
            self.quantities[0] * 10 < self.displayed_best * 3
            and self.uniform() < self.tables.refill
        ):
            self.quantities[0] = max(1, coarse(self.displayed_best * self.uniform()))

    def impact_price(self, lots: float) -> float:
        """Mean key at which ``lots`` would fill; what finds no depth costs the last level."""
        left, value = lots, 0.0
        levels = [*zip(self.keys[:RAW], self.quantities, strict=False)]
        levels += zip(self.far_keys, self.far_quantities, strict=True)
        for key, quantity in levels:
            taken = min(left, float(quantity))
            value += taken * key
            left -= taken
        return (value + left * levels[-1][0]) / lots
