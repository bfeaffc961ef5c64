"""Index, mark price and funding of a generated hour, by Binance's published formulas.

With ``mid`` the mean of best bid and ask, once a second::

    index  = mean of the spot mids of the last second (four steps)
    price1 = index * (1 + last funding rate * time to funding / 8 h)
    price2 = index + mean over 30 s of (mid - index)
    mark   = median(price1, price2, last trade)

and every 5 s, with the prices at which the impact notional sells and buys::

    premium = (max(0, impact bid - index) - max(0, index - impact ask)) / index
    P       = mean of the premiums since the last funding, the k-th weighted by k
    rate    = P + clamp(interest - P, -0.05 %, 0.05 %)

Amounts are integers in 1e-8 of the quote asset, rates in 1e-8.  The USDT/USD rate is taken as 1,
so the index of a CM contract is that of the UM contract.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from replay_data.books import PREMIUM_STEPS, Market
from replay_data.measure import SECOND
from replay_data.settings import Hour, Listed

Ints = np.typing.NDArray[np.int64]

INTERVAL_S = 8 * 3600
SETTLED_S = 1800
"""Second of the hour at which funding is paid: every hour starts at half past."""

AVERAGE_S = 30
"""Points, one a second, of the mark price's moving average (since 2025-09-18)."""

SAMPLE_S = PREMIUM_STEPS // SECOND


@dataclass(frozen=True, slots=True)
class Rates:
    """A contract's ``index`` and ``mark`` each second, ``estimate`` each minute, in 1e-8."""

    index: Ints
    mark: Ints
    estimate: list[int]
    settled: int | None


def seconds(hour: Hour) -> Ints:
    """Whole seconds of the hour."""
    return np.arange(hour.steps // SECOND, dtype=np.int64)


def index_prices(hour: Hour, listed: Listed, spot: Market) -> Ints:
    """Index each second, 1e-8: what spot displayed in the second before."""
    total = np.array(spot.touch, np.int64).sum(axis=1)
    upto = np.concatenate([[0], np.cumsum(total)])
    last = np.maximum(seconds(hour) * SECOND, 1)
    first = np.maximum(last - SECOND, 0)
    return np.asarray((upto[last] - upto[first]) * listed.tick_e8 // (2 * (last - first)))


def funding_rate(premium: float, hour: Hour) -> int:
    """Funding rate of a mean premium, in 1e-8."""
    interest, clamp = hour.funding["interest_e8"], hour.funding["clamp_e8"]
    mean = round(premium * 1e8)
    return mean + max(-clamp, min(clamp, interest - mean))


def estimates(
    hour: Hour, market: Market, tick_e8: int, index: Ints
) -> tuple[list[int], int | None]:
    """Running rate at each whole minute, and the one settled at half past (None if not reached)."""
    before = (INTERVAL_S - SETTLED_S) // SAMPLE_S
    weight = before * (before + 1) // 2
    total = weight * hour.values["premium_before_e8"] * 1e-8
    samples, running, settled = before, [], None
    for second in range(0, len(index), SAMPLE_S):
        if second == SETTLED_S:
            settled = funding_rate(total / weight, hour)
            samples, weight, total = 0, 0, 0.0
        middle = float(index[second])
        bid, ask = (price * tick_e8 for price in market.impact[second // SAMPLE_S])
        samples += 1
        weight += samples
        total += samples * ((max(0.0, bid - middle) - max(0.0, middle - ask)) / middle)
        if second % 60 == 0:
            running.append(funding_rate(total / weight, hour))
    return running, settled


def rates(hour: Hour, listed: Listed, market: Market, underlying: Listed, spot: Market) -> Rates:
    """Compute the columns of a contract from its market and its underlying's spot market."""
    index = index_prices(hour, underlying, spot)
    running, settled = estimates(hour, market, listed.tick_e8, index)
    second = seconds(hour)
    step = np.maximum(second * SECOND - 1, 0)
    middle = np.array(market.touch, np.int64).sum(axis=1)[step] * listed.tick_e8 // 2
    last = np.array(market.last, np.int64)[step] * listed.tick_e8
    upto = np.concatenate([[0], np.cumsum(middle - index)])
    points = np.minimum(second + 1, AVERAGE_S)
    price2 = index + (upto[second + 1] - upto[second + 1 - points]) // points
    after = second >= SETTLED_S
    rate = np.where(after, settled or 0, hour.values["last_funding_e8"]) * 1e-8
    left = np.where(after, SETTLED_S + INTERVAL_S, SETTLED_S) - second
    price1 = index + np.rint(index * (rate * left / INTERVAL_S)).astype(np.int64)
    mark = np.sort(np.stack([price1, price2, last]), axis=0)[1]
    return Rates(index=index, mark=mark, estimate=running, settled=settled)


def next_funding_ns(hour: Hour, second: int) -> int:
    """Instant of the next funding after ``second``, ns since 1970 UTC."""
    at = SETTLED_S + (INTERVAL_S if second >= SETTLED_S else 0)
    return (hour.start_ms + at * 1000) * 1_000_000
