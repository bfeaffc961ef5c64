"""What a population looks like: figures by group, in USD at the first prices."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.accounts.crowd import Crowd, Setting

Floats = npt.NDArray[np.float64]

PERCENTILES = (5, 50, 95)


@dataclass(frozen=True, slots=True)
class Described:
    """A group.

    ``wealth`` is all that its accounts are worth, unrealized profit included and loans taken off;
    ``leverage`` percentiles of notional / equity of the wallets that margin it, of those with a
    position.
    """

    group: str
    accounts: int
    unified: int
    wealth: float
    median_wealth: float
    long: float
    short: float
    with_position: int
    leverage: tuple[float, ...]
    loans: float

    def row(self) -> dict[str, Any]:
        """Return the figures as JSON has them; leverage by percentile, null without a position."""
        made = asdict(self)
        made["leverage"] = {
            f"p{share}": value if np.isfinite(value) else None
            for share, value in zip(PERCENTILES, self.leverage, strict=True)
        }
        return made


def describe(crowd: Crowd, setting: Setting) -> list[Described]:
    """Return the figures of each group, in the crowd's order; the whole population comes last."""
    index = np.array([setting.index.get(asset, 0.0) for asset in crowd.assets])
    zero = np.zeros(crowd.size)
    held = {line: _worth(amounts, index) for line, amounts in crowd.balance.items()}
    owed = sum((_worth(amounts, index) for amounts in crowd.loan.values()), zero)
    long, short, equity = zero.copy(), zero.copy(), zero.copy()
    used = {line: np.zeros(crowd.size, dtype=np.bool_) for line in ("um", "cm")}
    wealth = sum(held.values(), zero) - owed
    for at, one in enumerate(setting.instruments):
        lots = crowd.lots[:, at]
        if one.market not in used or not lots.any():
            continue
        notional, gain = _valued(crowd, setting, at)
        isolated = crowd.isolated[:, at] / 1e8 * setting.index[one.settle]
        long += np.where(lots > 0, notional, 0.0)
        short += np.where(lots < 0, notional, 0.0)
        wealth = wealth + isolated + gain
        equity += isolated + gain
        used[one.market] |= (lots != 0) & (isolated == 0)
    for line, crossed in used.items():
        equity += np.where(crossed, held.get(line, zero), 0.0)
    members = setting.margins["unified"].members
    outside = sum((value for line, value in held.items() if line not in members), zero)
    equity = np.where(crowd.unified, wealth - outside, equity)
    gross = long + short
    leverage = np.divide(gross, equity, where=equity > 0, out=np.full(crowd.size, np.inf))
    made = []
    for number, name in [*enumerate(crowd.groups), (-1, "all")]:
        mine = crowd.group == number if number >= 0 else np.ones(crowd.size, dtype=np.bool_)
        there = mine & (gross > 0)
        made.append(
            Described(
                group=name,
                accounts=int(mine.sum()),
                unified=int(crowd.unified[mine].sum()),
                wealth=float(wealth[mine].sum()),
                median_wealth=float(np.median(wealth[mine])) if mine.any() else 0.0,
                long=float(long[mine].sum()),
                short=float(short[mine].sum()),
                with_position=int(there.sum()),
                leverage=tuple(_percentile(leverage[there], share) for share in PERCENTILES),
                loans=float(owed[mine].sum()),
            )
        )
    return made


def _percentile(values: Floats, share: int) -> float:
    """Return a percentile that some account has: between numbers there may be an infinite one,
    that of an account without equity; NaN where there is nobody.
    """
    if not values.size:
        return float("nan")
    return float(np.percentile(values, share, method="inverted_cdf"))


def _worth(amounts: npt.NDArray[np.int64], index: Floats) -> Floats:
    # Asset by asset: a product of matrices adds in an order that is the processor's.
    worth = np.zeros(len(amounts))
    for asset, price in enumerate(index.tolist()):
        worth += amounts[:, asset] / 1e8 * price
    return worth


def _valued(crowd: Crowd, setting: Setting, at: int) -> tuple[Floats, Floats]:
    """Return the notional and the unrealized profit of positions in an instrument."""
    one, lots, entry = setting.instruments[at], crowd.lots[:, at], crowd.entry[:, at]
    size = lots * float(one.lot * one.contract_size)
    price, usd = setting.prices[one.name], setting.index[one.settle]
    paid = np.where(lots != 0, entry, price)
    if one.inverse:
        return np.abs(size) / price * usd, size * (1 / paid - 1 / price) * usd
    return np.abs(size) * price * usd, size * (price - paid) * usd
