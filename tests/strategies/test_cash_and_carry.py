"""Goal: the carry keeps its hedge whatever comes in between, and says so when it could not.

Method: too little capital, other parameters, latency, another rulebook, a shared account.
"""

from __future__ import annotations

import re

import pytest

import replay_data
from simulator import InputError, RunResult, Simulation
from simulator.cli.main import run_command
from strategies.btc_eth_pair import BtcEthPair
from strategies.cash_and_carry import CashAndCarry
from strategies.grid import Grid
from tests.house.test_snippets import agrees
from tests.house.tree import ROOT
from tests.strategies.runs import HOURS, MODES, held, last, run

LOT = 0.001
every_mode = pytest.mark.parametrize("mode", MODES)


def carry(mode: str, name: str = "crash", **parameters: object) -> tuple[RunResult, CashAndCarry]:
    strategy = CashAndCarry(**parameters)
    return run(mode, [strategy], [replay_data.path(name)]), strategy


@every_mode
@pytest.mark.parametrize(
    "parameters", [{}, {"maker": True}, {"share": 0.6}, {"instrument": "ETHUSDT", "size": 5.0}]
)
def test_hedge_is_intact(mode: str, parameters: dict[str, object]) -> None:
    _, strategy = carry(mode, **parameters)
    assert strategy.intact


@every_mode
@pytest.mark.parametrize("name", HOURS)
def test_unwinding_leaves_nothing(mode: str, name: str) -> None:
    result, strategy = carry(mode, name, unwind_after=900.0)
    assert strategy.intact
    assert last(held(result, "um:BTCUSDT"), "quantity") == 0
    assert last(held(result, "spot:BTCUSDT"), "quantity") < LOT
    assert result.summary.used_margin == 0


def test_short_without_margin_is_not_intact_and_stays_hedged() -> None:
    """0.8 BTC and its margin are more than 100,000 USDT in the crash: some orders are refused."""
    result, strategy = carry("separated", size=0.8)
    assert not strategy.intact
    assert result.summary.rejections
    coins = last(held(result, "spot:BTCUSDT"), "quantity")
    assert coins + last(held(result, "um:BTCUSDT"), "quantity") == pytest.approx(0, abs=3 * LOT)
    assert carry("unified", size=0.8)[1].intact


@pytest.mark.parametrize(("refill", "survives"), [(CashAndCarry.refill, True), (0.0, False)])
def test_topping_up_saves_the_short_in_the_recovery(refill: float, survives: bool) -> None:
    """From the low of the crash on the price rises by a tenth, more than the margin of a short."""
    start = run("unified", [], [replay_data.path("crash")]).start_ns
    strategy = CashAndCarry(refill=refill)
    result = Simulation(
        data=[replay_data.path("crash")],
        mode="separated",
        strategies=[strategy],
        start_ns=start + 27 * 60 * 10**9,
    ).run()
    assert strategy.intact == survives
    assert result.summary.liquidations == (0 if survives else 1)
    assert abs(last(held(result, "spot:BTCUSDT"), "quantity") - (0.5 if survives else 0.0)) < 0.002


@every_mode
def test_latency_does_not_break_the_hedge(mode: str) -> None:
    strategy = CashAndCarry()
    result = run(mode, [strategy], [replay_data.path("crash")], latency="sampled:20:0.5")
    assert strategy.intact
    assert result.summary.rejections == {}


@every_mode
def test_other_rulebook(mode: str) -> None:
    """Cross margin: there is no wallet ``um:BTCUSDT``; Binance's unified pool has no spot in it."""
    strategy = CashAndCarry()
    result = run(mode, [strategy], [replay_data.path("crash")], rulebook="binance")
    assert strategy.intact
    assert result.summary.transfers > 0
    assert result.summary.rejections == {}


@every_mode
def test_strategies_share_an_account(mode: str) -> None:
    strategy, other = CashAndCarry(), Grid()
    result = run(mode, [strategy, other, BtcEthPair()], [replay_data.path("calm")])
    assert strategy.intact
    assert result.summary.rejections == {}
    assert result.summary.liquidations == 0
    assert result.strategies == ("CashAndCarry", "Grid", "BtcEthPair")


def test_missing_market_is_named() -> None:
    with pytest.raises(InputError, match="no market spot:DOGEUSDT"):
        carry("unified", instrument="DOGEUSDT")


def test_wrong_parameter_is_named() -> None:
    with pytest.raises(InputError, match="size must be above 0"):
        carry("unified", size=-1.0)
    with pytest.raises(ValueError, match="no parameter 'amount'"):
        CashAndCarry(amount=1.0)


@pytest.mark.slow
def test_unified_needs_less_capital_and_carries_more(capsys: pytest.CaptureFixture[str]) -> None:
    """The figures of the strategy's docstring, to the precision of the search, and of the guide."""
    guide = (ROOT / "docs" / "strategy-guide.md").read_text(encoding="utf-8")
    shown = guide.partition("$ unimargin run crash --least-capital\n")[2].partition("```")[0]
    assert run_command(["run", "crash", "--least-capital"]) == 0
    said = capsys.readouterr()
    assert shown
    assert agrees(said.out, shown)
    (apart, one), (size, size_as_one) = (
        [float(word.replace(",", "")) for word in re.findall(r"\d\S+", line.partition(what)[2])]
        for what in ("Least capital", "Largest size at equal capital")
        for line in said.out.splitlines()
        if what in line
    )
    assert apart == pytest.approx(66_260, rel=0.002)
    assert one == pytest.approx(58_496, rel=0.002)
    assert size == pytest.approx(0.7549, rel=0.002)
    assert size_as_one == pytest.approx(0.8550, rel=0.002)
    assert "monotone" not in said.out + said.err
