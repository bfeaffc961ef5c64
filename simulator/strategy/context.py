"""What a strategy sees and can do (hot module).

Prices and quantities here are floats in quote and base units, for reading and for ordering; they
become ticks and lots at this border and money is never computed from them.  A quantity is rounded
down to whole lots.  A limit price that is not on the tick is rounded to the passive side: down for
buys, up for sells.

What a strategy sees of markets is as old as the feed latency; its position and orders are what the
venue's messages have told it so far.  Balances and margin figures are answered from the venue's
present state.
"""

import cython

if cython.compiled:
    from cython.cimports.simulator.book.columns import Book
    from cython.cimports.simulator.exchange.core import Core
else:
    from simulator.book.columns import Book
    from simulator.exchange.core import Core

from simulator.book.codes import Expiry
from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.messages import (
    BorrowRequest,
    LeverageRequest,
    MarginRequest,
    RepayRequest,
    TransferRequest,
)
from simulator.risk.options import black76_delta
from simulator.strategy.account import Account

UNIT = cython.declare(cython.double, 1e-8)
GTC = cython.declare(cython.int, 0)

ACCOUNT = cython.declare(cython.int, 1)
LOTS = cython.declare(cython.int, 6)
LOCAL_FILLED = cython.declare(cython.int, 15)

TIME_IN_FORCE = {"GTC": 0, "IOC": 1, "FOK": 2, "GTX": 3}
SELF_TRADE = {"NONE": 0, "EXPIRE_TAKER": 1, "EXPIRE_MAKER": 2, "EXPIRE_BOTH": 3, "DECREMENT": 4}
POSITION_SIDES = {"": 0, "LONG": 16, "SHORT": 32}
WALLET_FLAGS = {"": 0, "margin": 8}
SIDE_EFFECTS = {"": 0, "auto_borrow": 64, "auto_repay": 128, "auto_borrow_repay": 192}
TRIGGERS = {"stop": 1, "take_profit": 2, "trailing_stop": 3}
SECOND_NS = 1_000_000_000
MOST_TRIGGER = 9e10
"""Trigger prices are int64 in 1e-8."""

YEAR_NS = 365.0 * 86_400.0 * 1e9


def _time_in_force(word: object) -> int:
    if word not in TIME_IN_FORCE:
        raise ValueError(f"time in force {word!r} is none of {', '.join(TIME_IN_FORCE)}")
    return TIME_IN_FORCE[word]


def _position_side(word: object) -> int:
    if word not in POSITION_SIDES:
        raise ValueError(f"position side {word!r} must be LONG or SHORT, or empty in one-way mode")
    return POSITION_SIDES[word]


def _loan_units(what: str, quantity: object) -> int:
    if quantity != quantity:
        raise ValueError(f"{what}: quantity is not a number")
    return round(max(-1.0, min(quantity / UNIT, 9e18)))  # more is refused, not an overflow


def _per_unit(step: object) -> float:
    """Steps in a whole unit if that is a whole number, else 0."""
    count = 1 / step
    return float(count) if count == int(count) else 0.0


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _units(
    steps: cython.double, step: cython.double, steps_per_unit: cython.double
) -> cython.double:
    """Steps in whole units, by dividing: 1168327 x 0.1 would be 116832.70000000001."""
    return steps / steps_per_unit if steps_per_unit > 0.0 else steps * step


