"""Goal: whatever an account does and whatever happens to it, its life follows DESIGN 8 to the unit.

Method: a Hypothesis state machine drives small venues of every product by random commands: orders
of all kinds, prices that crash, funds, and every step between the modes in any order.  An auditor
(`tests.exchange.auditor`) works out from the ledger alone what must come of each and compares.
Some sequences are played twice for the same digest.  Counters say that the machine got everywhere.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from simulator.strategy.funds import UNIVERSAL_TRANSFERS
from tests.exchange.lives import HOUR, MARKETS, MEMBERS, MINUTE, Life
from tests.exchange.products import PRODUCTS

SIDES = st.sampled_from([-1, 1])
ASSETS = st.sampled_from(["USDT", "BTC", "BNB"])
AMOUNTS = st.sampled_from([0.00000001, 0.05, 0.7, 30.0, 4_000.0, 25_000.0, 150_000.0])
WALLETS = st.integers(0, 9)
BTC_MARKETS = st.integers(0, len(PRODUCTS) - 1)
FLAGS = ("reduce_only", "margin", "long", "auto_borrow", "auto_repay", "auto_borrow_repay")
VARIANTS: list[tuple[tuple[str, Any], ...]] = [
    (),
    (),
    (("open_orders", "refuse"),),
    (("open_orders", "cancel"), ("open_positions", True), ("isolated_positions", True)),
    (("switch_ns", 0), ("return_ns", 0), ("net_assets", Decimal(0))),
    (("switch_ns", 2 * 3600 * 10**9), ("cool_down_ns", 0)),
    (("ratio_after", Decimal(3)), ("open_positions", True), ("isolated_positions", True)),
]


# Market, side, size and direction in hedge mode: of the USDT-margined perpetual, the coin-margined
# one and the call.
HOLDINGS: dict[str, tuple[tuple[int, int, float, str], ...]] = {
    "nothing": (),
    "long": ((1, 1, 2.0, "long"),),
    "large": tuple((1, -1, size, "short") for size in (50.0, 27.0, 16.0, 8.0, 4.0, 2.0)),
    "largest": tuple((1, 1, size, "long") for size in (50.0, 27.0, 16.0, 8.0, 4.0, 2.0, 1.0)),
    "hedged": ((0, 1, 8.0, ""), (1, -1, 2.0, "short"), (2, 1, 3.0, "long"), (5, -1, 2.0, "short")),
}


class Machine(RuleBasedStateMachine):
    """Random lives; a subclass names the rulebook."""

    rulebook: ClassVar[str] = "textbook"
    totals: ClassVar[Counter[str]] = Counter()
    life: Life | None = None

    @initialize(
        mode=st.sampled_from(["separated", "separated", "unified"]),
        hedge=st.booleans(),
        margin_type=st.sampled_from(["isolated", "cross"]),
        latency=st.sampled_from([None, None, "50"]),
        wealth=st.sampled_from(["rich", "rich", "rich", "thin", "thin", "poor"]),
        profile=st.sampled_from([*["old"] * 6, "new", "unknown"]),
        modes=st.sampled_from(VARIANTS),
        holding=st.sampled_from([*HOLDINGS, "hedged"]),
        debt=st.sampled_from([0.0, 0.0, 5_000.0]),
        ahead=st.sampled_from([0, 0, 1, 2, 3, 3, 4]),
        shock=st.sampled_from([0.0, 0.0, -35.0, 60.0]),
    )
    def begin(self, *, holding: str, debt: float, ahead: int, shock: float, **choices: Any) -> None:
        """Begin with some positions and debt, some steps ahead, and perhaps a crash."""
        self.choices = choices
        self.life = Life(self.rulebook, **choices)
        for market, side, size, direction in HOLDINGS[holding]:
            self.do("order", market, side, size, "market", 1.0, (direction,))
        if debt:
            self.do("fund", "borrow", "USDT", debt)
        for _ in range(ahead):
            self.do("go_on")
        if shock:
            self.do("moved", shock)

    def do(self, *command: Any) -> None:
        assert self.life is not None
        self.life.do(command)

    # The market

    @rule(percent=st.sampled_from([-0.5, 0.3, -2.0, 2.0]))
    def mild(self, percent: float) -> None:
        self.do("moved", percent)

    @rule(percent=st.sampled_from([-30.0, -15.0, -9.0, 12.0, 40.0]))
    def crash(self, percent: float) -> None:
        self.do("moved", percent)

    @rule(market=BTC_MARKETS, side=SIDES, percent=st.sampled_from([0.1, 3.0]))
    def tape_prints(self, market: int, side: int, percent: float) -> None:
        self.do("printed", market, side, percent)

    @rule(rate=st.sampled_from([-50_000, 10_000, 300_000]))
    def funding(self, rate: int) -> None:
        self.do("funding", rate)

    @rule(span=st.sampled_from([1_000, 61_000, 5 * MINUTE, 11 * MINUTE, HOUR]))
    def time_passes(self, span: int) -> None:
        self.do("waited", span)

    # Orders

    @rule(
        market=st.integers(0, len(MARKETS) - 1),
        side=SIDES,
        size=st.sampled_from([0.1, 1.0, 3.0, 12.0]),
        kind=st.sampled_from(["market", "limit", "stop", "take_profit", "trailing_stop"]),
        percent=st.sampled_from([0.05, 1.0, 5.0]),
        flags=st.lists(st.sampled_from(FLAGS), max_size=2),
    )
    def any_order(
        self, market: int, side: int, size: float, kind: str, percent: float, flags: list[str]
    ) -> None:
        self.do("order", market, side, size, kind, percent, tuple(flags))

    @rule(
        market=st.sampled_from([1, 1, 2, 3, 5, 6]),
        side=SIDES,
        size=st.sampled_from([1.0, 3.0]),
        long=st.booleans(),
    )
    def market_order(self, market: int, side: int, size: float, long: bool) -> None:
        self.do("order", market, side, size, "market", 1.0, ("long",) if long else ())

    @rule()
    def cancel_all(self) -> None:
        self.do("cancel_all")

    @rule(market=st.sampled_from([1, 2, 3]), leverage=st.sampled_from([1, 3, 10, 50]))
    def leverage(self, market: int, leverage: int) -> None:
        self.do("leverage", market, leverage)

    @rule(
        quantity=st.sampled_from([-500.0, 50.0, 5_000.0]), side=st.sampled_from(["LONG", "SHORT"])
    )
    def isolated_margin(self, quantity: float, side: str) -> None:
        self.do("margin", quantity, side)

    # Funds

    @rule(asset=ASSETS, quantity=AMOUNTS, wallet=WALLETS)
    def deposit(self, asset: str, quantity: float, wallet: int) -> None:
        self.do("deposit", asset, quantity, wallet)

    @rule(
        asset=ASSETS,
        quantity=st.one_of(AMOUNTS, st.sampled_from(["all", "0", "0.00000001"])),
        wallet=WALLETS,
    )
    def withdraw(self, asset: str, quantity: float | str, wallet: int) -> None:
        self.do("withdraw", asset, quantity, wallet)

    @rule(asset=ASSETS, quantity=AMOUNTS, ends=st.tuples(WALLETS, WALLETS))
    def transfer(self, asset: str, quantity: float, ends: tuple[int, int]) -> None:
        self.do("transfer", asset, quantity, *ends)

    @rule(kind=st.sampled_from(UNIVERSAL_TRANSFERS), asset=ASSETS, quantity=AMOUNTS)
    def universal_transfer(self, kind: str, asset: str, quantity: float) -> None:
        self.do("universal_transfer", kind, asset, quantity)

    @rule(asset=ASSETS, quantity=AMOUNTS)
    def borrow(self, asset: str, quantity: float) -> None:
        self.do("fund", "borrow", asset, quantity)

    @rule(asset=ASSETS, quantity=st.one_of(AMOUNTS, st.just("all")))
    def repay(self, asset: str, quantity: float | str) -> None:
        self.do("fund", "repay", asset, quantity)

    @rule(on=st.booleans())
    def auto_repay(self, on: bool) -> None:
        self.do("fund", "auto_repay", on)

    @rule(asset=st.sampled_from(["", "USDT", "BTC"]))
    def collect(self, asset: str) -> None:
        self.do("fund", "collect", asset)

    @rule(quantity=AMOUNTS, side=st.sampled_from(["TO_UM", "FROM_UM"]))
    def transfer_bnb(self, quantity: float, side: str) -> None:
        self.do("fund", "transfer_bnb", quantity, side)

    # Steps

    @rule(name=st.sampled_from(["apply_unified", "withdraw_application", "request_separated"]))
    def any_step(self, name: str) -> None:
        self.do("step", name)

    @rule(version=st.sampled_from(["", "", "1900-01-01"]))
    def accept(self, version: str) -> None:
        self.do("accept", version)

    @rule(how=st.sampled_from(["", "0", "2", "3", "9"]))
    def answer(self, how: str) -> None:
        self.do("answer", how)

    @rule()
    def go_on(self) -> None:
        self.do("go_on")

    @rule()
    def go_on_again(self) -> None:
        self.do("go_on")

    @rule(again=st.booleans())
    @precondition(lambda self: self.life is not None and self.life.auditor.state == "AGREED")
    def squeeze_before_the_switch(self, again: bool) -> None:
        self.do("squeezed")
        self.do("go_on")
        if again:
            self.do("go_on")

    @rule(percent=st.sampled_from([-35.0, -12.0, 15.0, 60.0]))
    @precondition(lambda self: self.life is not None and self.life.auditor.suspended)
    def crash_of_a_suspended_account(self, percent: float) -> None:
        self.do("moved", percent)

    @invariant()
    def holds(self) -> None:
        if self.life is not None:
            self.life.auditor.hold()

    def teardown(self) -> None:
        if self.life is None:
            return
        type(self).totals.update(self.life.auditor.counts)
        type(self).totals["sequences"] += 1
        type(self).totals["commands"] += len(self.life.commands)
        if len(str(self.life.commands)) % 6 == 0:
            again = Life(self.rulebook, **self.choices)
            for command in self.life.commands:
                again.do(command)
            assert again.digest() == self.life.digest()
            type(self).totals["played twice"] += 1
            again.end()
        self.life.end()


def run(rulebook: str, examples: int) -> Counter[str]:
    """Run random lives by a rulebook; return what happened in them."""
    made = type(f"{rulebook}Machine", (Machine,), {"rulebook": rulebook, "totals": Counter()})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        made,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    totals: Counter[str] = made.totals
    return totals


def test_a_squeezed_account_waits_and_a_switching_one_is_liquidated() -> None:
    """Where chance seldom gets: a ratio at the warning, and a liquidation during the pause."""
    life = Life("textbook", wealth="thin")
    for market, side, size, direction in HOLDINGS["largest"]:
        life.do(("order", market, side, size, "market", 1.0, (direction,)))
    for name in ("go_on", "go_on", "squeezed", "go_on"):
        life.do((name,))
    assert life.auditor.state == "AGREED"
    assert life.auditor.counts["ANSWER_QUESTIONNAIRE UNIMMR_AFTER"] == 1
    life.do(("moved", 1.0))
    life.do(("answer", ""))
    assert life.auditor.state == "SWITCHING_TO_UNIFIED"
    life.do(("moved", -9.0))
    life.do(("go_on",))
    assert life.auditor.state == "UNIFIED"
    assert life.auditor.counts["forced while suspended"] > 0


SOON = (
    "complete UNIFIED",
    "complete SEPARATED",
    "APPLY_FOR_UNIFIED CONDITIONS_NOT_MET",
    "played twice",
)
"""Where a few dozen lives get already; thousands get further."""

EVERYWHERE = (
    *SOON,
    "APPLY_FOR_UNIFIED NET_ASSETS",
    "SWITCHING_TO_UNIFIED with 0 positions",
    "SWITCHING_TO_UNIFIED with 2 positions",
    "ACCEPT_AGREEMENT AGREEMENT_VERSION",
    "ANSWER_QUESTIONNAIRE PASS_MARK",
    "ANSWER_QUESTIONNAIRE COOL_DOWN",
    "REQUEST_SEPARATED NO_OPEN_POSITIONS",
    "REQUEST_SEPARATED NO_OPEN_ORDERS",
    "REQUEST_SEPARATED NO_LOANS",
    "REQUEST_SEPARATED NO_INTEREST",
    "REQUEST_SEPARATED NO_NEGATIVE_BALANCES",
    "WITHDRAW_APPLICATION taken",
    "suspended FundRequest",
    "suspended TransferRequest",
    "suspended BorrowRequest",
    "suspended LeverageRequest",
)


@pytest.mark.hours
@pytest.mark.parametrize("rulebook", MEMBERS)
def test_any_life_follows_the_plain_model(rulebook: str) -> None:
    totals = run(rulebook, 200)
    assert not [name for name in SOON if not totals[name]], totals


@pytest.mark.soak
@pytest.mark.parametrize("rulebook", MEMBERS)
def test_ten_thousand_lives_follow_the_plain_model(rulebook: str) -> None:
    totals = run(rulebook, 3_500)
    print(rulebook, dict(sorted(totals.items())))
    assert not [name for name in EVERYWHERE if not totals[name]], totals
