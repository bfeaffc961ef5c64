"""Goal: nothing in a cascade depends on how accounts were given or in what way they are looked at.

Method: ties are broken by account, crowds are shuffled, bands are on or off, blocks are small or
large; a copy without compiled modules runs in a process of its own.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from simulator.exchange import upkeep
from simulator.liquidation.rules import InsuranceRules
from tests.cascade.crowds import falling_market, mixed_crowd, separated_crowd
from tests.cascade.kit import BRACKETS, Cascade, Holder, even_book, falling, impact_of, market
from tests.plain import plain_copy, printed

PERP = "um:BTCUSDT"
FUND = InsuranceRules({"USDT": Decimal(2_000)})


def cascade_of(seed: int, holders: list[Holder], mode: str = "separated") -> Cascade:
    return Cascade(
        falling_market(seed, ("um:BTCUSDT", "um:ETHUSDT", "spot:BTCUSDT"), 40),
        holders,
        mode=mode,
        rulebook=BRACKETS,
        impact=impact_of(even_book(150_000.0, levels=30, reach=0.1, spread=2e-4)),
        insurance=FUND,
    )


def log_of(cascade: Cascade) -> list[object]:
    """Everything that was closed, with every balance at the end."""
    ends = [(one.id, cascade.amounts(one.id)) for one in sorted(cascade.holders, key=_id)]
    return [*cascade.closings(), *ends, cascade.fund()]


def _id(one: Holder) -> int:
    return one.id


def test_the_worst_ratio_goes_first_and_equal_ones_by_account() -> None:
    """Accounts 30 and 4 are the worst of all, the others are twins."""

    def holder(number: int, margin: float) -> Holder:
        return Holder(number, {PERP: 10}, {PERP: 100_000.0}, {PERP: margin})

    worse = {30: 45.0, 4: 48.0}
    holders = [holder(n, worse.get(n, 50.0)) for n in (9, 30, 2, 17, 4, 11)]
    made = market(10, {"BTC": falling(100_000.0, (3, 1.0), (4, 0.9595), (10, 0.9595))})
    cascade = Cascade(made, holders, rulebook=BRACKETS, impact=impact_of(even_book(1e8))).run()
    assert [one.account for one in cascade.closings()] == [30, 4, 2, 9, 11, 17]
    assert len({one.time for one in cascade.closings()}) == 1


@pytest.mark.parametrize("seed", [1])
def test_the_order_in_which_accounts_are_given_is_nothing(seed: int) -> None:
    holders = mixed_crowd(seed, 30)
    first = cascade_of(seed, holders).run()
    np.random.default_rng(seed).shuffle(holders)  # type: ignore[arg-type]
    second = cascade_of(seed, holders).run()
    assert first.closings()
    assert log_of(second) == log_of(first)
    assert second.result.digest == first.result.digest


@pytest.mark.parametrize(("seed", "mode"), [(1, "separated"), (2, "unified")])
def test_one_account_at_a_time_and_in_bulk_are_the_same(
    seed: int, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    for bands_from in (10**9, 0):
        monkeypatch.setattr(upkeep, "BANDS_FROM", bands_from)
        runs.append(cascade_of(seed, mixed_crowd(seed, 60), mode).run())
    plain, bands = runs
    assert (plain.sim.desk.upkeep.bands is None, bands.sim.desk.upkeep.bands is None) == (
        True,
        False,
    )
    assert plain.closings()
    assert log_of(bands) == log_of(plain)
    assert bands.result.digest == plain.result.digest


def test_looking_every_second_changes_nothing() -> None:
    holders = separated_crowd(5, 25)
    first, second = cascade_of(5, holders).run(), cascade_of(5, holders).run(lambda _: None)
    assert second.result.digest == first.result.digest


SCRIPT = """
import simulator.exchange.closing
assert simulator.exchange.closing.__file__.endswith(".py")
from tests.cascade.crowds import mixed_crowd
from tests.cascade.test_order import cascade_of, log_of
for seed in (1,):
    done = cascade_of(seed, mixed_crowd(seed, 20)).run()
    print(done.result.digest, len(done.closings()))
"""


def test_compiled_and_plain_are_the_same(tmp_path: Path) -> None:
    run = cascade_of(1, mixed_crowd(1, 20)).run()
    tree = plain_copy(tmp_path, "cascade")
    assert printed(SCRIPT, tree) == [f"{run.result.digest} {len(run.closings())}"]
