"""Trading fees by their plain rules: to the unit where it is known at which index they were.

A fee is a share of what is traded, rounded up; of an option a share of what its underlying is
worth at the index, at most a share of the premium; in BNB less the discount, at the ratio of two
indices, rounded down and a unit more.  An index is known where the tape told it at most ten minutes
ago; which row of the last two a fill came after is left open.
"""

from __future__ import annotations

from collections import Counter, deque

from simulator.instruments.instrument import Instrument
from simulator.market.tape import Kind
from simulator.simulation import Simulation
from tests.simulation.hunt.case import Case
from tests.simulation.hunt.faults import INSTRUMENT, KIND, PRICE, TIME
from tests.simulation.hunt.orders import Lives

E8 = 10**8
STALE_NS = 600 * 10**9
CASH = ("USDT", "USD")
FILLED_AT, OF, SIDE, LOTS, MAKER, FEE, FEE_ASSET, FORCED = 0, 1, 3, 5, 6, 7, 8, 10
"""Columns of a fill's row."""


class Fees:
    """What a fill must have cost whom; ``counts`` say how many were worked out."""

    def __init__(self, run: Simulation, lives: Lives) -> None:
        self.lives, self.pools = lives, run.core.pools
        self.listed, self.assets = run.player.instruments, run.assets
        paid = run.rules.fees
        self.paid = {"spot": paid.spot, "um": paid.um, "cm": paid.cm, "option": paid.option}
        self.cap = paid.option.premium_cap_e8
        self.bnb = -1
        self.told: dict[str, deque[tuple[int, float]]] = {}
        self.rows: list[tuple[int, int, str, float]] = []
        self.next = 0
        self.seen = [0.0] * len(self.assets)
        self.counts: Counter[str] = Counter()

    def begin(self, case: Case) -> None:
        """Take the rows that tell an index; with impact none says what it is."""
        rows, world = case.rows, case.world
        if world["bnb_fees"] and "BNB" in self.assets:
            self.bnb = self.assets.index("BNB")
        found = (rows[:, KIND] == Kind.INDEX).nonzero()[0].tolist()
        for number in [] if world["impact"] else found:
            base, price = self.listed[rows[number, INSTRUMENT]].base, rows[number, PRICE]
            self.rows.append((number, int(rows[number, TIME]), base, int(price) / E8))

    def played(self, rows: int) -> None:
        """So many rows have been played."""
        while self.next < len(self.rows) and self.rows[self.next][0] < rows:
            _, time, base, price = self.rows[self.next]
            self.told.setdefault(base, deque(maxlen=2)).append((time, price))
            self.next += 1

    def looked(self) -> None:
        """A look is over: what comes may be at the index of now."""
        self.seen = [float(self.pools.index_price(asset)) for asset in range(len(self.assets))]

    def _index(self, asset: int, now: int) -> tuple[set[float], bool]:
        """At what index a fill since the last look may have been, and whether that is all."""
        name = self.assets[asset]
        if name in CASH:
            return {1.0}, True
        found = {float(self.pools.index_price(asset)), self.seen[asset]}
        told = self.told.get(name, ())
        times = [time for time, _ in told]
        sure = len(times) == 2 and max(now - times[1], times[1] - times[0]) <= STALE_NS
        return found | {price for _, price in told}, sure

    def check(self, fill: list[int], worth: int) -> None:
        """A fill's fee, and the asset that it is paid in."""
        one = self.listed[fill[OF]]
        if fill[FORCED]:
            assert fill[FEE] == 0, f"a trading fee of a forced order: {fill}"
            return
        buys = fill[SIDE] > 0
        asset = one.settle if one.market != "spot" else one.base if buys else one.quote
        own = self.assets.index(asset)
        amounts, sure = self._amounts(fill, worth, one)
        right = set(amounts) if fill[FEE_ASSET] == own else set()
        discount = self.paid[one.market].bnb_discount_e8
        if fill[FEE_ASSET] == self.bnb and discount:
            of, known = self._index(own, fill[FILLED_AT])
            bnb, also = self._index(self.bnb, fill[FILLED_AT])
            sure = sure and known and also
            right |= {
                int(amount * (E8 - discount) // E8 * (price / per)) + 1
                for amount in amounts
                for price in of
                for per in bnb
                if per > 0.0
            }
            self.counts["fees in BNB worked out"] += sure
        else:
            assert fill[FEE_ASSET] == own, f"a fee in another asset: {fill}"
        if sure:
            assert fill[FEE] in right, f"fee {fill[FEE]}, must be {sorted(right)}: {fill}"
        else:
            assert fill[FEE] >= 0, f"fee {fill[FEE]}: {fill}"
            self.counts["fees at an index that is not known"] += 1

    def _amounts(self, fill: list[int], worth: int, one: Instrument) -> tuple[set[int], bool]:
        """What a fee may be in the asset that is received, and whether that is all."""
        paid = self.paid[one.market]
        rate = paid.maker_e8 if fill[MAKER] else paid.taker_e8
        if one.market != "option":
            received = worth
            if one.market == "spot" and fill[SIDE] > 0:
                received = self.lives.base_units(fill[OF], fill[LOTS])
            return {-(-received * rate // E8)}, True
        coins = fill[LOTS] * self.lives.size(fill[OF])
        most = -(-worth * self.cap // E8)
        of, sure = self._index(self.assets.index(one.base), fill[FILLED_AT])
        found = {
            min(most, -(-(int(price / 1e-8 + 0.5) * coins // E8) * rate // E8)) for price in of
        }
        if not sure:
            assert fill[FEE_ASSET] != self.assets.index(one.settle) or fill[FEE] <= most, (
                f"fee {fill[FEE]}, at most {most}: {fill}"
            )
        self.counts["fees of options worked out"] += sure
        return found, sure
