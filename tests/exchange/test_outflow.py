"""Goal: what may leave a wallet is what its rule says, to the unit.

Method: accounts with a position, a loan, a haircut or a hedge; what may leave is worked out beside
them and asked for in full, and with one unit more.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulator import margin
from simulator.events.outcomes import Outcome
from simulator.market.tape import Kind
from tests.exchange.fund_world import (
    E8,
    PLAIN,
    UNIT,
    ask,
    cross,
    opened,
    refused,
    worth,
)
from tests.exchange.world import INSTRUMENTS, World, listed


def most_and_no_more(world: World, asset: str, wallet: str, reason: str) -> Decimal:
    """Withdraw one unit more than may leave, then all of it; return how much that was."""
    most = world.desk.funds.most(world.partition.wallet(wallet), world.assets.index(asset))
    more = ask(world, "withdraw", asset, Decimal(most + 1) * UNIT, wallet)
    assert more.refusal == reason
    assert float(Decimal(most) * UNIT) == world.ctx.account.max_withdrawable(asset, wallet)
    if most:
        done = ask(world, "withdraw", asset, Decimal(most) * UNIT, wallet)
        assert done.refusal == ""
    return Decimal(most) * UNIT


# What may leave


def test_plain_spot_gives_what_no_order_holds() -> None:
    world = opened()
    world.ctx.submit(world.market("spot:BTCUSDT"), 1, 0.5, price=90_000)
    world.step()
    most = most_and_no_more(world, "USDT", "spot", "INSUFFICIENT_BALANCE")
    assert most == 55_000


@pytest.mark.parametrize("mark", [120_000, 105_000, 99_000])
def test_an_isolated_positions_profit_stays_with_it(mark: int) -> None:
    # 1 BTC at 100,000 takes 10,000 with it; 5,000 are added by hand, and at the mark a tenth of it
    # must stay of what is there less a loss.
    world = opened()
    world.transfer(50_000)
    world.ctx.buy(world.market("um:BTCUSDT"), 1)
    world.step()
    world.ctx.transfer("USDT", 5_000.0, "um", "um:BTCUSDT")
    world.step()
    world.mark("um:BTCUSDT", str(mark))
    own = world.balance("um:BTCUSDT") * UNIT
    lost = max(Decimal(0), own - Decimal(repr(world.pool("um:BTCUSDT").equity)))
    most = most_and_no_more(world, "USDT", "um:BTCUSDT", "INSUFFICIENT_MARGIN")
    assert most == pytest.approx(own - lost - mark // 10, abs=Decimal("1e-6"))


def test_a_separated_futures_wallet_keeps_its_initial_margin() -> None:
    # By the textbook 0.5 BTC at 100,000 needs 5,000, and an order for as much again 5,000 more.
    world = opened(margin=cross())
    world.transfer(15_000)
    world.ctx.buy(world.market("um:BTCUSDT"), 0.5)
    world.step()
    free = world.ctx.account.max_withdrawable("USDT", "um")
    figures = world.pool("um")
    assert free == pytest.approx(figures.equity - figures.initial_margin, abs=1e-6)
    assert free == pytest.approx(10_000, abs=1)
    world.ctx.submit(world.market("um:BTCUSDT"), 1, 0.5, price=99_000)
    world.step()
    assert float(most_and_no_more(world, "USDT", "um", "INSUFFICIENT_MARGIN")) == pytest.approx(
        5_000, abs=1
    )


def test_what_a_loan_brought_stays_in_the_margin_wallet() -> None:
    # At 3x 20,000 of debt needs 10,000 of equity: of 15,000 + 20,000 only 5,000 may leave.
    world = opened(deposits={"USDT": "15000"}, interest=PLAIN)
    world.transfer(15_000, "spot", "margin")
    world.borrow("USDT", 20_000)
    assert most_and_no_more(world, "USDT", "margin", "INSUFFICIENT_MARGIN") == 5_000
    assert world.owed() == (20_000 * E8, 0)


@pytest.mark.parametrize(
    ("borrowed", "most"), [(0, 15_000), (5_000, 10_000), (7_500, 7_500), (15_000, 0), (20_000, 0)]
)
def test_a_wallet_with_loans_keeps_its_margin_level(borrowed: int, most: int) -> None:
    """Binance: assets / liabilities of 2 after it, (15,000 + loan - x) / loan >= 2."""
    world = opened(rulebook="binance", deposits={"USDT": "15000"}, interest=PLAIN)
    world.transfer(15_000, "spot", "margin")
    if borrowed:
        world.borrow("USDT", borrowed)
    reason = "INSUFFICIENT_MARGIN" if borrowed else "INSUFFICIENT_BALANCE"
    assert most_and_no_more(world, "USDT", "margin", reason) == most
    document = {
        "mode": "separated",
        "rulebook": "binance",
        "prices": {"index": {"USDT": 1}},
        "balances": {"margin": {"USDT": {"asset": 15_000 + borrowed, "loan": borrowed}}},
    }
    pools = {pool.pool: pool for pool in margin(document).pools}
    assert pools["margin"].assets[0].max_withdraw == most


def test_unified_keeps_its_initial_margin_and_the_withdrawal_ratio() -> None:
    # 0.5 BTC at 100,000 by the textbook: initial 5,000, maintenance 5,000 / 1.5.
    world = opened("unified", deposits={"USDT": "20000"})
    world.ctx.buy(world.market("um:BTCUSDT"), 0.5)
    world.step()
    figures = world.pool("unified")
    assert world.ctx.account.max_withdrawable("USDT") == pytest.approx(15_000, abs=1)
    world.desk.transfers.outflow.ratio["unified"] = 3.0
    most = most_and_no_more(world, "USDT", "unified", "INSUFFICIENT_MARGIN")
    assert float(most) == pytest.approx(figures.equity - 3 * figures.maintenance_margin, abs=1e-6)
    assert float(most) == pytest.approx(10_000, abs=1)


def test_an_asset_that_counts_by_a_ratio_leaves_at_its_full_value() -> None:
    # 1 BTC counts 95,000; 1 BTC of a future at the mark 100,000 has a maintenance margin of 400:
    # 95,000 - 1.2 x 400 = 94,520 of value may go, where the ratio alone would let 94,737 go.
    world = opened("unified", "binance", deposits={"BTC": "1"})
    world.ctx.buy(world.market("um:BTCUSDT"), 1)
    world.step()
    world.book("um:BTCUSDT", 1_000_000, 1_000_001)
    figures = world.pool("unified")
    expected = (figures.equity - 1.2 * figures.maintenance_margin) / 100_000
    most = most_and_no_more(world, "BTC", "unified", "INSUFFICIENT_MARGIN")
    assert float(most) == pytest.approx(expected, abs=2e-8)
    assert float(most) == pytest.approx(0.9452, abs=1e-5)


def test_an_asset_that_is_no_collateral_may_always_leave() -> None:
    # Binance counts SHIB for nothing, so nothing rests on it, though the account has no room left.
    instruments = (*INSTRUMENTS, listed("spot", "SHIB"))
    world = World(
        "unified",
        "binance",
        deposits={"USDT": "5000", "SHIB": "700"},
        instruments=instruments,
        fees=False,
    )
    world.open_markets()
    for asset, price in (("BTC", 100_000), ("ETH", 10_000)):
        world.row(Kind.INDEX, f"um:{asset}USDT", 0, price * E8)
    world.book("spot:SHIBUSDT", 100, 101)
    world.ctx.buy(world.market("um:BTCUSDT"), 0.99)
    world.step(2000)
    assert world.lots("um:BTCUSDT") == 990
    assert float(most_and_no_more(world, "USDT", "unified", "INSUFFICIENT_MARGIN")) < 60
    assert most_and_no_more(world, "SHIB", "unified", "INSUFFICIENT_BALANCE") == 700


def test_spot_that_hedges_may_leave_only_as_far_as_the_rest_carries_the_short() -> None:
    # Covered by 1 BTC the short needs nothing for its price; without it 10,000 are needed.
    world = opened("unified", deposits={"USDT": "4000", "BTC": "1"})
    world.ctx.sell(world.market("um:BTCUSDT"), 1)
    world.step()
    most = float(most_and_no_more(world, "BTC", "unified", "INSUFFICIENT_MARGIN"))
    figures = world.pool("unified")
    assert 0 < most < 1
    assert figures.equity == pytest.approx(figures.initial_margin, abs=0.01)


def test_nothing_leaves_a_pool_that_is_short() -> None:
    world = opened("unified", deposits={"USDT": "6000"})
    world.ctx.buy(world.market("um:BTCUSDT"), 0.5)
    world.step()
    world.mark("um:BTCUSDT", "97000")
    assert world.ctx.account.max_withdrawable("USDT") == 0
    assert ask(world, "withdraw", "USDT", UNIT).refusal == "INSUFFICIENT_MARGIN"
    assert ask(world, "withdraw", "USDT", "all").refusal == "INSUFFICIENT_MARGIN"


WITHDRAWALS = """
    asset  quantity            wallet        reason
    USDT   100000              -             -
    USDT   100000.00000001     -             INSUFFICIENT_BALANCE
    USDT   0                   -             LOT_SIZE
    USDT   -1                  -             LOT_SIZE
    BTC    0.00000001          -             INSUFFICIENT_BALANCE
    BTC    all                 -             INSUFFICIENT_BALANCE
    USDT   all                 -             -
    USDT   all                 um            INSUFFICIENT_BALANCE
    USDT   1                   options       NO_SUCH_WALLET
"""


@pytest.mark.parametrize("row", [line.split() for line in WITHDRAWALS.strip().splitlines()[1:]])
def test_withdrawals(row: list[str]) -> None:
    asset, quantity, wallet, reason = row
    world = opened()
    event = ask(world, "withdraw", asset, quantity, "" if wallet == "-" else wallet)
    assert event.refusal == ("" if reason == "-" else reason)
    assert refused(world) == ([] if reason == "-" else [reason])
    assert worth(world) == (0 if reason == "-" else 100_000 * E8)
    assert len(world.records(Outcome.WITHDRAWN)) == (reason == "-")
