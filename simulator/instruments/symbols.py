"""What a symbol says: its assets, when it expires, an option's strike and right.

Binance's names: ``BTCUSDT`` (spot pair, USDT-margined perpetual), ``BTCUSDT_261225`` (delivery
future), ``BTCUSD_PERP`` and ``BTCUSD_261225`` (coin-margined), ``BTC-261225-50000-C`` (option).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

Right = Literal["", "C", "P"]

EXPIRY_HOUR = 8
"""Delivery futures and options expire at 08:00 UTC of the day in their symbol."""

COIN_MARGINED = re.compile(r"^(?P<base>[A-Z0-9]+)USD_(PERP|(?P<day>\d{6}))$")
OPTION = re.compile(
    r"^(?P<base>[A-Z0-9]+)-(?P<day>\d{6})-(?P<strike>\d+(?:\.\d+)?)-(?P<right>[CP])$"
)
DATED = re.compile(r"_(?P<day>\d{6})$")


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of a contract that ends; all empty for one that does not.

    ``expiry_ns`` is the instant in ns since 1970 UTC, ``strike`` is in quote asset.
    """

    expiry_ns: int = 0
    strike: Decimal = Decimal(0)
    right: Right = ""


def terms_of(market: str, symbol: str) -> Terms:
    """Return the terms that a symbol tells.

    Raises ``ValueError`` for an option whose symbol is none, or a day that is not in the calendar.

    >>> terms_of("option", "BTC-261225-50000-C")
    Terms(expiry_ns=1798185600000000000, strike=Decimal('50000'), right='C')
    >>> terms_of("um", "BTCUSDT_261225").expiry_ns, terms_of("cm", "BTCUSD_PERP").expiry_ns
    (1798185600000000000, 0)
    """
    if market == "option":
        found = OPTION.match(symbol)
        if found is None:
            raise ValueError(
                "an option is named BASE-yymmdd-STRIKE-C or -P, such as BTC-261225-50000-C"
            )
        right: Right = "C" if found["right"] == "C" else "P"
        return Terms(expiry_of(found["day"]), Decimal(found["strike"]), right)
    dated = DATED.search(symbol) if market in ("um", "cm") else None
    return Terms() if dated is None else Terms(expiry_of(dated["day"]))


def expiry_of(day: str) -> int:
    """Return 08:00 UTC of a day ``yymmdd`` in ns since 1970; ``ValueError`` if there is none."""
    try:
        instant = datetime.strptime(day, "%y%m%d").replace(hour=EXPIRY_HOUR, tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{day} is no day of the calendar (yymmdd)") from None
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * 10**9
