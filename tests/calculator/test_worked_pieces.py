"""Goal: published examples that are no portfolio come out too: mark price, funding, interest.

Method: the venue's own parts, at the published inputs.
"""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from replay_data.rates import funding_rate
from simulator.exchange.rules import FundingRules
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from simulator.rulebook.load import load
from tests.exchange.world import START, World

SPOT, UM = "spot:BTCUSDT", "um:BTCUSDT"


def test_mark_price_from_index_and_funding() -> None:
    """Binance FAQ 360033525271: "Basis=0.03%x4/8=0.015%; Mark Price=10,000x(1+0.015%)=10001.5".

    It is the first of the three prices of today's median: last lies below it, the book above.
    """
    world = World("unified", "binance")
    world.row(Kind.INDEX, UM, 0, 10_000 * 10**8)
    world.book(SPOT, 100_000, 100_001)
    world.book(UM, 100_049, 100_051)
    world.row(Kind.TRADE, UM, 1, 100_000, 1)
    world.row(Kind.FUNDING_ESTIMATE, UM, 0, 30_000, START + 4 * 3_600 * 10**9)
    world.now = START + 999_000_000
    world.row(Kind.INDEX, UM, 0, 10_000 * 10**8)
    world.step(2)
    seconds_gone = 1
    hours = 4 - seconds_gone / 3600
    assert world.market(UM).mark == pytest.approx(10_000 * (1 + 0.0003 * hours / 8), rel=1e-12)
    assert round(world.market(UM).mark, 1) == 10001.5


@pytest.mark.parametrize("premium", [-0.0004, -0.0003, 0.0, 0.0001, 0.0005, 0.0006])
def test_funding_rate_is_the_interest_while_the_premium_is_small(premium: float) -> None:
    """Binance FAQ 360033525271: "as long as the Premium Index is between -0.04% to 0.06%, the
    Funding Rate will equal 0.01% (the interest rate)".
    """
    terms = load("binance").funding
    e8 = {"interest_e8": int(terms.interest * 10**8), "clamp_e8": int(terms.clamp * 10**8)}
    hour: Any = SimpleNamespace(funding=e8)
    assert funding_rate(premium, hour) == 10_000
    assert funding_rate(-0.00041, hour) < 10_000 < funding_rate(0.00061, hour)


def test_funding_every_four_hours_is_half() -> None:
    """Binance, 2025-09-16: "the PUMPUSDT funding rate, settled every 4 hours, will now be
    calculated as ... / 2".
    """
    eight, four = FundingRules(), FundingRules(interval_ns=4 * 3_600 * 10**9)
    for premium in (-0.002, 0.0, 0.0003, 0.004):
        assert four.rate(premium) == pytest.approx(eight.rate(premium) / 2, rel=1e-15)


def test_negative_balance_interest() -> None:
    """Binance, 2025-05-17: "Interest Fee = abs(-50*) * 0.1% = 0.05 USDT *NegativeBalance =
    min(-10,050 + 10,000, 0) = -50".
    """
    rules = load("binance").negative_balance
    assert rules is not None
    interest = InterestRules(default_negative_daily=rules.daily["default"], free=rules.free)
    assert interest.on_negative("USDT", Decimal(-10_050)) == Decimal("0.05")
