"""What an instant's money is reckoned by: the mark that funding is paid at, settlement prices.

The rules are the plain ones of docs/concepts: funding is a share of the notional at the mark of its
instant; a contract ends at the price that the tape tells, else at the mean of the index, a point
every second of its last half hour, else at the index of the moment: at the first at which all that
is open is worth what the ledger holds.  What the engine takes them from, index and mark, is looked
at when it is asked to act; what it makes of them is worked out here once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.simulation import Simulation

E8 = 10**8

SURE = 10**17
"""Units: settled whatever wallets have."""

MOST = 4 * 10**18
"""Units, and 1e-8 of a price: never more."""


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
    those at which contracts must be settled: the last, or an earlier one where what wallets have
    decides.
    """

    def __init__(self, run: Simulation) -> None:
        desk: Any = run.desk
        self.pools, self.rules = run.core.pools, desk.expiry.rules
        self.listed, self.assets = run.player.instruments, run.assets
        self.marks: dict[tuple[int, int], tuple[int, int]] = {}
        self.prices: dict[int, list[int]] = {}
        self.given: dict[int, int] = {}
        self.ended: set[int] = set()
        self.means: dict[tuple[str, str, int], Mean] = {}
        self.now, self.expiry = run.core, desk.expiry
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
        mark = round(float(self.pools.mark_price(instrument)) / 1e-8)
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
                self.prices[number], sure = self.settles_at(number)
                if sure:
                    self.ended.add(number)
        following: int = self._duty(now)
        settled = self.expiry.prices.keys()
        assert self.ended <= settled, f"not settled: {self.ended - settled} of {self.prices}"
        self.ended |= settled
        return following

    def settles_at(self, number: int) -> tuple[list[int], bool]:
        """Prices that a contract may be settled at, and whether it is at the last of them."""
        one = self.listed[number]
        mean = self.means[one.base, one.quote, one.expiry_ns]
        average = mean.total // mean.points if mean.points else 0
        found = []
        for price in (self.given.get(number, 0), average, self.index(mean)):
            if price and price <= MOST:
                worth = self.worth(number, price)
                if worth <= MOST:
                    found.append(price)
                if worth <= SURE:
                    return found, True
        return found, False

    def worth(self, number: int, price: int) -> int:
        """What all that is open of a contract is worth at a price, both sides, in units."""
        one, quantity = self.listed[number], self.now.ledger.columns()[2]
        lots = sum(abs(n) for n in quantity[1:, number :: len(self.listed)].ravel().tolist())
        size = int(lots * one.lot * one.contract_size * E8)
        if one.inverse:
            return size * E8 // price
        if one.market == "option":
            strike = int(one.strike * E8)
            price = max(0, price - strike if one.right == "C" else strike - price)
        return size * price // E8

    def index(self, mean: Mean) -> int:
        """Index of an underlying in its quote asset, 1e-8; 0 without one."""
        base, quote = (float(self.pools.index_price(n)) for n in (mean.base, mean.quote))
        return round(base / quote / 1e-8) if quote else 0
