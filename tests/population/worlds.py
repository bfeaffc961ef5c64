"""A first moment of a run and groups of every kind, for tests of populations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from simulator.accounts.crowd import Crowd, Setting
from simulator.instruments.catalogue import known
from simulator.population.spec import Group
from simulator.rulebook.account import rules_by_mode
from simulator.rulebook.load import load

PRICES = {
    "spot:BTCUSDT": 100_000.0,
    "spot:ETHUSDT": 3_000.0,
    "um:BTCUSDT": 100_050.0,
    "um:ETHUSDT": 3_001.0,
    "cm:BTCUSD_PERP": 100_020.0,
}
INDEX = {"USDT": 1.0, "BTC": 100_000.0, "ETH": 3_000.0}

Mode = Literal["separated", "unified"]


def first_moment(mode: Mode = "separated", rulebook: str = "textbook", seed: int = 3) -> Setting:
    return Setting(
        instruments=[known()[name][0] for name in PRICES],
        assets=tuple(INDEX),
        prices=PRICES,
        index=INDEX,
        margins=rules_by_mode(load(rulebook), "separated"),
        mode=mode,
        seed=seed,
    )


RETAIL: dict[str, Any] = {
    "name": "retail",
    "share": 1.0,
    "wealth": {"law": "pareto", "least": 500, "alpha": 1.2, "most": 5e6},
    "collateral": {"USDT": 0.7, "BTC": 0.3},
    "collateral_jitter": 0.2,
    "side": {"long": 0.8},
    "instruments": {"um:BTCUSDT": 0.7, "um:ETHUSDT": 0.3},
    "futures": 0.5,
    "leverage": {"law": "lognormal", "median": 8, "sigma": 0.6, "least": 1, "most": 50},
    "entry": {"law": "normal", "sigma": 0.03, "least": -0.2, "most": 0.2},
}
CARRY: dict[str, Any] = {
    "name": "carry",
    "count": 300,
    "wealth": {"law": "lognormal", "median": 1e5, "sigma": 1},
    "instruments": ["um:BTCUSDT"],
    "leverage": 3,
    "futures": 0.3,
    "hedge": {"by": "spot", "share": 0.6},
    "margin_type": "cross",
}
PAIRS: dict[str, Any] = {
    "name": "pairs",
    "count": 200,
    "wealth": 1e5,
    "instruments": ["um:BTCUSDT"],
    "leverage": 5,
    "hedge": {"by": "um:ETHUSDT", "share": 0.5},
    "mode": {"unified": 0.3},
}
COIN: dict[str, Any] = {
    "name": "coin",
    "count": 100,
    "wealth": 2e4,
    "instruments": ["cm:BTCUSD_PERP"],
    "leverage": 5,
    "collateral": {"BTC": 1},
    "entry": -0.05,
}
LOANS: dict[str, Any] = {
    "name": "loans",
    "count": 100,
    "wealth": 5e4,
    "futures": 0.2,
    "instruments": {"um:ETHUSDT": 1, "um:BTCUSDT": 3},
    "holds": "all",
    "leverage": 4,
    "loan": {"amount": 2, "into": "BTC", "share": 0.7},
}
EVERYONE = (RETAIL, CARRY, PAIRS, COIN, LOANS)


def groups(*tables: dict[str, Any]) -> tuple[Group, ...]:
    return tuple(Group(**table) for table in tables or EVERYONE)


def with_(table: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**table, **changes}


def gains(crowd: Crowd, first: Setting) -> npt.NDArray[np.float64]:
    """Unrealized profit [account, instrument], USD, from the contracts' own formulas."""
    found = np.zeros(crowd.lots.shape)
    for at, one in enumerate(first.instruments):
        for row in np.flatnonzero(crowd.lots[:, at]).tolist():
            size = int(crowd.lots[row, at]) * float(one.lot * one.contract_size)
            entry, price = float(crowd.entry[row, at]), first.prices[one.name]
            gain = size * (1 / entry - 1 / price) if one.inverse else size * (price - entry)
            found[row, at] = gain * first.index[one.settle]
    return found


def worth(crowd: Crowd, first: Setting) -> npt.NDArray[np.float64]:
    """All that accounts are worth, USD."""
    index = np.array([first.index[asset] for asset in crowd.assets])
    total = gains(crowd, first).sum(axis=1)
    for amounts in crowd.balance.values():
        total = total + amounts / 1e8 @ index
    for amounts in crowd.loan.values():
        total = total - amounts / 1e8 @ index
    settle = np.array([first.index.get(one.settle, 0.0) for one in first.instruments])
    return total + crowd.isolated / 1e8 @ settle


def of_group(crowd: Crowd, name: str) -> npt.NDArray[np.intp]:
    return np.flatnonzero(crowd.group == crowd.groups.index(name))


def in_mode(first: Setting, mode: Mode) -> Setting:
    return replace(first, mode=mode)


RULEBOOKS = ("textbook", "binance", "okx_pm", "deribit_pm", "bybit")
