"""Goal: a cascade goes right, or says that it went wrong, when something rare comes in between.

Method: nothing displayed, nobody there, no margin needed, a day without data, funding and expiry in
the middle, a trading account that is deleveraged, an exception while positions change hands.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import InputError
from simulator.liquidation.rules import InsuranceRules
from simulator.replay.made import MadeMarket
from simulator.strategy.base import Strategy
from tests.cascade.auditor import Auditor
from tests.cascade.kit import (
    BRACKETS,
    E8,
    SCENARIO,
    Cascade,
    Holder,
    even_book,
    falling,
    impact_of,
    market,
)

PERP, SPOT, DATED = "um:BTCUSDT", "spot:BTCUSDT", "um:BTCUSDT_251226"
FIRST = 100_000.0
NOTHING = InsuranceRules({"USDT": Decimal(0)}, 1.0, 0.0)
ENDLESS = InsuranceRules({}, 1.0, 0.0)
DEEP = impact_of(even_book(1e9, levels=50))


def long(number: int, margin: float, lots: int = 100, name: str = PERP) -> Holder:
    return Holder(number, {name: lots}, {name: FIRST}, {name: margin})


def short(number: int, wallet: float, lots: int = 100, name: str = PERP) -> Holder:
    return Holder(number, {name: -lots}, {name: FIRST}, balance={"um": {"USDT": wallet}})


def fall(
    low: float,
    names: Sequence[str] = (PERP,),
    seconds: int = 20,
    start: str = "2025-10-10T20:50:00Z",
    **more: Any,
) -> MadeMarket:
    """A price that falls in a second, and stays."""
    path = falling(FIRST, (5, 1.0), (6, low), (seconds, low))
    return market(seconds, {"BTC": path}, names, start, **more)


def audited(cascade: Cascade, **more: Any) -> Cascade:
    auditor = Auditor(cascade, **more)
    cascade.run(auditor.look)
    auditor.close()
    return cascade


def made(tape: MadeMarket, holders: Sequence[Holder], **more: Any) -> Cascade:
    return Cascade(tape, holders, **{"rulebook": BRACKETS, "impact": DEEP, **more})


def test_where_nothing_is_displayed_pools_wait_and_bankrupt_ones_are_taken_over() -> None:
    """At 95 % the first is bankrupt, the second at its threshold with equity left: it waits."""
    empty = impact_of(even_book(1e-9))
    holders = [long(1, 400.0), long(2, 550.0), long(3, 2_000.0)]
    cascade = audited(made(fall(0.95), holders, impact=empty, insurance=ENDLESS))
    assert [(one.account, one.stage) for one in cascade.closings()] == [(1, "takeover")]
    assert [cascade.lots(n, PERP) for n in (1, 2, 3)] == [0, 100, 100]


def test_a_single_account_without_anybody_opposite_is_the_funds_below_zero() -> None:
    cascade = audited(made(fall(0.9), [long(1, 500.0)], insurance=NOTHING))
    assert [(one.stage, one.lots) for one in cascade.closings()] == [("takeover", 100)]
    assert cascade.lots(-1, PERP) == 100
    sold = InsuranceRules({"USDT": Decimal(0)}, 1.0, 1.0, 0.05)
    cascade = audited(made(fall(0.9), [long(1, 500.0)], insurance=sold))
    assert cascade.fund() / E8 == pytest.approx(-500, rel=0.01)


def test_a_full_hedge_needs_nothing_and_is_never_called() -> None:
    """A coin and a short future of it: maintenance 0; a tenth of one is called."""

    def hedge(number: int, coins: float, cash: float) -> Holder:
        held = {"spot": {"BTC": coins, "USDT": cash}}
        return Holder(number, {PERP: -1000}, {PERP: FIRST}, balance=held, unified=True)

    tape = fall(1.6, (SPOT, PERP))
    holders = [hedge(1, 1.0, 0.0), hedge(2, 0.1, 10_000.0)]
    cascade = made(tape, holders, rulebook=SCENARIO, mode="unified", insurance=ENDLESS)
    needed: set[float] = set()

    def look(now: Cascade) -> None:
        pools = now.sim.core.pools
        pools.evaluate(now.sim.roster.own_pools)
        needed.add(pools.figures(now.sim.roster.own_pools)[2])

    cascade.run(look)
    assert max(needed) < 10, "of the tick between two books"
    assert cascade.lots(1, PERP) == -1000
    assert {one.account for one in cascade.closings()} == {2}


def test_a_contract_without_a_price_range_is_refused_in_a_line(tmp_path: Path) -> None:
    book = tmp_path / "free.toml"
    book.write_text('extends = "textbook"\nname = "free"\n[scenario.price_range]\nBTC = 0\n')
    with pytest.raises(InputError, match="price range for BTC is 0"):
        made(fall(0.9), [long(1, 900.0)], rulebook=str(book))


def test_after_days_without_data_all_is_settled_at_the_first_prices() -> None:
    before = market(10, {"BTC": falling(FIRST, (10, 0.99))}, (PERP,))
    after = market(10, {"BTC": falling(80_000.0, (10, 1.0))}, (PERP,), "2025-10-12T20:50:00Z")
    holders = [long(1, 900.0), long(2, 21_000.0, lots=1000), short(3, 500.0)]
    cascade = made(before, holders, insurance=NOTHING, then=[after])
    audited(cascade, funding=True)
    rows = cascade.closings()
    assert {one.time for one in rows} == {rows[0].time}
    assert rows[0].time >= 1_760_302_200 * 10**9
    assert [(one.account, one.stage) for one in rows[:2]] == [
        (1, "deleverage"),
        (3, "counterparty"),
    ]


def test_funding_at_the_instant_can_be_the_last_straw() -> None:
    """0.01 % of 10,000 falls due; 505.07 of margin are called at 100,000 x (1 - 0.0405)."""
    names, rows = (SPOT, PERP), {"start": "2025-10-10T07:59:40Z", "seconds": 40}
    path = falling(FIRST, (5, 0.9596), (40, 0.9596))
    tape = market(int(rows["seconds"]), {"BTC": path}, names, str(rows["start"]))
    holders = [long(1, 500.5), long(2, 900.0), short(3, 5_000.0, lots=200)]
    cascade = made(tape, holders, insurance=NOTHING)
    audited(cascade, funding=True)
    (call,) = cascade.sim.desk.liquidator.engine.calls()
    instant = 1_760_083_200 * 10**9
    assert instant <= int(call["time_ns"]) <= instant + 2 * 10**9
    paid = {n: cascade.amounts(n).get("USDT", 0) for n in (2, 3)}
    assert paid[3] > 5_000 * E8
    assert paid[2] < 900 * E8


def test_a_contract_that_expires_in_the_cascade_leaves_nobody_with_it() -> None:
    filters = {DATED: {"tick": "0.1", "lot": "0.001"}}
    tape = fall(0.97, (SPOT, PERP, DATED), 40, start="2025-12-26T07:59:45Z", filters=filters)
    holders = [
        long(1, 900.0, name=DATED),
        short(2, 300.0, name=DATED),
        long(3, 320.0),
        long(4, 900.0),
    ]
    cascade = made(tape, holders, insurance=NOTHING)
    cascade.run(lambda now: now.sim.check())
    assert not cascade.positions()[0][:, cascade.number(DATED)].any()
    assert cascade.lots(4, PERP) == 100
    last = max((one.time for one in cascade.closings() if one.instrument == DATED), default=0)
    assert last <= 1_766_736_000 * 10**9
    mean = 300 * E8 - cascade.amounts(2)["USDT"]
    assert cascade.amounts(1)["USDT"] == pytest.approx(900 * E8 + mean, rel=1e-6)


class Hedger(Strategy):
    """Long a coin, short a future of the same size; notes what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []
        self.after: list[float] = []

    def on_start(self, ctx: Any) -> None:
        ctx.schedule(after=2.0)

    def on_timer(self, ctx: Any, name: str) -> None:
        ctx.sell(ctx.market(PERP), 1.0)
        ctx.sell(ctx.market(PERP), 0.5, 140_000.0)

    def on_deleveraging(self, ctx: Any, event: Any) -> None:
        self.heard.append(event)
        self.after.append(ctx.market(PERP).position)


