"""Goal: whole runs of several accounts in both modes: deterministic, in order after every piece,
gone on with from images, and journaled like any other.

Method: busy strategies for three accounts on the bundled crash, slices of it; an idle account
beside a run of one.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator
from simulator.errors import InputError
from simulator.events import fills
from simulator.simulation import Simulation
from simulator.store.journal import Journal
from simulator.strategy.trader import Trader
from tests.simulation.busy import Busy, pieces
from tests.simulation.test_whole_venue import busy_run
from tests.store.test_resume import stopped

FUNDS = {"USDT": Decimal(80_000), "BTC": Decimal("0.2"), "ETH": Decimal(3)}
OTHERS = {"separated": ("unified", "separated"), "unified": ("separated", "unified")}


def made(mode: str, strategies: Any = None, **options: Any) -> Simulation:
    """Return a run of three accounts; ``strategies``: other ones, in the order of the accounts."""
    own = strategies or [Busy(seed=5), Busy(seed=6, every=0.3), Busy(seed=7, every=0.25)]
    further = [
        Trader(name, other, [strategy], FUNDS)
        for name, other, strategy in zip(("bob", "carol"), OTHERS[mode], own[1:], strict=True)
    ]
    return busy_run(mode, strategies=own[:1], traders=further, seconds=60, start=1500, **options)


@pytest.mark.parametrize("mode", OTHERS)
@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
def test_three_accounts(mode: str, rulebook: str) -> None:
    run = made(mode, rulebook=rulebook)
    result = run.run(blocks=pieces(run, 997, checked=False))
    run.check()
    rows = run.core.fills()
    assert {1, 2, 3} <= set(rows[:, fills.ACCOUNT].tolist())
    assert len(result.fills) == (rows[:, fills.ACCOUNT] == 1).sum() == result.summary.fills
    every = [result, *result.accounts]
    assert [one.account for one in every] == ["first", "bob", "carol"]
    assert [one.mode for one in every] == [mode, *OTHERS[mode]]
    for number, one in enumerate(every, 1):
        own = run.desk.accounts[number]
        assert len(one.fills) == one.summary.fills == (rows[:, fills.ACCOUNT] == number).sum()
        assert one.summary.end_equity == own.account_equity() == one.history["equity"][-1]
        lowest, worst = one.history["ratio"].min(), one.summary.worst_ratio
        assert (worst is None) == (lowest is None)
        assert worst is None or worst <= lowest
    assert sum(one.summary.orders for one in every) == run.core.n_orders
    refused = [sum(one.summary.rejections.values()) for one in every]
    assert sum(refused) == sum(run.rejections().values())
    balances, _, lots, _ = run.core.ledger.columns()
    assert (np.asarray(balances).sum(axis=0) == 0).all()
    assert (np.asarray(lots).sum(axis=0) == 0).all()
    for one in every:
        gained = one.summary.end_equity - one.summary.start_equity - one.summary.paid_in
        assert abs(sum(one.summary.pnl.values()) - gained) < 1e-6
    assert made(mode, rulebook=rulebook).run().digest == result.digest


@pytest.mark.parametrize("mode", OTHERS)
@pytest.mark.parametrize("rulebook", ["textbook", "binance", "okx_pm"])
def test_an_idle_account_changes_nothing(mode: str, rulebook: str) -> None:
    alone, beside = (
        busy_run(mode, rulebook=rulebook, seconds=40, start=1500, traders=others)
        for others in ((), (Trader("idle", OTHERS[mode][0], [], {}),))
    )
    first, second = alone.run(), beside.run()
    assert first.digest == second.digest
    assert first.summary == second.summary
    assert first.fills.equals(second.fills)
    assert first.history.equals(second.history)


def test_an_image_has_every_account(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    whole = made("separated").run()
    run = stopped(place, made("separated"), 8000, 0.0)
    result = simulator.resume(place, run, make=lambda chosen: made("separated", chosen))
    assert result.digest == whole.digest
    assert result.summary == whole.summary
    assert result.notes == whole.notes


@pytest.mark.parametrize("mode", OTHERS)
def test_a_journal_is_verified(tmp_path: Path, mode: str) -> None:
    place = tmp_path / "runs.db"
    result = made(mode).run(journal=Journal.open(place))
    found = simulator.verify(place, result.run_id, make=lambda chosen: made(mode, chosen))
    assert found.digest == result.digest
    assert found.rows["accounts"] == 5


@pytest.mark.parametrize(
    ("traders", "said"),
    [
        (["bob"], "is no Trader"),
        ([Trader("", "unified")], "every trader needs one of its own"),
        ([Trader("bob"), Trader("bob")], "every trader needs one of its own"),
        ([Trader("bob", "both")], "mode 'both': must be separated or unified"),
        ([Trader("bob", strategies=[Busy])], "Busy is a class"),
        ([Trader("bob", deposits={"XYZ": 1})], "the data know only"),
        ([Trader("bob", leverage=20)], "margin follows from price ranges"),
        ([Trader("bob", alerts=["nonsense"])], "nonsense"),
    ],
)
def test_mistakes_are_told_in_a_line(traders: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        busy_run("separated", seconds=10, traders=traders)
    assert "\n" not in str(raised.value)


def test_not_beside_a_population() -> None:
    with pytest.raises(InputError, match="traders and population: give one of them"):
        busy_run("separated", seconds=10, traders=[Trader("bob")], population=lambda setting: None)
