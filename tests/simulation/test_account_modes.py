"""Goal: an account that has changed its mode stands as one that was always in it.

Method: start from a document separated; what the merged pool would be beforehand, what it is after
the switch, what the readable model says of the same document in the other mode, and what a run
says that started unified, all to 1e-9.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from simulator import Simulation, margin

pytestmark = pytest.mark.hours

BRACKETS = ("binance", "bybit")
CASES = [
    *product(("textbook", "binance", "bybit", "okx_pm", "deribit_pm"), (False, True), (None,)),
    *product(("binance",), (False, True), (3, 5, 10)),
]


def document(rulebook: str, isolated: bool, margin_leverage: int | None) -> dict[str, Any]:
    """Positions, a hedge of two sides where they are isolated, loans, interest, several coins."""
    positions: list[dict[str, Any]] = [
        {"instrument": "BTCUSDT", "quantity": "1.5", "entry_price": "60400"},
        {"instrument": "ETHUSDT", "quantity": "-20", "entry_price": "2650"},
    ]
    if isolated:
        positions.append({"instrument": "BTCUSDT", "quantity": "-0.5", "entry_price": "60900"})
        for position, wallet in zip(positions, ("40000", "12000", "9000"), strict=True):
            position["isolated_wallet"] = wallet
    if rulebook in BRACKETS:
        for position in positions:
            position["leverage"] = 10
    made: dict[str, Any] = {
        "mode": "separated",
        "rulebook": rulebook,
        "time": "2025-06-11T07:00:00Z",
        "prices": {
            "index": {"USDT": 1, "BTC": 61000, "ETH": 2680},
            "mark": {"BTCUSDT": 61010, "ETHUSDT": 2681},
        },
        "balances": {
            "spot": {"USDT": 100000, "BTC": 1},
            "um": {"USDT": 80000},
            "margin": {
                "USDT": {"asset": 50000, "loan": 20000, "interest": "3.5"},
                "ETH": {"asset": 4, "loan": 2},
            },
        },
        "positions": positions,
    }
    return made | ({"margin_leverage": margin_leverage} if margin_leverage else {})


def opened(account: dict[str, Any], mode: str) -> Simulation:
    made = Simulation(data="bundled:calm", mode=mode, rulebook=account["rulebook"], account=account)
    made._open()
    return made


@pytest.mark.parametrize(("rulebook", "isolated", "leverage"), CASES)
def test_the_merged_pool_is_that_of_an_account_that_began_unified(
    rulebook: str, isolated: bool, leverage: int | None
) -> None:
    account = document(rulebook, isolated, leverage)
    changed, unified = opened(account, "separated"), opened(account, "unified")
    before = changed.desk.switching.preview("unified")
    changed.desk.switching.execute("unified")
    found = changed.desk.pool_figures("unified")
    assert (found.equity, found.maintenance_margin, found.ratio) == before
    assert found == unified.desk.pool_figures("unified")
    report = margin(account, mode="unified", rulebook=rulebook)
    pool = next(one for one in report.pools if one.pool == "unified")
    assert found.equity == pytest.approx(pool.adjusted_equity, rel=1e-9)
    assert found.initial_margin == pytest.approx(pool.initial_margin, rel=1e-9)
    assert found.maintenance_margin == pytest.approx(pool.maintenance_margin, rel=1e-9)
    assert found.maintenance_margin > 0
    changed.check()
