"""What a pool would be after a move of prices that has not happened.

Prices of one underlying are moved together: its index, the marks of its contracts, and its options
by Black-76 at their volatility.  The pool is evaluated there and everything is put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from simulator.exchange.core import Core
from simulator.instruments.instrument import Instrument
from simulator.risk.levels import RiskLevel
from simulator.risk.options import black76
from simulator.risk.state import YEAR_NS


class Stress:
    """Pools of a running venue under prices that are moved for a moment."""

    def __init__(
        self, core: Core, instruments: Sequence[Instrument], assets: Sequence[str]
    ) -> None:
        self.core = core
        self.listed = instruments
        self.assets = assets
        self.underlyings = list(
            dict.fromkeys(one.base for one in instruments if one.base in assets)
        )

    def liquidated_by(self, pool: int, share: float) -> bool:
        """Whether a move of ``share`` (0.05 = 5 %) of one underlying's prices, up or down, brings
        the pool to LIQUIDATION; its figures are as before afterwards.
        """
        worst = RiskLevel.NORMAL
        for underlying in self.underlyings:
            for move in (-share, share):
                worst = max(worst, self.level_after(pool, underlying, move))
        self.core.pools.evaluate(pool)
        return worst >= RiskLevel.LIQUIDATION

    def level_after(self, pool: int, underlying: str, move: float) -> RiskLevel:
        """Level of a pool after a move of an underlying's prices, a share."""
        with self.moved(underlying, 1.0 + move):
            self.core.pools.evaluate(pool)
            return RiskLevel(self.core.pools.figures(pool)[3])

    @contextmanager
    def moved(self, underlying: str, factor: float) -> Iterator[None]:
        """Move an underlying's prices, and put them back afterwards; pools are the caller's."""
        pools = self.core.pools
        asset = self.assets.index(underlying)
        index = float(pools.index_price(asset))
        marks = {
            i: float(pools.mark_price(i))
            for i, one in enumerate(self.listed)
            if one.base == underlying
        }
        pools.set_index(asset, index * factor)
        for i, mark in marks.items():
            pools.set_mark(i, self._mark_at(i, mark, index, factor))
        try:
            yield
        finally:
            pools.set_index(asset, index)
            for i, mark in marks.items():
                pools.set_mark(i, mark)

    def _mark_at(self, i: int, mark: float, index: float, factor: float) -> float:
        one = self.listed[i]
        if one.market != "option":
            return mark * factor
        volatility = float(self.core.pools.option_volatility(i))
        years = max(0.0, (one.expiry_ns - self.core.now) / YEAR_NS)
        call, strike = one.right == "C", float(one.strike)
        now = black76(index, strike, volatility, years, 0.0, call)
        return float(
            max(0.0, mark + black76(index * factor, strike, volatility, years, 0.0, call) - now)
        )
