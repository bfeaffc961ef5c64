"""Goal: the table of figures says what was measured, and why something was not.

Method: stand-in drivers and peers in place of the real ones; no figure of speed is asserted.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bench import harness
from bench.agreement import compare_fills
from bench.peers import PEERS, Peer, Setup, set_up
from bench.rounds import Comparison, Measured, compare
from bench.worker import Driver, timed
from simulator.cli.bench import PEER_NAMES, figure, load_harness, peer_names, remarks
from simulator.cli.bench_own import Line
from simulator.errors import InputError

DRIVER = """
import sys
sys.path.insert(0, {root!r})
from bench.rounds import Comparison, Measured, compare
from bench.worker import serve

def prepare(folder, case):
    print("a peer's banner")
    if case == "broken":
        raise SystemExit("cannot be prepared")
    runs = []
    def run():
        runs.append(1)
        if case == "dies" and len(runs) == 2:
            raise RuntimeError("gave up")
        return {{"events": 10, "seconds": 0.5, "runs": len(runs)}}
    return run

serve(prepare)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "driver.py"
    path.write_text(DRIVER.format(root=str(Path(__file__).resolve().parents[2])))
    return path


def driver(script: Path, case: str) -> Driver:
    return Driver(Path(sys.executable), script, script.parent, case, None)


def test_driver_answers_each_run(script: Path) -> None:
    one = driver(script, "fine")
    assert [one.run()["runs"] for _ in range(3)] == [1, 2, 3]
    one.close()


def test_driver_that_cannot_prepare_says_why(script: Path) -> None:
    with pytest.raises(RuntimeError, match="cannot be prepared"):
        driver(script, "broken")


def test_driver_that_dies_says_why(script: Path) -> None:
    one = driver(script, "dies")
    one.run()
    with pytest.raises(RuntimeError, match="gave up"):
        one.run()
    one.close()


def test_timed_counts_processor_time() -> None:
    result, times = timed(lambda: sum(range(1000)))
    assert result == 499_500
    assert set(times) == {"seconds", "wall_seconds"}


@pytest.mark.slow
def test_peer_that_pip_does_not_know_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.peers.VENVS", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    peer = Peer("absent", "absent-peer==1", "absent-peer", (sys.version_info[:2],))
    setup = set_up(peer)
    assert not setup.works
    assert "absent-peer" in setup.reason
    assert not (tmp_path / "absent").exists()


def test_peer_without_an_interpreter_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.peers.VENVS", tmp_path)
    setup = set_up(Peer("absent", "x", "x", ((2, 0), (2, 1))))
    assert setup.reason == "no Python 2.0 or 2.1 on this machine"


SETUP = Setup(PEERS["hftbacktest"], "2.4.4", "3.12.1")
COMPARISON = Comparison("a : b", "feed", "hftbacktest", ("feed", "feed-steps"), 4)


def rounds(*seconds: float) -> Measured:
    return Measured([{"events": 8_000_000, "seconds": value} for value in seconds])


def test_ratio_is_of_medians_against_the_fastest_case() -> None:
    measured = {
        ("ours", "feed"): rounds(0.5, 1.0, 9.0),
        ("hftbacktest", "feed"): rounds(4.0, 4.0, 4.0),
        ("hftbacktest", "feed-steps"): rounds(5.0, 2.0, 1.0),
    }
    line = compare(COMPARISON, measured, SETUP)
    assert (line.ours, line.peer, line.value) == (8.0, 4.0, 2.0)
    assert line.met is False


def test_missing_peer_is_named_in_its_line() -> None:
    line = compare(
        COMPARISON, {("ours", "feed"): rounds(1.0)}, Setup(SETUP.peer, reason="no such wheel")
    )
    assert line.value is None
    assert line.met is None
    assert line.note == "hftbacktest: no such wheel"


def test_remarks_name_what_could_not_be_measured() -> None:
    document = {
        "peers": {"backtesting": {"reason": "no such wheel"}},
        "cases": {"ours feed": {"reason": "no engine"}, "ours maker": {"reason": "no engine"}},
        "fills": {"reason": "hftbacktest was not run"},
    }
    assert remarks(document) == [
        "backtesting could not be measured: no such wheel",
        "did not run: no engine",
        "fills not compared: hftbacktest was not run",
    ]


@pytest.mark.parametrize(
    ("unit", "value", "met"),
    [("x", 2.0, True), ("x", 1.99, False), ("s", 2.0, True), ("s", 2.01, False), ("x", None, None)],
)
def test_target_is_met_from_its_own_side(unit: str, value: float | None, met: bool | None) -> None:
    assert Line("", value, unit, 2.0).met is met


def test_peers_option() -> None:
    assert tuple(peer_names("all")) == tuple(PEERS) == PEER_NAMES
    assert peer_names("hftbacktest,hftbacktest") == ["hftbacktest"]
    with pytest.raises(InputError, match="no peer 'zipline'"):
        peer_names("zipline")


def test_command_without_the_repository_has_no_harness(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_harness() is harness
    monkeypatch.setattr("simulator.cli.bench.REPOSITORY", tmp_path)
    assert load_harness() is None
    assert figure(None) == "-"


def test_fills_are_compared_between_timers(tmp_path: Path) -> None:
    ours = np.array([[1, 0, 0, 0], [2, 1, 1, 1], [3, 2, 0, 2], [4, 3, 1, 3]])
    theirs = np.array([[1, 0, 0, 0], [2, 1, 1, 1], [3, 2, 2, 2], [4, 3, 3, 3]])
    np.save(tmp_path / "a.npy", ours)
    np.save(tmp_path / "b.npy", theirs)
    outcome = compare_fills(tmp_path / "a.npy", tmp_path / "b.npy")
    assert outcome["intervals"] == 3
    assert outcome["intervals_alike"] == 2
    assert outcome["first_difference_ns"] == 2
    assert outcome["position_lots"] == [1, 3]
