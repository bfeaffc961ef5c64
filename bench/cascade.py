"""Speed with a population, far from any threshold and in a cascade: ``python -m bench.cascade``.

Accounts hold one isolated BTCUSDT position each, see bench/holders.py.  Ours in four ways, each
next to PyPI ``lrvx`` 0.11's ``LiquidationEngine`` with the same positions and marks:

- bands (``boxes``) and the whole venue (``venue``): marks a second while nobody is near a
  threshold; lrvx looks at every position on every mark
- margin alone (``levels``): pools due for liquidation are found; lrvx (``flat``) finds them, closes
  them at the mark and takes them out
- the whole engine (``whole``): each closed by an order on the book, fill, ledger, fund; lrvx
  (``book``) closes by market orders on its simulated executor

The accounts liquidated at each mark must be the same in all ways, else the run fails.  Opening is
not timed, nor is looking at the crowd for the report's pictures, a fixed amount a run (column
``looks``).  Processor time, medians over the rounds; peak resident memory of the process.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.holders import make_folder
from bench.peers import BENCH, PEERS, Setup, set_up
from bench.rounds import (
    OURS,
    Comparison,
    Key,
    Measured,
    cases_of,
    compare,
    described,
    machine,
    pin,
    play,
)
from bench.worker import Driver
from simulator.cli.bench_own import Line

SIZES, QUICK_SIZES = (10_000, 100_000, 1_000_000), (10_000,)
ROUNDS = 3
LARGE = 1_000_000
"""Accounts from which on a case runs once and by itself: each holds gigabytes or takes minutes."""

MEMORY_MB = 2_000.0
"""What a run of a million accounts may have resident."""

PEER = "lrvx"
DIFFERENT = "THE ACCOUNTS LIQUIDATED DIFFER"
FINDING = (("levels", "flat"), ("whole", "book"))

Ints = npt.NDArray[np.int64]


def comparisons(accounts: int) -> tuple[Comparison, ...]:
    """Return what is compared at a number of accounts."""
    far, near = f"marks, {accounts:,} far off", f"liquidations of {accounts:,}"
    return (
        Comparison(f"{far}, bands : lrvx", "boxes", PEER, ("walk",), 0),
        Comparison(f"{far}, whole venue : lrvx", "venue", PEER, ("walk",), 0),
        Comparison(f"{near}, found only : lrvx, no book", "levels", PEER, ("flat",), 0),
        Comparison(f"{near}, whole engine : lrvx, its book", "whole", PEER, ("book",), 0),
    )


def cascade_lines(
    sizes: Sequence[int], rounds: int, setup: Setup | None, say: Callable[[str], None]
) -> tuple[list[Line], dict[str, Any]]:
    """Return the lines of the table and the document of figures.

    ``setup`` is the peer's, None where it is not asked for.
    """
    core = pin()
    lines: list[Line] = []
    document: dict[str, Any] = {}
    for accounts in sizes:
        say(f"a population of {accounts:,} accounts")
        folder = make_folder(accounts)
        measured = _measured(accounts, folder, rounds, setup, core, say)
        alike = agreement(folder, measured)
        document[str(accounts)] = {
            "cases": {
                f"{engine} {case}": {"reason": one.reason, "rounds": one.rounds}
                for (engine, case), one in measured.items()
            },
            "accounts_agree": alike,
        }
        for comparison in comparisons(accounts):
            line = compare(
                comparison, measured, setup or Setup(PEERS[PEER], reason="not asked for")
            )
            lines.append(_judged(line, comparison, alike))
        peaks = [
            float(run["megabytes"])
            for case in ("venue", "whole")
            for run in measured[OURS, case].rounds
        ]
        if accounts >= LARGE and peaks:
            lines.append(Line(f"memory with {accounts:,} accounts", max(peaks), "MB", MEMORY_MB))
    return lines, document


def _measured(
    accounts: int,
    folder: Path,
    rounds: int,
    setup: Setup | None,
    core: int | None,
    say: Callable[[str], None],
) -> dict[Key, Measured]:
    setups = {} if setup is None else {PEER: setup}
    keys = cases_of(comparisons(accounts), setups)

    def start(key: Key) -> Driver:
        return _start(key, folder, core)

    if accounts < LARGE:
        return play(keys, start, rounds, say)
    measured: dict[Key, Measured] = {}
    for key in keys:
        measured |= play([key], start, 1, say)
    return measured


def _start(key: Key, folder: Path, core: int | None) -> Driver:
    engine, case = key
    if engine == OURS:
        script = BENCH / "drivers" / "cascade_driver.py"
        return Driver(Path(sys.executable), script, folder, case, core)
    script = BENCH / "drivers" / "lrvx_cascade_driver.py"
    return Driver(PEERS[engine].python, script, folder, case, core)


def agreement(folder: Path, measured: Mapping[Key, Measured]) -> dict[str, bool]:
    """Return, by our case, whether it liquidated the same accounts at each mark as the others did.

    A way that ended early is compared up to its last mark.
    """
    found: dict[str, tuple[Ints, int]] = {}
    for (engine, case), one in measured.items():
        if one.rounds and case in {name for pair in FINDING for name in pair}:
            last = one.rounds[-1]
            found[f"{engine} {case}"] = np.load(folder / last["log"]), int(last["marks"])
    alike = {}
    for ours, theirs in FINDING:
        mine = found.get(f"{OURS} {ours}")
        others = [f"{PEER} {theirs}", f"{OURS} levels"]
        if mine is not None:
            alike[ours] = all(same(mine, found[name]) for name in others if name in found)
    return alike


def same(one: tuple[Ints, int], other: tuple[Ints, int]) -> bool:
    """Return whether two logs (rows of mark and account, number of marks) name the same accounts
    at each mark, in whatever order, as far as both of them go.

    >>> a = np.array([[0, 3], [0, 1], [2, 5]])
    >>> same((a, 3), (a[[1, 0]], 2)), same((a, 3), (a[[1, 0]], 3))
    (True, False)
    """
    until = min(one[1], other[1])
    first, second = (log[log[:, 0] < until] for log, _ in (one, other))
    first, second = (log[np.lexsort((log[:, 1], log[:, 0]))] for log in (first, second))
    return np.array_equal(first, second)


def _judged(line: Line, comparison: Comparison, alike: Mapping[str, bool]) -> Line:
    """Return the line without a figure where the two did not do the same work."""
    if alike.get(comparison.ours, True):
        return line
    return replace(line, value=None, note=f"{line.note}; {DIFFERENT}")


def show(document: Mapping[str, Any]) -> None:
    """Print a row a case."""
    print(
        f"{'accounts':>10} {'case':<14} {'a second':>14} {'seconds':>9} {'looks':>7} {'marks':>10} "
        f"{'MB':>8}"
    )
    for accounts, part in document.items():
        for case, one in part["cases"].items():
            if one["reason"]:
                print(f"{int(accounts):>10,} {case:<14} {one['reason']}")
                continue
            runs = one["rounds"]
            seconds = median(run["seconds"] for run in runs)
            rate = median(run["events"] / run["seconds"] for run in runs)
            peak = max(run["megabytes"] for run in runs)
            looks = f"{runs[-1]['looking']:.2f}" if "looking" in runs[-1] else ""
            print(
                f"{int(accounts):>10,} {case:<14} {rate:>14,.0f} {seconds:>9.3f} {looks:>7} "
                f"{runs[-1]['marks']:>10,} {peak:>8,.0f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed with a population of accounts.")
    parser.add_argument("--quick", action="store_true", help="10,000 accounts")
    parser.add_argument("--accounts", type=int, action="append", help="sizes; may be repeated")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    sizes = asked.accounts or (QUICK_SIZES if asked.quick else SIZES)

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    setup = None if asked.no_peer else set_up(PEERS[PEER])
    lines, document = cascade_lines(sizes, asked.rounds, setup, say)
    about = machine(pin())
    if asked.json:
        peer = {} if setup is None else described(setup)
        whole = {"machine": about, "peer": peer, "sizes": document}
        print(json.dumps(whole | {"lines": [line.as_dict() for line in lines]}, indent=1))
    else:
        show(document)
        print(f"{about['processor']}, load {about['load_average'][0]}, Python {about['python']}")
        for line in lines:
            value = "-" if line.value is None else f"{line.value:.3g} {line.unit}"
            print(f"{line.what}: {value}  {line.note}")
    if any(DIFFERENT in line.note for line in lines):
        raise SystemExit(DIFFERENT)


if __name__ == "__main__":
    main()
