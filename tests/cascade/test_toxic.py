"""Goal: selling collateral to mend a unified account's ratio makes it worse beyond a computed cost.

With coins worth V that count as hV, a loan of D that needs mD, and a sale that brings 1 - f of what
the coins are worth, the ratio is (hV - D) / mD.  Selling v of coins repays v (1 - f):

    (h (V - v) - (D - v (1 - f))) / (m (D - v (1 - f)))

which rises with v exactly if D / V < 1 - f, whatever the ratio of collateral and the margin.  An
account at its threshold t has D / V = h / (1 + t m): so it is mended while f < 1 - h / (1 + t m),
and goes down a spiral beyond (Warmuz, Chaudhary, Pinna 2022, arXiv 2212.07306: the same frontier).
"""

from __future__ import annotations

from decimal import Decimal
from math import log

import pytest

from simulator.liquidation.rules import InsuranceRules
from simulator.market.liquidity import Impact
from tests.cascade.auditor import Auditor
from tests.cascade.kit import BRACKETS, E8, Cascade, Holder, even_book, falling, market

SPOT, PERP = "spot:BTCUSDT", "um:BTCUSDT"
FIRST = 100_000.0
RATIO, MARGIN, THRESHOLD = 0.95, 0.10, 1.05
FRONTIER = 1 - RATIO / (1 + THRESHOLD * MARGIN)


DEBT = round(FIRST * 0.97 * RATIO / (1 + THRESHOLD * MARGIN) + 1, 2)
WORTH = 0.97 * FIRST


def sold(cost: float) -> Cascade:
    """One coin behind a loan, called at 0.97; a sale costs ``cost``, and the index is another's."""
    holder = Holder(
        3, balance={"margin": {"BTC": 1.0}}, loan={"margin": {"USDT": DEBT}}, unified=True
    )
    path = falling(FIRST, (3, 1.0), (5, 0.97), (8, 0.97))
    book = even_book(1e10, spread=-2 * log(1 - cost), levels=4, reach=0.001)
    cascade = Cascade(
        market(8, {"BTC": path}, (SPOT, PERP)),
        [holder],
        mode="unified",
        rulebook=BRACKETS,
        impact=Impact(other=book, own_weight={"BTC": 0.0}),
        insurance=InsuranceRules({"USDT": Decimal(0)}),
    )
    auditor = Auditor(cascade)
    cascade.run(auditor.look)
    auditor.close()
    assert {one.stage for one in cascade.closings()} == {"spot"}
    return cascade


def ratio(coins: float, cost: float) -> float:
    """Equity / maintenance once so many coins are sold and what they brought is repaid."""
    debt = DEBT - coins * WORTH * (1 - cost)
    return (RATIO * (1 - coins) * WORTH - debt) / (MARGIN * debt)


def test_the_frontier_is_where_the_rulebook_puts_it() -> None:
    """Haircut 5 %, loan margin 10 %, threshold 1.05: a sale may cost 14 %."""
    assert pytest.approx(0.140271, abs=1e-6) == FRONTIER


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.97])
def test_below_the_frontier_a_sale_mends_the_ratio(share: float) -> None:
    cost = share * FRONTIER
    cascade = sold(cost)
    pools, pool = cascade.sim.core.pools, cascade.sim.roster.own_pools
    pools.evaluate(pool)
    equity, _, maintenance, _ = pools.figures(pool)
    coins = sum(one.lots for one in cascade.closings()) * 1e-5
    assert 0 < coins < 1
    assert ratio(coins, cost) > ratio(0.0, cost)
    assert equity / maintenance == pytest.approx(ratio(coins, cost), rel=1e-4)
    assert equity / maintenance > THRESHOLD
    assert cascade.fund() == 0


@pytest.mark.parametrize("share", [1.03, 1.2])
def test_beyond_the_frontier_every_sale_lowers_it_until_nothing_is_left(share: float) -> None:
    cost = share * FRONTIER
    steps = [ratio(coins / 10, cost) for coins in range(8)]
    assert steps == sorted(steps, reverse=True)
    assert steps[0] > 0.9, "it could pay in full when it was called"
    cascade = sold(cost)
    brought = sum(one.amount for one in cascade.closings())
    assert cascade.amounts(3) == {}
    assert cascade.fund() == brought - round(DEBT * E8)
    assert cascade.fund() / E8 == pytest.approx(WORTH * (1 - cost) - DEBT, rel=0.01)
