"""What an order can name: a spot pair, a futures contract or an option, with its filters.

Prices are integer ticks of ``tick`` and quantities integer lots of ``lot``.  Amounts of money are
integers in an asset's smallest unit, ``10 ** -ASSET_DECIMALS`` of it.  An instrument's full name is
``market:symbol`` (``spot:BTCUSDT``, ``um:BTCUSDT``, ``cm:BTCUSD_PERP``,
``option:BTC-261225-50000-C``), because a symbol alone names two instruments.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from simulator.instruments.symbols import Right, terms_of

Market = Literal["spot", "um", "cm", "option"]

MARKETS: tuple[Market, ...] = ("spot", "um", "cm", "option")
"""Markets in the order of their product codes: spot, linear, inverse, option."""

ASSET_DECIMALS = 8
"""Smallest unit of every asset: 1e-8 (Binance's precision)."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A spot pair, a USDT-margined (``um``) or coin-margined (``cm``) contract, or an option.

    ``lot`` is in base asset (contracts for ``cm`` and options); ``contract_size`` is the face value
    of one contract in USD for ``cm``, its amount of base asset for an option, and 1 otherwise.
    ``min_notional`` is in quote asset; 0 means no such filter.  ``expiry_ns`` (0: never),
    ``strike`` and ``right`` are those that the symbol tells, unless they are given.
    """

    market: Market
    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    contract_size: Decimal = Decimal(1)
    min_quantity: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    max_quantity: Decimal = Decimal(0)
    expiry_ns: int = 0
    strike: Decimal = Decimal(0)
    right: Right = ""

    def __post_init__(self) -> None:
        if self.tick <= 0:
            raise ValueError(f"{self.name}: tick must be above 0, not {self.tick}")
        if self.lot <= 0:
            raise ValueError(f"{self.name}: lot must be above 0, not {self.lot}")
        if self.contract_size <= 0:
            raise ValueError(f"{self.name}: contract size must be above 0")
        if self.expiry_ns == 0:
            told = terms_of(self.market, self.symbol)
            for field in ("expiry_ns", "strike", "right"):
                object.__setattr__(self, field, getattr(self, field) or getattr(told, field))
        if (self.market == "option") != (self.right != "" and self.strike > 0):
            raise ValueError(f"{self.name}: strike and right are an option's, and it needs both")

    @property
    def name(self) -> str:
        """Full name, ``market:symbol``."""
        return f"{self.market}:{self.symbol}"

    @property
    def underlying(self) -> str:
        """Asset whose price moves it."""
        return self.base

    @property
    def product(self) -> int:
        """Product code of the hot modules: 0 spot, 1 linear, 2 inverse, 3 option."""
        return MARKETS.index(self.market)

    @property
    def inverse(self) -> bool:
        """Whether it settles in its base asset (coin-margined)."""
        return self.market == "cm"

    @property
    def perpetual(self) -> bool:
        """Whether it is a future without expiry, which pays funding."""
        return self.market in ("um", "cm") and self.expiry_ns == 0

    @property
    def settle(self) -> str:
        """Asset in which profit and loss are paid."""
        return self.base if self.inverse else self.quote
