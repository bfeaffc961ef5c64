"""Goal: money paid in and taken out during a run is no profit, and shows as what it is.

Method: half a minute of the bundled calm hour with deposit and withdrawals, one refused, beside
the same half minute without them; both hold a position in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import replay_data
from simulator.replay.player import Player
from simulator.report.document import document
from simulator.report.table import rows
from simulator.simulation import Simulation
from simulator.strategy.base import Strategy

SECOND = 10**9
FIRST = Player([replay_data.path("calm")]).span[0]


class Payer(Strategy):
    pays: bool = True

    def on_start(self, ctx: Any) -> None:
        self.heard: list[str] = []
        ctx.account.universal_transfer("MAIN_UMFUTURE", "USDT", 50_000)
        for second, name in enumerate(["buy", "in", "out", "refused", "sell"]):
            ctx.schedule(after=2 + 4 * second, name=name)

    def on_timer(self, ctx: Any, name: str) -> None:
        future = ctx.market("um:BTCUSDT")
        if name in ("buy", "sell"):
            (ctx.buy if name == "buy" else ctx.sell)(future, 0.1)
        elif self.pays and name == "in":
            ctx.account.deposit("USDT", 7_000)
        elif self.pays and name == "out":
            ctx.account.withdraw("USDT", "1000.5")
        elif self.pays:
            ctx.account.withdraw("USDT", 1_000_000)

    def on_funds(self, ctx: Any, event: Any) -> None:
        self.heard.append(f"{event.operation.name} {event.refusal}".strip())


def run(mode: str, pays: bool) -> tuple[Payer, Any]:
    strategy = Payer(pays=pays)
    simulation = Simulation(
        data=replay_data.path("calm"),
        mode=mode,
        strategies=strategy,
        start_ns=FIRST,
        end_ns=FIRST + 30 * SECOND,
    )
    return strategy, simulation.run()


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_what_is_paid_in_is_no_profit(mode: str) -> None:
    strategy, paid = run(mode, True)
    _, plain = run(mode, False)
    first = "TRANSFER" if mode == "separated" else "TRANSFER ONE_WALLET"
    assert strategy.heard == [first, "DEPOSIT", "WITHDRAW", "WITHDRAW INSUFFICIENT_BALANCE"]
    assert plain.summary.pnl["fees"] < 0
    assert paid.summary.pnl == pytest.approx(plain.summary.pnl, abs=1e-6)
    assert paid.summary.paid_in == pytest.approx(5_999.5)
    assert plain.summary.paid_in == 0.0
    gained = paid.summary.end_equity - paid.summary.start_equity - paid.summary.paid_in
    assert sum(paid.summary.pnl.values()) == pytest.approx(gained)
    assert paid.summary.rejections["INSUFFICIENT_BALANCE"] == 1


def test_the_table_and_the_document_say_what_was_paid_in() -> None:
    _, paid = run("unified", True)
    _, plain = run("unified", False)
    both = {row.label: row.cells for row in rows([paid, plain])}
    assert both["Paid in, less taken out"] == ("+5,999.50", "0.00")
    assert "Paid in, less taken out" not in {row.label for row in rows([plain])}
    assert document([paid])["runs"][0]["paid_in"] == pytest.approx(5_999.5)
    told = paid.funds.select("operation", "refusal").rows()
    assert told == [
        ("DEPOSIT", ""),
        ("TRANSFER", "ONE_WALLET"),
        ("DEPOSIT", ""),
        ("WITHDRAW", ""),
        ("WITHDRAW", "INSUFFICIENT_BALANCE"),
    ]


class Slip(Strategy):
    """Make one call on the account as the run starts."""

    def __init__(self, call: Callable[[Any], None]) -> None:
        super().__init__()
        self.call = call

    def on_start(self, ctx: Any) -> None:
        self.call(ctx.account)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda account: account.answer(3), "answers: 3 is neither a mapping"),
        (lambda account: account.auto_repay("no"), "auto_repay: 'no' is not True or False"),
    ],
)
def test_slip_in_a_call_is_named(call: Callable[[Any], None], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Simulation(data="bundled:calm", mode="separated", strategies=Slip(call)).run()
