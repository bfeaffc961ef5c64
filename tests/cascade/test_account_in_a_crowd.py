"""Goal: the account that trades may begin with positions among a crowd, and the venue balances.

Method: a portfolio document beside crowds that are long or short, in one-way and in hedge mode; a
fall in which some of them are liquidated.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.liquidation.rules import InsuranceRules
from tests.cascade.kit import BRACKETS, E8, Cascade, Holder, even_book, falling, impact_of, market

PERP, COIN = "um:BTCUSDT", "cm:BTCUSD_PERP"
FIRST = 100_000.0


def document(btc: float, coin: int) -> dict[str, Any]:
    return {
        "prices": {"index": {"USDT": 1, "BTC": 100_000}},
        "balances": {"um": {"USDT": 50_000}, "cm": {"BTC": 1}},
        "positions": [
            {"instrument": "BTCUSDT", "quantity": btc, "entry_price": "99000.05"},
            {"instrument": "BTCUSD_PERP", "quantity": coin, "entry_price": 101_000},
        ],
    }


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("position_mode", ["one_way", "hedge"])
def test_a_document_opens_beside_a_crowd(side: int, position_mode: str) -> None:
    """The market closes what it has of the crowd's other side, and is paid for it by clearing."""
    holders = [
        Holder(4, {PERP: 100}, {PERP: FIRST}, {PERP: 500.0}, {"um": {"USDT": 10.0}}),
        Holder(5, {COIN: -40}, {COIN: 97_000.0}, balance={"cm": {"BTC": 0.5}}),
    ]
    made = market(
        8, {"BTC": falling(FIRST, (3, 1.0), (4, 0.94), (8, 0.94))}, ("spot:BTCUSDT", PERP, COIN)
    )
    cascade = Cascade(
        made,
        holders,
        rulebook=BRACKETS,
        impact=impact_of(even_book(1e8, levels=50)),
        insurance=InsuranceRules({"USDT": Decimal(0)}),
        account=document(0.5 * side, 10 * side),
        position_mode=position_mode,
    )
    cascade.run(lambda one: one.sim.check())
    at = cascade.number(PERP) + (3 if position_mode == "hedge" and side < 0 else 0)
    left = cascade.sim.core.ledger.position_of(1, at)[0]
    deleveraged = sum(one.lots for one in cascade.closings() if one.account == 0)
    assert cascade.lots(4, PERP) == 0
    assert cascade.amounts(4) == {"USDT": 10 * E8}
    # At 94,000 a short of 99,000.05 is in profit, and the only one.
    assert (left, deleveraged) == ((500, 0) if side > 0 else (-400, 100))


def test_a_deleveraging_is_not_told_as_a_liquidation() -> None:
    """The account's short is closed because somebody else is bankrupt; it was never called."""
    holder = Holder(4, {PERP: 100}, {PERP: FIRST}, {PERP: 500.0}, {"um": {"USDT": 10.0}})
    made = market(
        8, {"BTC": falling(FIRST, (3, 1.0), (4, 0.94), (8, 0.94))}, ("spot:BTCUSDT", PERP)
    )
    cascade = Cascade(
        made,
        [holder],
        rulebook=BRACKETS,
        impact=impact_of(even_book(1e8, levels=50)),
        insurance=InsuranceRules({"USDT": Decimal(0)}),
        account={
            "prices": {"index": {"USDT": 1, "BTC": 100_000}},
            "balances": {"um": {"USDT": 50_000}},
            "positions": [{"instrument": "BTCUSDT", "quantity": "-0.05", "entry_price": 99_000}],
        },
    ).run()
    (fill,) = cascade.result.fills.iter_rows(named=True)
    assert (fill["reason"], fill["side"], fill["quantity"], fill["price"]) == (
        "deleveraging",
        1,
        0.05,
        95_000.0,
    )
    assert cascade.result.liquidations.is_empty()
    assert cascade.result.has_trader, "it has no strategy, but is told of"


def test_fills_of_a_crowd_repay_nothing_of_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who trades has a fill, so there is no row of one to look at either."""
    holder = Holder(4, {PERP: 100}, {PERP: FIRST}, {PERP: 500.0}, {"um": {"USDT": 10.0}})
    made = market(
        8, {"BTC": falling(FIRST, (3, 1.0), (4, 0.94), (8, 0.94))}, ("spot:BTCUSDT", PERP, COIN)
    )
    cascade = Cascade(
        made,
        [holder],
        rulebook=BRACKETS,
        impact=impact_of(even_book(1e8, levels=50)),
        insurance=InsuranceRules({"USDT": Decimal(0)}),
        account=document(0.5, 10),
    )
    desk = cascade.sim.desk
    desk.funds.auto_repay = True
    desk.count_repaying()
    asked: list[int] = []
    monkeypatch.setattr(desk, "repay_after_fill", asked.append)
    cascade.run()
    assert cascade.sim.core.n_fills == 1
    assert asked == []
