"""What an order can name: a spot pair or a futures contract, with its filters.

Prices are integer ticks of ``tick`` and quantities integer lots of ``lot``.  Amounts of money are
integers in an asset's smallest unit, ``10 ** -ASSET_DECIMALS`` of it.  An instrument's full name is
``market:symbol`` (``spot:BTCUSDT``, ``um:BTCUSDT``, ``cm:BTCUSD_PERP``), because a symbol alone
names two instruments.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Market = Literal["spot", "um", "cm"]

ASSET_DECIMALS = 8
"""Smallest unit of every asset: 1e-8 (Binance's precision)."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A spot pair, USDT-margined or coin-margined contract.

    ``lot`` is in base asset (contracts for ``cm``); ``contract_size`` is the face value of one
    contract in USD for ``cm`` and 1 otherwise.  ``min_notional`` is in quote asset; 0 means no such
    filter.
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

    def __post_init__(self) -> None:
        if self.tick <= 0:
            raise ValueError(f"{self.name}: tick must be above 0, not {self.tick}")
        if self.lot <= 0:
            raise ValueError(f"{self.name}: lot must be above 0, not {self.lot}")

    @property
    def name(self) -> str:
        """Full name, ``market:symbol``."""
        return f"{self.market}:{self.symbol}"

    @property
    def inverse(self) -> bool:
        """Whether it settles in its base asset (coin-margined)."""
        return self.market == "cm"

    @property
    def settle(self) -> str:
        """Asset in which profit and loss are paid."""
        return self.base if self.inverse else self.quote