@cython.cclass
class Market:
    """One instrument as a strategy sees it; prices in quote units, 0 where there is none.

    ``settle`` is the asset of its profit, ``contract_size`` as ``Instrument`` has it; a delivery
    future has ``expiry_ns`` (else 0), an option also ``strike`` and ``right``.
    """

    def __init__(self, core: Core, desk, number: int, listed, account: int) -> None:
        self.core = core
        self.desk = desk
        self.number = number
        self.account = account
        self.name = listed.name
        self.symbol = listed.symbol
        self.kind = listed.market
        self.base = listed.base
        self.quote = listed.quote
        self.tick = float(listed.tick)
        self.lot = float(listed.lot)
        self.settle = listed.settle
        self.contract_size = float(listed.contract_size)
        self.expiry_ns = listed.expiry_ns
        self.strike = float(listed.strike)
        self.right = listed.right
        self.future = None
        self.ticks_per_unit = _per_unit(listed.tick)
        self.lots_per_unit = _per_unit(listed.lot)

    @property
    def bid(self) -> float:
        """Best displayed bid."""
        book: Book = self.core.books[self.number]
        return _units(book.bid, self.tick, self.ticks_per_unit)

    @property
    def ask(self) -> float:
        """Best displayed ask."""
        book: Book = self.core.books[self.number]
        return _units(book.ask, self.tick, self.ticks_per_unit)

    @property
    def bid_ticks(self) -> int:
        """Best displayed bid in ticks."""
        book: Book = self.core.books[self.number]
        return book.bid

    @property
    def ask_ticks(self) -> int:
        """Best displayed ask in ticks."""
        book: Book = self.core.books[self.number]
        return book.ask

    @property
    def bid_quantity(self) -> float:
        """Displayed quantity at the best bid."""
        book: Book = self.core.books[self.number]
        return _units(book.shown(1, book.bid), self.lot, self.lots_per_unit)

    @property
    def ask_quantity(self) -> float:
        """Displayed quantity at the best ask."""
        book: Book = self.core.books[self.number]
        return _units(book.shown(-1, book.ask), self.lot, self.lots_per_unit)

    @property
    def mid(self) -> float:
        """Middle of best bid and ask, 0 unless both are there."""
        book: Book = self.core.books[self.number]
        if book.bid == 0 or book.ask == 0:
            return 0.0
        return _units((book.bid + book.ask) * 0.5, self.tick, self.ticks_per_unit)

    @property
    def last(self) -> float:
        """Price of the last trade."""
        return _units(self.core.last[self.number], self.tick, self.ticks_per_unit)

    @property
    def mark(self) -> float:
        """Mark price; the mid for spot."""
        return self.core.pools.mark[self.number]

    @property
    def index(self) -> float:
        """Index price of the base asset, USDT."""
        return self.core.pools.index[self.core.base[self.number]]

    @property
    def funding_rate(self) -> float:
        """Running funding rate, 0 where the tape has none."""
        return float(self.desk.funding_rate_of(self.number))

    @property
    def volatility(self) -> float:
        """Annual implied volatility of an option as the tape tells it, 0 before and for others."""
        return float(self.desk.volatility_of(self.number)) if self.right else 0.0

    @property
    def delta(self) -> float:
        """Coins that one unit of quantity moves like; 0 while that cannot be told.

        1 for spot and USDT-margined futures, ``contract_size / mark`` for coin-margined ones,
        Black-76's for options: on the mark of the future of the same expiry where the data have it,
        else on the index.
        """
        if self.right:
            forward = (0.0 if self.future is None else self.future.mark) or self.index
            years = (self.expiry_ns - self.core.now) / YEAR_NS
            if forward <= 0.0 or years <= 0.0:
                return 0.0
            call = self.right == "C"
            return black76_delta(forward, self.strike, self.volatility, years, call)
        if self.kind == "cm":
            mark = self.mark
            return self.contract_size / mark if mark > 0.0 else 0.0
        return 1.0

    @property
    def position(self) -> float:
        """Signed position as messages have told it; traded net quantity for spot.

        In hedge mode the long and the short side together.
        """
        return self.long + self.short if self.core.hedge else self.long

    @property
    def long(self) -> float:
        """Long side of the position in hedge mode; the whole signed position in one-way mode."""
        return _units(
            self.core.local_position[self.account, self.number], self.lot, self.lots_per_unit
        )

    @property
    def short(self) -> float:
        """Short side of the position in hedge mode, 0 or below; 0 in one-way mode."""
        if not self.core.hedge or self.kind == "spot":
            return 0.0
        slot: cython.int = self.core.ledger.instruments + self.number
        return _units(self.core.local_position[self.account, slot], self.lot, self.lots_per_unit)

    @property
    def leverage(self) -> float:
        """Leverage of the contract at the venue; 1 for what is no future."""
        return float(self.desk.leverage.of(self.number))

    def depth(
        self, levels: int = 10
    ) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Return the best ``levels`` displayed bids and asks as (price, quantity)."""
        book: Book = self.core.books[self.number]
        sides = []
        for side in (1, -1):
            found, price = [], book.best(side)
            while price and len(found) < levels:
                shown = book.shown(side, price)
                found.append(
                    (
                        _units(price, self.tick, self.ticks_per_unit),
                        _units(shown, self.lot, self.lots_per_unit),
                    )
                )
                price = book.next_level(side, price)
            sides.append(found)
        return sides[0], sides[1]

    def __repr__(self) -> str:
        return f"<Market {self.name}>"


@cython.freelist(8)
@cython.cclass
class Trade:
    """A print of a subscribed market; ``side`` is the aggressor's, +1 or -1."""

    def __repr__(self) -> str:
        return f"<Trade {self.market.name} {self.side:+d} {self.quantity:g} at {self.price:g}>"


