"""What passes between the desk and strategies beside orders: levels, liquidations, requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

from simulator.accounts.conditions import Condition
from simulator.accounts.states import AccountState, ModeRefusal, Step
from simulator.risk.alerts import Alert
from simulator.risk.levels import RiskLevel


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A pool's level changed; figures in USDT."""

    time_ns: int
    pool: str
    level: RiskLevel
    equity: float
    maintenance_margin: float


@dataclass(frozen=True, slots=True)
class LiquidationEvent:
    """A pool was liquidated; ``lost`` is its equity before less after, USDT."""

    time_ns: int
    pool: str
    equity: float
    maintenance_margin: float
    lost: float


@dataclass(frozen=True, slots=True)
class DeleveragingEvent:
    """A profitable position was closed against one in liquidation, outside the book and without a
    fee: auto-deleveraging.

    ``price`` is the other position's bankruptcy price; ``quantity`` signed, as it was held;
    ``profit`` against its average entry, in ``asset``.  Open orders in the contract were cancelled
    before; what hedged the position is open from now on.
    """

    time_ns: int
    instrument: str
    price: float
    quantity: float
    profit: float
    asset: str
    slot: int
    lots: int


@dataclass(frozen=True, slots=True)
class TakeoverEvent:
    """The insurance fund took ``lots`` of a position over, at ``price``: its bankruptcy price.

    The pool's ``LiquidationEvent`` is what strategies hear; this tells them their position.
    """

    time_ns: int
    instrument: str
    price: float
    slot: int
    lots: int


@dataclass(frozen=True, slots=True)
class SettlementEvent:
    """A position ended at its contract's expiry, outside the book.

    ``price`` is the settlement price; ``quantity`` signed, as it was held; ``profit`` against its
    average entry, before ``fee``, both in ``asset``.
    """

    time_ns: int
    instrument: str
    price: float
    quantity: float
    profit: float
    fee: float
    asset: str
    slot: int
    lots: int


NO_WALLET = -2
"""Where a request names a wallet of a line that the account has none of."""


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """Move ``units`` of an asset between two wallets of the account."""

    strategy: int
    source: int
    target: int
    asset: int
    units: int


@dataclass(frozen=True, slots=True)
class MarginRequest:
    """Add ``units`` of margin to an isolated position, or take some off it where below 0."""

    strategy: int
    slot: int
    units: int


@dataclass(frozen=True, slots=True)
class LeverageRequest:
    """Set the leverage of a future."""

    strategy: int
    instrument: int
    leverage: int


@dataclass(frozen=True, slots=True)
class BorrowRequest:
    """Borrow ``units`` of an asset in the wallet of cross margin."""

    strategy: int
    asset: int
    units: int


@dataclass(frozen=True, slots=True)
class RepayRequest:
    """Repay ``units`` of what is owed of an asset, None for all that the balance allows."""

    strategy: int
    asset: int
    units: int | None


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """A margin pool's figures in USDT.

    ``ratio`` is equity / maintenance margin, None without a requirement; ``available`` is equity
    less the initial margin of positions and open orders, never below 0.
    """

    pool: str
    equity: float
    initial_margin: float
    maintenance_margin: float
    available: float
    ratio: float | None
    level: RiskLevel


@dataclass(frozen=True, slots=True)
class StepRequest:
    """Take a step between the modes.

    ``version`` is of the agreement that is accepted; ``answers`` are the choices by question.
    """

    strategy: int
    step: Step
    version: str = ""
    answers: Mapping[str, str] | None = None


Balances = Mapping[str, Mapping[str, tuple[Decimal, Decimal, Decimal]]]
"""By wallet and asset: balance, loan and interest in whole units; what is all zero is left out."""


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """A step of the account between the modes, taken or refused.

    ``actor`` is the strategy's class or ``venue``.  ``conditions`` are all that were looked at, met
    or not.  ``suspended_until_ns`` is 0 unless trading rests after the event.
    """

    time_ns: int
    account: int
    actor: str
    step: Step
    before: AccountState
    after: AccountState
    refusal: ModeRefusal | None
    conditions: tuple[Condition, ...]
    balances_before: Balances
    balances_after: Balances
    suspended_until_ns: int = 0
    note: str = ""

    @property
    def taken(self) -> bool:
        """Whether the step was taken."""
        return self.refusal is None

    @property
    def unmet(self) -> tuple[Condition, ...]:
        """Conditions that stand in the way."""
        return tuple(one for one in self.conditions if not one.met)


class FundOperation(IntEnum):
    """What moves money or debt on request; values are part of the digest."""

    DEPOSIT = 1
    WITHDRAW = 2
    TRANSFER = 3
    BORROW = 4
    REPAY = 5
    AUTO_REPAY = 6
    COLLECT = 7
    TRANSFER_BNB = 8


@dataclass(frozen=True, slots=True)
class FundRequest:
    """Ask for an operation on funds; ``units`` of 1e-8, None for all; ``on`` of a switch.

    ``source`` and ``target`` are wallet numbers, -1 for none or the one that deposits come to;
    ``asset`` -1 for all.
    """

    strategy: int
    operation: FundOperation
    asset: int = -1
    units: int | None = None
    source: int = -1
    target: int = -1
    on: bool = False


@dataclass(frozen=True, slots=True)
class FundEvent:
    """An operation on funds, done or refused; ``refusal`` is the name of a ``RejectReason`` or
    empty; ``quantity`` in whole units of ``asset``.
    """

    time_ns: int
    account: int
    actor: str
    operation: FundOperation
    asset: str
    quantity: Decimal
    source: str
    target: str
    refusal: str = ""


Request = (
    TransferRequest
    | MarginRequest
    | LeverageRequest
    | BorrowRequest
    | RepayRequest
    | StepRequest
    | FundRequest
)
"""What an account asks of the venue beside orders."""


@dataclass(frozen=True, slots=True)
class StrategyAlert:
    """An alert on its way to the strategy that asked for it."""

    strategy: int
    alert: Alert


Message = (
    LevelChange
    | LiquidationEvent
    | DeleveragingEvent
    | TakeoverEvent
    | SettlementEvent
    | StrategyAlert
    | AccountEvent
    | FundEvent
)
"""What a venue tells an account's strategies beside outcomes of orders."""