def hedged(insurance: InsuranceRules = NOTHING) -> tuple[Cascade, Hedger]:
    strategy = Hedger()
    cascade = made(
        fall(0.88, (SPOT, PERP)),
        [long(1, 7_000.0, lots=600)],
        rulebook=SCENARIO,
        mode="unified",
        insurance=insurance,
        strategies=[strategy],
        deposits={"USDT": 30_000, "BTC": 1},
    )
    return cascade, strategy


def test_a_trading_account_that_is_deleveraged_hears_of_it_and_its_hedge_is_open() -> None:
    cascade, strategy = hedged()
    cascade.run()
    rows = [(one.account, one.stage, one.lots) for one in cascade.closings()]
    assert rows == [(1, "deleverage", 600), (0, "counterparty", 600)]
    (event,) = strategy.heard
    ledger = cascade.sim.core.ledger
    assert (event.instrument, event.lots) == (PERP, 600)
    # 60,000 less a margin of 7,000 for 0.6 coins.
    assert event.price == pytest.approx(53_000 / 0.6)
    assert event.profit == pytest.approx(0.6 * (FIRST - 53_000 / 0.6), rel=1e-3)
    assert ledger.position_of(1, cascade.number(PERP))[0] == -400
    assert strategy.after == [pytest.approx(-0.4)]
    assert cascade.sim.core.open_orders(1) == 0, "its orders in the contract are cancelled"
    (coin,) = [n for n, name in enumerate(cascade.sim.assets) if name == "BTC"]
    assert cascade.balances()[cascade.sim.partition.wallet("spot"), coin] == E8


def test_an_exception_while_positions_change_hands_leaves_a_venue_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cascade, _ = hedged()

    def fails(*_: Any) -> None:
        raise RuntimeError("cable cut")

    monkeypatch.setattr(cascade.sim.desk.liquidator, "deleveraged", fails)
    with pytest.raises(RuntimeError, match="cable cut"):
        cascade.run()
    with pytest.raises(AssertionError, match="was not finished"):
        cascade.sim.check()
