"""What passes between the desk and strategies beside orders: levels, liquidations, requests."""

from __future__ import annotations

from dataclasses import dataclass

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
