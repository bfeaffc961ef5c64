"""Goal: the cascade benchmark compares equal work, and says so where it does not.

Method: small populations against the closed form of an isolated position's liquidation price, a
stand-in for the peer, and figures made up by hand; no speed is asserted.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bench import cascade, holders
from bench.cascade import DIFFERENT, agreement, comparisons, same
from bench.cascade_ours import CASES, first_calls
from bench.holders import ENTRY, LOT, MAINTENANCE, TICK, UNIT, drawn, falling, make_folder, read
from bench.peers import BENCH, PEERS, Setup
from bench.rounds import Measured
from bench.worker import Driver

ACCOUNTS = 300

STAND_IN = """
class SimulatedExecutor:
    def on_book_snapshot(self, symbol, bids, asks):
        self.bid = bids[0][0]


class LiquidationEngine:
    def __init__(self):
        self.positions = {}

    def add_tier(self, notional, rate):
        self.rate = rate

    def set_insurance_fund_capital(self, units): ...

    def set_liquidation_slippage_bps(self, points): ...

    def set_executor(self, book): ...

    def open_position(self, account, symbol, size, entry, equity):
        self.positions[account] = size, entry, equity

    def on_mark(self, symbol, mark):
        found = [
            account
            for account, (size, entry, equity) in self.positions.items()
            if equity + size * (mark - entry) < size * mark * self.rate
        ]
        for account in found:
            del self.positions[account]
        return {"liquidated": found}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(holders, "DATA", tmp_path)
    return make_folder(ACCOUNTS)


def expected(folder: Path) -> np.ndarray:
    """Rows of mark and account: the first mark at or below the liquidation price."""
    people = read(folder)
    share = people.near * UNIT / (people.lots * LOT * ENTRY)
    price = ENTRY * (1 - share) / (1 - MAINTENANCE)
    at = (falling()[:, None] * TICK <= price).argmax(axis=0)
    return np.column_stack([at, np.arange(len(at))])


def test_positions_stay_in_the_lowest_bracket_and_near_ones_fall() -> None:
    people = drawn(5_000)
    assert (people.lots * LOT * ENTRY).max() < 300_000
    share = people.near * UNIT / (people.lots * LOT * ENTRY)
    last = falling()[-1] * TICK
    assert (ENTRY * (1 - share) / (1 - MAINTENANCE) > last).all()
    assert (people.far > people.near).all()


def test_margin_alone_finds_each_account_at_its_liquidation_price(folder: Path) -> None:
    figures = CASES["levels"](folder)()
    assert figures["events"] == ACCOUNTS
    log = np.load(folder / figures["log"])
    assert same((log, figures["marks"]), (expected(folder), figures["marks"]))


def test_the_whole_engine_liquidates_the_same_accounts_at_the_same_marks(folder: Path) -> None:
    figures = CASES["whole"](folder)()
    assert figures["events"] == ACCOUNTS
    assert figures["seconds"] > 0
    log = np.load(folder / figures["log"])
    assert same((log, figures["marks"]), (expected(folder), figures["marks"]))


@pytest.mark.parametrize("case", ["boxes", "venue"])
def test_nobody_far_off_is_ever_due(case: str, folder: Path) -> None:
    figures = CASES[case](folder)()
    assert figures["events"] == figures["marks"] > 0
    assert len(np.load(folder / figures["log"])) == 0


def test_a_pool_is_counted_once_when_it_is_due_first() -> None:
    changes = np.array([[0, 7, 0, 3], [1, 4, 0, 1], [2, 7, 3, 4], [3, 4, 1, 4]])
    assert first_calls(changes).tolist() == [[0, 7], [3, 4]]


def test_logs_are_compared_as_far_as_both_go() -> None:
    one = np.array([[0, 3], [0, 1], [2, 5]])
    assert same((one, 3), (one[[1, 0]], 2))
    assert not same((one, 3), (one[[1, 0]], 3))
    assert not same((one, 3), (np.array([[0, 3], [1, 1], [2, 5]]), 3))


@pytest.mark.parametrize("case", ["flat", "book"])
def test_driver_of_the_peer_logs_what_it_liquidated(
    case: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lrvx.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    script = BENCH / "drivers" / "lrvx_cascade_driver.py"
    driver = Driver(Path(sys.executable), script, folder, case, None)
    figures = driver.run()
    driver.close()
    assert figures["events"] == ACCOUNTS
    log = np.load(folder / figures["log"])
    assert same((log, figures["marks"]), (expected(folder), figures["marks"]))


def figures(log: str = "", marks: int = 2) -> Measured:
    return Measured([{"events": 10, "seconds": 1.0, "marks": marks, "megabytes": 1.0, "log": log}])


def test_other_accounts_leave_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", np.array([[0, 1], [1, 2]]))
    np.save(tmp_path / "b.npy", np.array([[0, 1], [1, 3]]))
    measured = {
        ("ours", "boxes"): figures(),
        ("ours", "venue"): figures(),
        ("ours", "levels"): figures("a.npy"),
        ("ours", "whole"): figures("b.npy"),
        ("lrvx", "walk"): figures(),
        ("lrvx", "flat"): figures("a.npy"),
        ("lrvx", "book"): figures("b.npy", marks=1),
    }
    assert agreement(tmp_path, measured) == {"levels": True, "whole": False}
    monkeypatch.setattr(cascade, "make_folder", lambda _: tmp_path)
    monkeypatch.setattr(cascade, "_measured", lambda *_: measured)
    setup = Setup(PEERS["lrvx"], "0.11.0", "3.11.7")
    lines, document = cascade.cascade_lines([50], 1, setup, lambda _: None)
    by_case = dict(zip((one.ours for one in comparisons(50)), lines, strict=True))
    assert by_case["levels"].value == 1.0
    assert by_case["whole"].value is None
    assert DIFFERENT in by_case["whole"].note
    assert document["50"]["accounts_agree"] == {"levels": True, "whole": False}