@cython.freelist(8)
@cython.cclass
class Bar:
    """A bar that ended at ``time_ns``; prices in quote units, volume in base units."""

    def __repr__(self) -> str:
        return f"<Bar {self.market.name} {self.open:g} {self.high:g} {self.low:g} {self.close:g}>"


@cython.freelist(8)
@cython.cclass
class Fill:
    """One match of an own order; ``done``: the order is filled in full."""

    def __repr__(self) -> str:
        return f"<Fill {self.market.name} {self.side:+d} {self.quantity:g} at {self.price:g}>"


@cython.freelist(8)
@cython.cclass
class OrderUpdate:
    """Something happened to an own order.

    ``what`` is the name of an ``Outcome`` (ACCEPTED, FILLED, CANCELED, EXPIRED, REJECTED,
    TRIGGERED), ``reason`` of an ``Expiry`` or a ``RejectReason``, else empty.
    """

    def __repr__(self) -> str:
        return f"<OrderUpdate {self.market.name} {self.order} {self.what} {self.reason}>"


@cython.cclass
class Context:
    """A strategy's view of the markets and of its account, and its commands.

    ``account`` (`simulator.strategy.account`) changes the account's mode and moves its funds.
    """

    def __init__(self, core: Core, desk, strategy: int, account: int, listed) -> None:
        self.core = core
        self.desk = desk
        self.strategy = strategy
        self.account_number = account
        self.account = Account(desk, strategy)
        self.markets = [Market(core, desk, n, one, account) for n, one in enumerate(listed)]
        self.by_name = {market.name: market for market in self.markets}
        futures = {(m.base, m.expiry_ns): m for m in self.markets if m.kind == "um"}
        for market in self.markets:
            option: Market = market
            if option.right:
                option.future = futures.get((option.base, option.expiry_ns))
        self.bar_of = []
        self.on_bar = None
        self.stp = 0

    # Looking

    @property
    def mode(self) -> str:
        """Mode of the account now, ``separated`` or ``unified``; a strategy rarely needs it."""
        return self.account.mode

    @property
    def now_ns(self) -> int:
        """The strategy's clock, ns since 1970 UTC."""
        return self.core.local_now

    def market(self, name: str) -> Market:
        """Return a market by its full name, such as ``um:BTCUSDT``, else ``LookupError``."""
        if name not in self.by_name:
            raise LookupError(f"no market {name}; the data have {', '.join(sorted(self.by_name))}")
        return self.by_name[name]

    def has(self, name: str) -> bool:
        """Whether the data have a market."""
        return name in self.by_name

    def balance(self, asset: str, wallet: str = "") -> float:
        """Balance of an asset in one wallet, or in all of the account's."""
        return self.desk.balance(asset, wallet)

    def available(self, asset: str, wallet: str = "") -> float:
        """Balance that no open order holds."""
        return self.desk.available(asset, wallet)

    def margin(self, pool: str = ""):
        """Return the figures of a margin pool, or of the account's first: see ``PoolFigures``."""
        return self.desk.pool_figures(pool)

    def alert(
        self, *, level=None, ratio=None, distance=None, fall=None, seconds=None, pool: str = ""
    ) -> None:
        """Ask for ``on_alert`` when a condition on a margin pool becomes true.

        One of: ``level`` that or worse; ``ratio`` equity / maintenance margin at or below;
        ``distance`` a move of that share of one underlying's prices would liquidate; ``fall`` of
        the ratio by that share within ``seconds``.  ``pool`` empty: each pool.  Raises
        ``InputError`` for a wrong condition, ``LookupError`` for an unknown pool.
        """
        self.desk.alert(
            self.strategy,
            {
                "level": level,
                "ratio": ratio,
                "distance": distance,
                "fall": fall,
                "seconds": seconds,
                "pool": pool,
            },
        )

    def equity(self) -> float:
        """Value of everything the account has, USDT."""
        return self.desk.account_equity()

    def orders(self, market: Market) -> list[int]:
        """Numbers of this strategy's orders on a market that are not over, newest first."""
        return self.core.orders_of(self.strategy, market.number)

    # Acting

    @cython.cfunc
    @cython.exceptval(check=False)
    def lots(self, market: Market, quantity: cython.double) -> cython.longlong:
        # A float such as 0.3 / 0.1 falls just short of a whole number of lots; 1e-9 repairs that.
        exact: cython.double = quantity / market.lot * (1.0 + 1e-12) + 1e-9
        if not 0.0 <= exact < 9e15:
            return 0
        return cython.cast(cython.longlong, exact) if cython.compiled else int(exact)

    @cython.cfunc
    @cython.exceptval(check=False)
    def ticks(self, market: Market, price: cython.double, side: cython.int) -> cython.longlong:
        exact: cython.double = price / market.tick
        if not 0.0 < exact < 1e12:
            return -1
        nearest: cython.longlong = (
            cython.cast(cython.longlong, exact + 0.5) if cython.compiled else int(exact + 0.5)
        )
        gap: cython.double = exact - nearest
        if -1e-6 < gap < 1e-6:
            return nearest
        below: cython.longlong = nearest if gap > 0 else nearest - 1
        return below if side > 0 else below + 1

    def buy(
        self,
        market: Market,
        quantity: cython.double,
        price: object = None,
        time_in_force: object = None,
        reduce_only: cython.bint = False,
        position_side: object = None,
    ) -> int:
        """Send a buy order: limit at ``price``, market without one; return its number.

        ``time_in_force``: GTC (default), IOC, FOK or GTX (post-only).  ``position_side`` LONG or
        SHORT is needed in hedge mode, and only there.
        """
        return self.core.submit(
            self.strategy,
            market.number,
            1,
            0 if price is None else self.ticks(market, price, 1),
            self.lots(market, quantity),
            GTC if time_in_force is None else _time_in_force(time_in_force),
            self.stp,
            (1 if reduce_only else 0)
            + (0 if position_side is None else _position_side(position_side)),
        )

    def sell(
        self,
        market: Market,
        quantity: cython.double,
        price: object = None,
        time_in_force: object = None,
        reduce_only: cython.bint = False,
        position_side: object = None,
    ) -> int:
        """Send a sell order; as ``buy``."""
        return self.core.submit(
            self.strategy,
            market.number,
            -1,
            0 if price is None else self.ticks(market, price, -1),
            self.lots(market, quantity),
            GTC if time_in_force is None else _time_in_force(time_in_force),
            self.stp,
            (1 if reduce_only else 0)
            + (0 if position_side is None else _position_side(position_side)),
        )

    def submit(
        self,
        market: Market,
        side: int,
        quantity: float = 0.0,
        *,
        price: float | None = None,
        kind: str = "",
        trigger: float = 0.0,
        callback_rate: float = 0.0,
        activation: float = 0.0,
        watch: str = "last",
        time_in_force: str = "GTC",
        reduce_only: bool = False,
        close_position: bool = False,
        self_trade: str = "NONE",
        position_side: str = "",
        wallet: str = "",
        side_effect: str = "",
    ) -> int:
        """Send any order; ``side`` is +1 to buy, -1 to sell.

        ``kind``: empty for a limit or market order; ``stop``, ``take_profit`` (with ``trigger``) or
        ``trailing_stop`` (with ``callback_rate``, a share such as 0.01, and optionally
        ``activation``) for a conditional one, which becomes a limit order at ``price`` or a market
        order when the ``watch`` price (``last`` or ``mark``) gets there.  ``close_position`` closes
        all there is then.  ``self_trade`` is Binance's self-trade prevention mode.
        ``position_side``: as for ``buy``.  ``wallet="margin"`` trades a spot pair in the
        cross-margin wallet.  ``side_effect`` of a spot order there or in the unified wallet:
        ``auto_borrow`` borrows what the order lacks, ``auto_repay`` pays debts with what it brings,
        ``auto_borrow_repay`` does both.  Raises ``ValueError`` for words it does not know.
        """
        if side not in (1, -1):
            raise ValueError(f"side must be +1 or -1, not {side}")
        for word, known in (
            (time_in_force, TIME_IN_FORCE),
            (self_trade, SELF_TRADE),
            (side_effect, SIDE_EFFECTS),
        ):
            if word not in known:
                raise ValueError(f"{word!r} is none of {', '.join(known)}")
        if kind and kind not in TRIGGERS:
            raise ValueError(f"kind {kind!r} is none of {', '.join(TRIGGERS)}")
        if watch not in ("last", "mark"):
            raise ValueError(f"watch must be last or mark, not {watch!r}")
        if not max(trigger, activation) < MOST_TRIGGER:
            raise ValueError(f"a trigger price must be below {MOST_TRIGGER:g}")
        callback = round(callback_rate * 10_000)
        if kind and kind != "trailing_stop" and trigger <= 0:
            raise ValueError(f"a {kind} order needs a trigger price above 0")
        if kind == "trailing_stop" and not 1 <= callback < 10_000:
            raise ValueError("callback_rate must be at least 0.0001 and below 1")
        if wallet not in WALLET_FLAGS:
            raise ValueError(f"wallet must be margin or empty, not {wallet!r}")
        flags = (1 if reduce_only or close_position else 0) | (2 if close_position else 0)
        flags |= _position_side(position_side) | WALLET_FLAGS[wallet]
        flags |= SIDE_EFFECTS[side_effect]
        order = self.core.submit(
            self.strategy,
            market.number,
            side,
            0 if price is None else self.ticks(market, price, side),
            self.lots(market, quantity),
            TIME_IN_FORCE[time_in_force],
            SELF_TRADE[self_trade],
            flags,
        )
        if kind:
            self.core.set_trigger(
                order,
                TRIGGERS[kind],
                round(trigger / UNIT),
                callback,
                0 if watch == "last" else 1,
                round(activation / UNIT),
            )
        return order

    def cancel(self, order: cython.longlong) -> bool:
        """Ask to cancel an order of the account; False if it is over or already being cancelled,
        or another account's.
        """
        slot: cython.int = self.core.orders.find(order)
        if slot and self.core.orders.row[slot, ACCOUNT] != self.account_number:
            return False
        return self.core.cancel_order(order)

    def cancel_all(self, market: object = None) -> int:
        """Ask to cancel this strategy's orders on a market, or on all; return how many."""
        if market is not None:
            one: Market = market
            return self.core.cancel_orders(self.strategy, one.number)
        return sum(self.core.cancel_orders(self.strategy, m.number) for m in self.markets)

    def transfer(self, asset: str, quantity: float, source: str, target: str) -> bool:
        """Move an asset between wallets, with entry latency.

        Wallets are ``spot``, ``margin``, ``um``, ``um:BTCUSDT`` (isolated), ``cm:BTC``,
        ``options``.  Returns False, and sends nothing, where the account has no such two wallets:
        those that a unified account merges are one.
        """
        if quantity != quantity:
            raise ValueError("transfer: quantity is not a number")
        try:
            first = self.desk.partition.wallet(source)
            second = self.desk.partition.wallet(target)
        except KeyError:
            return False
        if first == second:
            return False
        units = round(max(-1.0, min(quantity / UNIT, 9e18)))  # more is refused, not an overflow
        self.desk.request(
            TransferRequest(
                self.strategy,
                first,
                second,
                self.desk.asset(asset),
                units,
            )
        )
        return True

    def set_leverage(self, market: Market, leverage: int) -> None:
        """Ask for another leverage of a future, with entry latency.

        It is refused (a record, and a count under ``LEVERAGE`` or ``MAX_POSITION``) above what the
        contract's brackets allow, where the present position is larger than that leverage may
        hold, and where the account lacks the margin for a lower one.  Raises ``ValueError`` below
        1.
        """
        if leverage < 1:
            raise ValueError(f"leverage must be a whole number from 1 on, not {leverage}")
        self.desk.request(LeverageRequest(self.strategy, market.number, int(leverage)))

    def adjust_isolated_margin(
        self, market: Market, quantity: float, position_side: str = ""
    ) -> None:
        """Ask to add margin to an isolated position, or to take some off it where below 0.

        In the settlement asset, with entry latency.  It is refused (a record and a count) without
        an isolated position, beyond what the wallet can give, and where what is left would not
        cover the position's initial margin.
        """
        if quantity != quantity:
            raise ValueError("adjust_isolated_margin: quantity is not a number")
        number: cython.int = market.number
        if _position_side(position_side) == POSITION_SIDES["SHORT"]:
            number += len(self.markets)
        units = round(max(-9e18, min(quantity / UNIT, 9e18)))
        self.desk.request(MarginRequest(self.strategy, number, units))

    def borrow(self, asset: str, quantity: float) -> None:
        """Ask for a loan in the wallet of cross margin, or the unified one, with entry latency.

        A refusal is an outcome with its reason; what is owed shows in ``loan``.
        """
        self.desk.request(
            BorrowRequest(self.strategy, self.desk.asset(asset), _loan_units("borrow", quantity))
        )

    def repay(self, asset: str, quantity: object = "all") -> None:
        """Ask to pay back a loan, with entry latency; interest is paid first.

        ``all`` pays what is owed as far as the balance goes.
        """
        units = None if quantity == "all" else _loan_units("repay", quantity)
        self.desk.request(RepayRequest(self.strategy, self.desk.asset(asset), units))

    def loan(self, asset: str) -> float:
        """What the account has borrowed of an asset, without interest."""
        return self.desk.loans.of(self.desk.asset(asset))[0]

    def interest(self, asset: str) -> float:
        """Interest that is due on the loan of an asset and not paid yet."""
        return self.desk.loans.of(self.desk.asset(asset))[1]

    def max_borrowable(self, asset: str) -> float:
        """What could be borrowed of an asset now, less the first hour's interest on it."""
        return self.desk.loans.most(self.desk.asset(asset))

    def schedule(
        self,
        every: float = 0.0,
        *,
        after: float = 0.0,
        at_ns: int = 0,
        name: str = "",
    ) -> None:
        """Call ``on_timer`` every so many seconds, once after some, or once at an instant.

        Times are of the strategy's clock; ``every`` counts from now on.
        """
        if every < 0 or after < 0:
            raise ValueError("schedule: every and after must not be below 0")
        interval = round(every * SECOND_NS)
        first = at_ns or self.core.local_now + (round(after * SECOND_NS) or interval)
        if interval <= 0 and not after and not at_ns:
            raise ValueError("schedule needs every, after or at_ns")
        self.core.add_timer(self.strategy, first, interval, name)

    def subscribe(self, market: Market, what: str, every: float = 60.0) -> None:
        """Ask for ``on_book`` ("book"), ``on_trade`` ("trades") or ``on_bar`` ("bars").

        ``every``: length of a bar in seconds.
        """
        if what == "book":
            self.core.watch(self.strategy, market.number, True, False)
        elif what == "trades":
            self.core.watch(self.strategy, market.number, False, True)
        elif what == "bars":
            number = self.core.add_bars(self.strategy, market.number)
            while len(self.bar_of) <= number:
                self.bar_of.append(None)
            self.bar_of[number] = market
            interval = round(every * SECOND_NS)
            first = (self.core.local_now // interval + 1) * interval
            # A nanosecond early: what happens at the very end belongs to the next bar.
            self.core.add_timer(self.strategy, first - 1, interval, number)
        else:
            raise ValueError(f"subscribe knows book, trades and bars, not {what!r}")

    # What the loop calls

    def trade(
        self,
        instrument: cython.int,
        side: cython.int,
        price: cython.longlong,
        lots: cython.longlong,
    ) -> Trade:
        """Build the event of a print."""
        trade: Trade = Trade()
        market: Market = self.markets[instrument]
        trade.market = market
        trade.time_ns = self.core.now
        trade.side = side
        trade.price = _units(price, market.tick, market.ticks_per_unit)
        trade.quantity = _units(lots, market.lot, market.lots_per_unit)
        return trade

    def bar_due(self, number: cython.int) -> None:
        """A bar ended; nothing is sent for one without a trade."""
        if self.core.bars[number, 1] == 0:
            return
        market: Market = self.bar_of[number]
        bar: Bar = Bar()
        bar.market = market
        bar.time_ns = self.core.local_now
        bar.open = _units(self.core.bars[number, 1], market.tick, market.ticks_per_unit)
        bar.high = _units(self.core.bars[number, 2], market.tick, market.ticks_per_unit)
        bar.low = _units(self.core.bars[number, 3], market.tick, market.ticks_per_unit)
        bar.close = _units(self.core.bars[number, 4], market.tick, market.ticks_per_unit)
        bar.volume = _units(self.core.bars[number, 5], market.lot, market.lots_per_unit)
        column: cython.int
        for column in range(1, 6):
            self.core.bars[number, column] = 0
        if self.on_bar is None:
            self.on_bar = self.core.strategies[self.strategy].on_bar
        self.on_bar(self, bar)

    def filled(self, slot: int, price: int, lots: int, extra: int) -> None:
        """A fill reaches the strategy."""
        row = self.core.order_row(slot)
        market: Market = self.markets[row[3]]
        fill: Fill = Fill()
        fill.market = market
        fill.time_ns = self.core.local_now
        fill.order = (row[0] << 24) | slot
        fill.side = row[4]
        fill.price = _units(price, market.tick, market.ticks_per_unit)
        fill.quantity = _units(lots, market.lot, market.lots_per_unit)
        fill.maker = extra & 2 != 0
        fill.done = extra & 1 != 0
        self.core.strategies[self.strategy].on_fill(self, fill)

    def updated(self, slot: int, code: int, price: int, lots: int) -> None:
        """An order's state reaches the strategy."""
        row = self.core.order_row(slot)
        market: Market = self.markets[row[3]]
        update: OrderUpdate = OrderUpdate()
        update.market = market
        update.time_ns = self.core.local_now
        update.order = (row[0] << 24) | slot
        update.what = Outcome(code).name
        if code == Outcome.FILLED and row[LOCAL_FILLED] < row[LOTS]:
            update.what = "PARTIALLY_FILLED"
        update.quantity = _units(lots, market.lot, market.lots_per_unit)
        update.reason = ""
        if code == Outcome.EXPIRED:
            update.reason = Expiry(price).name
        elif code == Outcome.REJECTED:
            update.reason = RejectReason(price).name
        self.core.strategies[self.strategy].on_order(self, update)
