"""Goal: the portfolio that a run leaves is the account that it held, and can be read.

Method: run bundled scenarios; the portfolio is margined by the readable model and compared with the
engine's own figures.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from simulator import margin
from simulator.cli.run import load_strategies, make_engine
from simulator.cli.scenario import load_scenario
from simulator.report.portfolio import portfolio
from simulator.report.result import RunResult

pytestmark = pytest.mark.hours

SCENARIOS = ("coin_carry", "crash", "calendar_spread", "covered_call", "short_strangle")


def engine(name: str, mode: str, rulebook: str) -> Any:
    setting = load_scenario(name).model_copy(update={"rulebook": rulebook})
    return make_engine(setting, mode, load_strategies(setting, False), {})


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_the_portfolio_is_the_account_at_its_largest_requirement(name: str, mode: str) -> None:
    """Every pool of the document has the engine's equity and maintenance margin of that instant."""
    # What the bracket rulebook lists no table for (the dated future) comes with that of the venue.
    for rulebook in ("textbook", "binance"):
        run = engine(name, mode, rulebook)
        result: RunResult = run.run(None)
        assert result.portfolio is not None
        report = margin(json.loads(json.dumps(result.portfolio)))
        assert (report.mode, report.rulebook) == (mode, rulebook)
        kept = max(run.desk.snapshots.kept, key=lambda one: sum(m for _, m in one.figures))
        index = result.portfolio["prices"]["index"]
        found = {}
        for pool in report.pools:
            usd = float(index[pool.currency]) if pool.currency != "USD" else 1.0
            found[pool.pool] = (pool.adjusted_equity * usd, pool.maintenance_margin * usd)
        assert any(maintenance > 0 for _, maintenance in kept.figures)
        for (pool_name, _, _), figures in zip(run.partition.pools, kept.figures, strict=False):
            if any(figures):
                assert found[pool_name] == pytest.approx(figures, rel=1e-9)


@pytest.mark.parametrize("multi_assets", [False, True])
def test_the_portfolio_says_whether_all_assets_are_collateral(multi_assets: bool) -> None:
    setting = load_scenario("calm").model_copy(
        update={"rulebook": "binance", "multi_assets": multi_assets, "end": "2025-06-11T07:31:00Z"}
    )
    run: Any = make_engine(setting, "separated", load_strategies(setting, False), {})
    portfolio = run.run(None).portfolio
    assert portfolio.get("multi_assets", False) is multi_assets
    margin(portfolio)


def test_the_portfolio_has_leverage_and_loans_of_its_own_mode() -> None:
    """By `bybit` leverage is a choice of the separated mode alone."""
    run = engine("crash", "separated", "bybit")
    portfolio_before = run.run(None).portfolio
    assert {one["leverage"] for one in portfolio_before["positions"]}
    run.desk.switching.execute("unified")
    assert portfolio(run) == portfolio_before


def test_the_portfolio_of_a_long_run_can_be_read() -> None:
    """What is measured has more digits than a document may have; a far option hardly a mark."""
    run = engine("short_strangle", "unified", "textbook")
    run.run(None)
    last = max(run.desk.snapshots.kept, key=lambda one: sum(m for _, m in one.figures))
    option = next(i for i in last.positions if run.player.instruments[i].market == "option")
    marks = tuple(1e-25 if i == option else mark for i, mark in enumerate(last.marks))
    measured = {"BTC": Decimal(2**-53) + Decimal("0.6")}
    run.desk.snapshots.kept[:] = [replace(last, marks=marks, measured_volatility=measured)]
    document = portfolio(run)
    assert document is not None
    report = margin(document)
    assert report.total["maintenance_margin"] > 0
