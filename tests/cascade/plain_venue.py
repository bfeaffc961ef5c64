"""A cascade in plain Python: accounts in a list, exact fractions, one liquidation after the other.

Written from the contract of a liquidation (docs/concepts/liquidation.md), not from the engine: what
is owed to whom is whole units, every comparison is exact, nothing is remembered to save work.  It
knows linear contracts settled in USDT and wallets of USDT and coins; isolated positions, cross
wallets and unified pools; brackets, or a fixed price range of one underlying.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from tests.cascade.plain_accounts import E8, Closing, Pool, Position, toward_zero
from tests.cascade.plain_ranking import PlainRanking

FUND = -1
MARKET = None


@dataclass(slots=True)
class PlainVenue(PlainRanking):
    """The fund, and what has happened (``events``)."""

    events: list[Closing] = field(default_factory=list)
    fund: dict[str, int] = field(default_factory=dict)
    fund_positions: dict[str, Position] = field(default_factory=dict)
    now: int = 0

    # A step of the clock

    def step(self, now: int) -> None:
        """Prices, all pools, then those at their threshold: worst ratio first, ties by account."""
        self.now = now
        self.market.step(now)
        if any(name not in self.market.mark for name in self.market.books):
            return
        self.ranks.clear()
        called = [(self._ratio(pool), n) for n, pool in enumerate(self.pools) if self.called(pool)]
        for _, n in sorted(called):
            if self.called(self.pools[n]):
                self.liquidate(self.pools[n])
        self._unwind()

    def _ratio(self, pool: Pool) -> Fraction:
        needed = self.needed(pool)
        return self.equity(pool) / needed if needed else Fraction(-(10**30))

    # Liquidation of a pool

    def liquidate(self, pool: Pool) -> None:
        """By orders, then by whoever takes the rest over, then assets for what is owed."""
        in_the_way = self._close(pool)
        if self.called(pool) and pool.held and (in_the_way or self.value(pool) <= 0):
            self._hand_over(pool)
        if not pool.held:
            self._settle(pool)

    def _close(self, pool: Pool) -> bool:
        """Close by orders; return whether the bankruptcy price stood in the way of one."""
        set_aside: dict[str, bool] = {}
        while not self.safe(pool, self.needed(pool)):
            open_ways = [name for name in pool.held if name not in set_aside]
            if not open_ways:
                break
            name = max(open_ways, key=lambda one: self._gain(pool, one))
            lots = self._how_far(pool, name)
            filled, by_price = self._order(pool, name, lots)
            if filled < lots:
                set_aside[name] = by_price
        return any(set_aside.values())

    def _gain(self, pool: Pool, name: str) -> Fraction:
        """Requirement saved by closing a position, per unit of cost."""
        held = pool.positions[name].lots
        saved = self.needed(pool) - self.needed(pool, {name: 0})
        return saved / self._cost(name, held)

    def _cost(self, name: str, held: int) -> Fraction:
        """The displayed book against the mark, and the fee; what is not shown costs the worst."""
        side, left, total = (1 if held > 0 else -1), abs(held), Fraction(0)
        price = 0
        for level in self.market.books[name].sides[side]:
            lots = min(left, level.left)
            if lots:
                price = level.price
                total += lots * side * (self.mark(name) - price) * self.unit(name)
                left -= lots
        if price:
            total += left * side * (self.mark(name) - price) * self.unit(name)
        worth = abs(self.worth(name, held))
        total += worth * self.rules.liquidation.fee_e8 / E8
        return max(total, worth / 10**9)

    def _how_far(self, pool: Pool, name: str) -> int:
        """Lots of the next order by the rule of partial closing."""
        size = abs(pool.positions[name].lots)
        way = self.rules.liquidation.partial if pool.kind == "um" else "target"
        if way == "whole":
            return size
        if way == "bracket" and self.rules.brackets:
            at = self.bracket(name, abs(self.worth(name, size)))
            if at == 0:
                return size
            below = self.rules.brackets[name][at - 1][0] * E8
            kept = ceil(below / abs(self.worth(name, 1))) - 1  # strictly below the cap
            return size - min(kept, size - 1)
        target = self.rules.target[pool.kind]
        fee = abs(self.worth(name, 1)) * self.rules.liquidation.fee_e8 / E8

        def left(lots: int) -> Fraction:
            return self.needed(pool, {name: size - lots})

        def enough(lots: int) -> bool:
            after = self.equity(pool) - lots * fee
            return after > 0 and (left(lots) == 0 or after > target * left(lots))

        def least(most: int, found: Callable[[int], bool]) -> int:
            fewest = 0
            while fewest < most:
                lots = (fewest + most) // 2
                fewest, most = (fewest, lots) if found(lots) else (lots + 1, most)
            return fewest

        # The fewest lots whose closing is enough with the fee paid; all if no number of them is.
        most = size
        if not enough(size):
            most = least(size, lambda lots: target * (left(lots) - left(lots + 1)) <= fee)
        return least(most, enough) if enough(most) else size

    def _order(self, pool: Pool, name: str, lots: int) -> tuple[int, bool]:
        """One reduce-only order that trades at once: lots filled, and whether what was left was
        left because of the bankruptcy price.
        """
        one = pool.positions[name]
        long = one.lots > 0
        value, mark = self.value(pool), self.mark(name)
        per_lot = value / abs(one.lots) / self.unit(name)
        price = mark - per_lot if long else mark + per_lot
        bound, bounded = self.rules.liquidation.bound, False
        if bound is not None:
            reach = mark * (1 - Fraction(bound) if long else 1 + Fraction(bound))
            if (reach > price) if long else (reach < price):
                price, bounded = reach, True
        limit = max(0, ceil(price)) if long else floor(price)
        book, filled, paid = self.market.books[name], 0, 0
        before = dict(pool.home or {})
        if long or limit > 0:
            for at, some in book.take(-1 if long else 1, lots, limit):
                signed = -some if long else some
                worth = signed * at * self.unit(name)
                self._pay(pool, "USDT", one.trade(signed, worth))
                filled, paid = filled + some, paid + abs(worth)
        if filled:
            self._back_home(pool, name)
            fee = self._fee(pool, name, paid, before)
            self._tell(pool, name, "order", -1 if long else 1, filled, paid, fee, MARKET)
        empty = book.best(1 if long else -1) == 0
        if filled and not book.feedback:
            book.restore()
        return filled, not bounded and not empty

    def _fee(self, pool: Pool, name: str, paid: int, home_before: Mapping[str, int]) -> int:
        """Clearance fee on what an order closed, no more than equity covers."""
        gone = pool.home is not None and not pool.positions[name].lots
        wallet = pool.home if gone and pool.home is not None else pool.wallet
        covered = floor(self.equity(pool))
        if gone:
            covered = wallet["USDT"] - home_before["USDT"]
        fee = max(0, min(paid * self.rules.liquidation.fee_e8 // E8, covered))
        wallet["USDT"] -= fee
        self.fund["USDT"] = self.fund.get("USDT", 0) + fee
        return fee

    def _pay(self, pool: Pool, asset: str, amount: int) -> None:
        pool.wallet[asset] = pool.wallet.get(asset, 0) + amount

    def _back_home(self, pool: Pool, name: str) -> None:
        """What is left of an isolated position that is gone; a loss beyond it is the fund's."""
        if pool.home is None or pool.positions[name].lots:
            return
        left = pool.wallet["USDT"]
        pool.wallet["USDT"] = 0
        if left < 0:
            self.fund["USDT"] = self.fund.get("USDT", 0) + left
        else:
            pool.home["USDT"] = pool.home.get("USDT", 0) + left

    def _tell(
        self,
        pool: Pool,
        name: str,
        stage: str,
        side: int,
        lots: int,
        amount: int,
        fee: int,
        against: int | None,
    ) -> None:
        self.events.append(
            Closing(
                self.now,
                pool.account,
                pool.name,
                name,
                stage,
                side,
                lots,
                abs(amount),
                fee,
                against,
            )
        )

    # What orders could not close

    def _hand_over(self, pool: Pool) -> None:
        """All positions at their bankruptcy prices: the pool ends with exactly nothing."""
        at_mark = {name: self._nearest(name, pool.positions[name].lots) for name in pool.held}
        whole = sum(abs(self.worth(name, pool.positions[name].lots)) for name in at_mark)
        worth, left = self.value(pool), pool.wallet.get("USDT", 0) - pool.loan.get("USDT", 0)
        left += sum(at_mark[name] - pool.positions[name].cost for name in at_mark)
        alone = not any(pool.wallet.get(a, 0) for a in pool.wallet if a != "USDT")
        for n, name in enumerate(list(at_mark), start=1):
            part = abs(self.worth(name, pool.positions[name].lots))
            if not alone:  # coins stay in the wallet: each position bears its share of the worth
                exact = worth * part / whole
                share = toward_zero(exact.numerator, exact.denominator)
            elif n < len(at_mark):
                exact = left * part / whole
                share = toward_zero(exact.numerator, exact.denominator)
                left, whole = left - share, whole - part
            else:
                share = left
            self._hand(pool, name, at_mark[name] - share)
            self._back_home(pool, name)

    def _nearest(self, name: str, lots: int) -> int:
        """Lots at the mark to the nearest unit; a half goes as the mark's float says."""
        exact = abs(lots) * self.contract(name).lot * self.market.mark[name] / 1e-8
        return floor(exact + 0.5) * (1 if lots > 0 else -1)

    def _settle(self, pool: Pool) -> None:
        """A flat pool sells coins for what it lacks; the fund takes a bankrupt one over."""
        for name, book in self.market.books.items():
            base = book.contract.base
            while book.contract.spot and pool.kind == "unified" and pool.wallet.get("USDT", 0) < 0:
                one, debt, bid = self.lot_units(name), -pool.wallet["USDT"], book.best(1)
                worth = bid * self.unit(name)
                lots = pool.wallet.get(base, 0) // one
                # A tenth of a percent more than the debt at the best bid: worse may be needed.
                lots = min(lots, -(-(debt + debt // 1000 + 1) // worth)) if bid else 0
                fills = book.take(-1, lots, 0)
                sold, paid = sum(n for _, n in fills), sum(n * at for at, n in fills)
                if not sold:
                    break
                pool.wallet[base] -= sold * one
                pool.wallet["USDT"] += paid * self.unit(name)
                amount = paid * self.unit(name)
                self._tell(pool, name, "spot", -1, sold, amount, 0, MARKET)
                if not book.feedback:
                    book.restore()
        if self.value(pool) < 0:
            for asset, amount in pool.wallet.items():
                self.fund[asset] = self.fund.get(asset, 0) + amount
                pool.wallet[asset] = 0

    def lot_units(self, name: str) -> int:
        """Units of the base asset in a lot of a spot pair."""
        return round(Fraction(repr(self.contract(name).lot)) * E8)

    def _hand(self, pool: Pool, name: str, amount: int) -> None:
        """A position for a signed amount altogether: the fund, others in profit, the fund."""
        lots = pool.positions[name].lots
        size = abs(lots)
        done = min(size, self._room(name, lots))
        if done:
            self._to_fund(pool, name, lots, (0, done), amount)
        takers: Iterable[tuple[Pool, int]] = ()
        if done < size:
            shared = self.rules.liquidation.deleveraging == "pro_rata"
            loss = Fraction(amount - self._nearest(name, lots), size)
            takers = (self.shares if shared else self.queue)(pool, name, size - done, loss)
        for other, some in takers:
            self._against(pool, other, name, (done, done + some), size, amount)
            done += some
        if done < size:
            self._to_fund(pool, name, lots, (done, size), amount)

    def _parts(self, amount: int, ends: tuple[int, int], size: int) -> int:
        """Lots from one end to the other get this much of an amount."""
        return toward_zero(amount * ends[1], size) - toward_zero(amount * ends[0], size)

    def _room(self, name: str, lots: int) -> int:
        """Lots that the fund may take: its notional within its capacity, less what it nets."""
        rules = self.rules.liquidation.insurance
        if "USDT" not in rules.balance:
            return abs(lots)
        own = self.fund_positions.get(name, Position(0, 0)).lots
        netted = abs(own) if own * lots < 0 else 0
        holds = sum(abs(self.worth(n, one.lots)) for n, one in self.fund_positions.items())
        free = Fraction(rules.capacity) * max(0, self.fund.get("USDT", 0)) - holds
        one = abs(self.worth(name, 1))
        return netted + max(0, floor((free + netted * one) / one))

    def _to_fund(
        self, pool: Pool, name: str, lots: int, ends: tuple[int, int], amount: int
    ) -> None:
        size, sign = abs(lots), (1 if lots > 0 else -1)
        some, paid = ends[1] - ends[0], self._parts(amount, ends, size)
        self._pay(pool, "USDT", pool.positions[name].trade(-sign * some, -paid))
        own = self.fund_positions.setdefault(name, Position(0, 0))
        self.fund["USDT"] = self.fund.get("USDT", 0) + own.trade(sign * some, paid)
        self._tell(pool, name, "takeover", -sign, some, paid, 0, FUND)

    def _against(
        self, pool: Pool, other: Pool, name: str, ends: tuple[int, int], size: int, amount: int
    ) -> None:
        sign = 1 if pool.positions[name].lots > 0 else -1
        some, paid = ends[1] - ends[0], self._parts(amount, ends, size)
        self._pay(pool, "USDT", pool.positions[name].trade(-sign * some, -paid))
        theirs = other.positions[name]
        before = abs(theirs.lots)
        realized = theirs.trade(sign * some, paid)
        self._pay(other, "USDT", realized)
        if other.home is not None:
            self._give_back(other, name, before, realized)
        self._tell(pool, name, "deleverage", -sign, some, paid, 0, other.account)
        self._tell(other, name, "counterparty", sign, some, paid, 0, pool.account)

    def _give_back(self, other: Pool, name: str, before: int, realized: int) -> None:
        """The part of an isolated position that was closed takes its margin and its profit home."""
        assert other.home is not None
        left = abs(other.positions[name].lots)
        if left == 0:
            self._back_home(other, name)
            return
        margin = other.wallet["USDT"] - realized
        back = toward_zero(margin * (before - left), before) + realized if margin > 0 else 0
        back = min(max(back, 0), max(other.wallet["USDT"], 0))
        other.wallet["USDT"] -= back
        other.home["USDT"] = other.home.get("USDT", 0) + back

    # The fund

    def _unwind(self) -> None:
        """The fund trades a little of what it holds."""
        rules = self.rules.liquidation.insurance
        for name in self.market.books:
            one = self.fund_positions.get(name)
            if one is None or one.lots == 0:
                continue
            long, mark, book = one.lots > 0, self.mark(name), self.market.books[name]
            reach = Fraction(rules.unwind_reach)
            limit = ceil(mark * (1 - reach)) if long else floor(mark * (1 + reach))
            near: Callable[[int], bool] = (
                (lambda price, limit=limit: price >= limit)
                if long
                else (lambda price, limit=limit: price <= limit)
            )
            shown = sum(x.left for x in book.sides[1 if long else -1] if near(x.price))
            most = min(abs(one.lots), floor(shown * Fraction(rules.unwind)))
            paid = filled = 0
            for at, some in book.take(-1 if long else 1, most, limit):
                signed = -some if long else some
                worth = signed * at * self.unit(name)
                self.fund["USDT"] = self.fund.get("USDT", 0) + one.trade(signed, worth)
                filled, paid = filled + some, paid + abs(worth)
            if filled:
                fund = Pool(FUND, "", {})
                self._tell(fund, name, "unwind", -1 if long else 1, filled, paid, 0, MARKET)
                if not book.feedback:
                    book.restore()
