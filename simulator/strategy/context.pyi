from typing import Literal

from simulator.accounts.states import AccountMode
from simulator.exchange.messages import PoolFigures
from simulator.strategy.account import Account

TimeInForce = Literal["GTC", "IOC", "FOK", "GTX"]

class Market:
    name: str
    symbol: str
    kind: str
    base: str
    quote: str
    settle: str
    number: int
    tick: float
    lot: float
    contract_size: float
    expiry_ns: int
    strike: float
    right: str
    @property
    def bid(self) -> float: ...
    @property
    def ask(self) -> float: ...
    @property
    def bid_ticks(self) -> int: ...
    @property
    def ask_ticks(self) -> int: ...
    @property
    def bid_quantity(self) -> float: ...
    @property
    def ask_quantity(self) -> float: ...
    @property
    def mid(self) -> float: ...
    @property
    def last(self) -> float: ...
    @property
    def mark(self) -> float: ...
    @property
    def index(self) -> float: ...
    @property
    def funding_rate(self) -> float: ...
    @property
    def volatility(self) -> float: ...
    @property
    def delta(self) -> float: ...
    @property
    def position(self) -> float: ...
    @property
    def long(self) -> float: ...
    @property
    def short(self) -> float: ...
    @property
    def leverage(self) -> float: ...
    def depth(
        self, levels: int = 10
    ) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]: ...

class Trade:
    market: Market
    time_ns: int
    side: int
    price: float
    quantity: float

class Bar:
    market: Market
    time_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float

class Fill:
    market: Market
    time_ns: int
    order: int
    side: int
    price: float
    quantity: float
    maker: bool
    done: bool

class OrderUpdate:
    market: Market
    time_ns: int
    order: int
    what: str
    reason: str
    quantity: float

class Context:
    strategy: int
    account_number: int
    account: Account
    markets: list[Market]
    def __init__(
        self,
        core: object,
        desk: object,
        strategy: int,
        account: int,
        listed: object,
    ) -> None: ...
    @property
    def mode(self) -> AccountMode: ...
    @property
    def now_ns(self) -> int: ...
    def market(self, name: str) -> Market: ...
    def has(self, name: str) -> bool: ...
    def balance(self, asset: str, wallet: str = "") -> float: ...
    def available(self, asset: str, wallet: str = "") -> float: ...
    def margin(self, pool: str = "") -> PoolFigures: ...
    def alert(
        self,
        *,
        level: str | None = None,
        ratio: float | None = None,
        distance: float | None = None,
        fall: float | None = None,
        seconds: float | None = None,
        pool: str = "",
    ) -> None: ...
    def equity(self) -> float: ...
    def orders(self, market: Market) -> list[int]: ...
    def buy(
        self,
        market: Market,
        quantity: float,
        price: float | None = None,
        time_in_force: TimeInForce | None = None,
        reduce_only: bool = False,
        position_side: Literal["LONG", "SHORT"] | None = None,
    ) -> int: ...
    def sell(
        self,
        market: Market,
        quantity: float,
        price: float | None = None,
        time_in_force: TimeInForce | None = None,
        reduce_only: bool = False,
        position_side: Literal["LONG", "SHORT"] | None = None,
    ) -> int: ...
    def submit(
        self,
        market: Market,
        side: int,
        quantity: float = 0.0,
        *,
        price: float | None = None,
        kind: Literal["", "stop", "take_profit", "trailing_stop"] = "",
        trigger: float = 0.0,
        callback_rate: float = 0.0,
        activation: float = 0.0,
        watch: Literal["last", "mark"] = "last",
        time_in_force: TimeInForce = "GTC",
        reduce_only: bool = False,
        close_position: bool = False,
        self_trade: Literal[
            "NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"
        ] = "NONE",
        position_side: Literal["", "LONG", "SHORT"] = "",
        wallet: Literal["", "margin"] = "",
        side_effect: Literal["", "auto_borrow", "auto_repay", "auto_borrow_repay"] = "",
    ) -> int: ...
    def cancel(self, order: int) -> bool: ...
    def cancel_all(self, market: Market | None = None) -> int: ...
    def transfer(self, asset: str, quantity: float, source: str, target: str) -> bool: ...
    def set_leverage(self, market: Market, leverage: int) -> None: ...
    def adjust_isolated_margin(
        self, market: Market, quantity: float, position_side: Literal["", "LONG", "SHORT"] = ""
    ) -> None: ...
    def borrow(self, asset: str, quantity: float) -> None: ...
    def repay(self, asset: str, quantity: float | Literal["all"] = "all") -> None: ...
    def loan(self, asset: str) -> float: ...
    def interest(self, asset: str) -> float: ...
    def max_borrowable(self, asset: str) -> float: ...
    def schedule(
        self,
        every: float = 0.0,
        *,
        after: float = 0.0,
        at_ns: int = 0,
        name: str = "",
    ) -> None: ...
    def subscribe(
        self, market: Market, what: Literal["book", "trades", "bars"], every: float = 60.0
    ) -> None: ...
