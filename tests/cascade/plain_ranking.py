"""Who is deleveraged, in the plain model: by rank, or everybody by his share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from tests.cascade.plain_accounts import E8, PlainFigures, Pool


@dataclass(slots=True)
class PlainRanking(PlainFigures):
    """Pools in the order of accounts; ``ranks`` of a step, by contract and side."""

    pools: list[Pool] = field(default_factory=list)
    ranks: dict[tuple[str, int], list[Pool]] = field(default_factory=dict)

    def _opposite(self, name: str, lots: int) -> list[Pool]:
        """Pools with a profitable position against this one, by rank."""
        side = 1 if lots > 0 else -1
        if (name, side) not in self.ranks:
            found = [
                pool
                for pool in self.pools
                if name in pool.held
                and pool.positions[name].lots * side < 0
                and self.profit(pool, name) > 0
            ]
            # sorted() keeps the order of accounts among equals.
            self.ranks[name, side] = sorted(found, key=lambda p: -self._score(p, name))
        return self.ranks[name, side]

    def _score(self, pool: Pool, name: str) -> Fraction:
        """PnL / wallet x maintenance / (wallet + PnL)."""
        wallet = sum((a * self.index(n) for n, a in pool.wallet.items()), Fraction(0))
        wallet -= sum(a * self.index(n) for n, a in pool.loan.items())
        value = self.value(pool)
        if value <= 0:
            return Fraction(0)
        return self.profit(pool, name) / max(E8, wallet) * self.needed(pool) / value

    def _takes(self, pool: Pool, other: Pool, name: str, loss: Fraction) -> int:
        """Lots that another may be closed by: of a position that still is one, in profit, and whose
        pool could bear all of it where each lot costs ``loss`` against the mark.
        """
        if other is pool or name not in other.held or self.profit(other, name) <= 0:
            return 0
        lots = abs(other.positions[name].lots)
        return 0 if loss > 0 and self.value(other) < lots * loss else lots

    def queue(self, pool: Pool, name: str, lots: int, loss: Fraction) -> Iterable[tuple[Pool, int]]:
        """Who is closed against ``lots`` of a position, and by how much: the highest rank first."""
        for other in self._opposite(name, pool.positions[name].lots):
            some = min(lots, self._takes(pool, other, name, loss))
            if some:
                lots -= some
                yield other, some

    def shares(
        self, pool: Pool, name: str, lots: int, loss: Fraction
    ) -> Iterable[tuple[Pool, int]]:
        """Everybody by his share; whole lots by the largest remainder, ties by account."""
        others = sorted(
            self._opposite(name, pool.positions[name].lots), key=lambda one: one.account
        )
        free = [self._takes(pool, other, name, loss) for other in others]
        whole = sum(free)
        if not whole:
            return []
        lots = min(lots, whole)
        exact = [Fraction(lots * one, whole) for one in free]
        given = [floor(one) for one in exact]
        order = sorted(range(len(free)), key=lambda at: (-(exact[at] - given[at]), at))
        for at in order[: lots - sum(given)]:
            given[at] += 1
        return [(other, some) for other, some in zip(others, given, strict=True) if some]
