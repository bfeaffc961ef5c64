"""What an instant's money is reckoned by: the mark that funding is paid at, settlement prices.

The rules are the plain ones of docs/concepts: funding is a share of the notional at the mark of its
instant; a contract ends at the price that the tape tells, else at the mean of the index, a point
every second of its last half hour.  What the engine takes them from, index and mark, is looked at
when it is asked to act; what it makes of them is worked out here once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.simulation import Simulation

E8 = 10**8


@dataclass
class Mean:
    """Points of an index before an expiry."""

    base: int
    quote: int
    expiry_ns: int
    next_ns: int
    total: int = 0
    points: int = 0


class Dates:
    """Stands between the venue's clock and its desk.

    ``marks`` are those of fundings by instant and instrument, in 1e-8, with the rate; ``prices``
    those at which contracts must be settled.
    """

    def __init__(self, run: Simulation) -> None:
        desk: Any = run.desk
        self.pools, self.rules = run.core.pools, desk.expiry.rules
        self.listed, self.assets = run.player.instruments, run.assets
        self.marks: dict[tuple[int, int], tuple[int, int]] = {}
        self.prices: dict[int, int] = {}
        self.given: dict[int, int] = {}
        self.ended: set[int] = set()
        self.means: dict[tuple[str, str, int], Mean] = {}
        self.now = run.core
        for one in self.listed:
            if one.expiry_ns:
                first = one.expiry_ns - self.rules.window_ns + self.rules.step_ns
                ends = self.assets.index(one.base), self.assets.index(one.quote)
                self.means[one.base, one.quote, one.expiry_ns] = Mean(*ends, one.expiry_ns, first)
        self._settle, desk.funding.settle = desk.funding.settle, self.settle
        self._told, desk.settlement_price = desk.settlement_price, self.told
        self._duty, desk.duty = desk.duty, self.duty

    def settle(self, instrument: int, rate_e8: int) -> None:
        """Funding is settled now."""
        mark = round(float(self.pools.mark_price(instrument)) * E8)
        self.marks[int(self.now.now), instrument] = mark, rate_e8
        self._settle(instrument, rate_e8)

    def told(self, instrument: int, price_e8: int) -> None:
        """The tape tells a settlement price; the last one counts."""
        if price_e8 > 0 and instrument not in self.ended:
            self.given[instrument] = price_e8
        self._told(instrument, price_e8)

    def duty(self, now: int) -> int:
        """The venue's clock: points of the means, and what must be settled at which price."""
        for mean in self.means.values():
            if mean.next_ns <= now <= mean.expiry_ns:
                price = self.index(mean)
                mean.total += price
                mean.points += price > 0
                mean.next_ns += ((now - mean.next_ns) // self.rules.step_ns + 1) * (
                    self.rules.step_ns
                )
        for number, one in enumerate(self.listed):
            if one.expiry_ns and one.expiry_ns <= now and number not in self.ended:
                mean = self.means[one.base, one.quote, one.expiry_ns]
                price = self.given.get(number, 0)
                if not price:
                    price = mean.total // mean.points if mean.points else self.index(mean)
                if price:
                    self.prices[number] = price
                    self.ended.add(number)
        following: int = self._duty(now)
        return following

    def index(self, mean: Mean) -> int:
        """Index of an underlying in its quote asset, 1e-8; 0 without one."""
        base, quote = (float(self.pools.index_price(n)) for n in (mean.base, mean.quote))
        return round(base / quote / 1e-8) if quote else 0
