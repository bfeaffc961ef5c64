"""Numbers that the books put into their rows and take as arguments.

Both books use them; docs/matching.md gives their meaning.  Values are part of the digest, so they
never change.  Compiled modules repeat the few they need as C constants; a test holds those equal.
"""

from __future__ import annotations

from enum import IntEnum

BUY = 1
"""Side of a buy order, a bid level or a buying aggressor."""

SELL = -1
"""Side of a sell order, an ask level or a selling aggressor."""


class Row(IntEnum):
    """First field of an output row: what happened."""

    FILL = 1
    RESTED = 2
    EXPIRED = 3
    CANCELED = 4
    DECREMENTED = 5


class Expiry(IntEnum):
    """Why an order ended without being filled or cancelled (third field of an EXPIRED row)."""

    IOC = 1
    FOK = 2
    POST_ONLY = 3
    NO_LIQUIDITY = 4
    SELF_TRADE = 5
    REDUCE_ONLY = 6
    CONTRACT = 7


class TimeInForce(IntEnum):
    """How long an order may wait, Binance's names.

    GTC: good till cancelled; IOC: immediate or cancel; FOK: fill or kill; GTX: post-only.
    """

    GTC = 0
    IOC = 1
    FOK = 2
    GTX = 3


class SelfTrade(IntEnum):
    """Self-trade prevention mode of the taker, Binance's names."""

    NONE = 0
    EXPIRE_TAKER = 1
    EXPIRE_MAKER = 2
    EXPIRE_BOTH = 3
    DECREMENT = 4


class QueueModel(IntEnum):
    """How a resting order's place in the displayed queue is estimated."""

    RISK_AVERSE = 0
    POWER = 1
    LOG = 2
    FIFO = 3


class Trigger(IntEnum):
    """Kind of a conditional order."""

    STOP = 1
    TAKE_PROFIT = 2
    TRAILING_STOP = 3


class PriceSource(IntEnum):
    """Price that a conditional order watches; Binance calls LAST ``CONTRACT_PRICE``."""

    LAST = 0
    MARK = 1
