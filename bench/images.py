"""What an image of a run's state costs: processor time to take and to put it, and its size.

Runs are stopped after seven tenths of their rows; least of three takes, one put into a fresh
simulation (its opening included, its construction not).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from simulator.cli.engine import make_engine
from simulator.cli.scenario import load_scenario
from simulator.cli.strategies import strategy_class
from simulator.store import image

SHARE = 0.7
ROUNDS = 3
CASES = (
    ("crash", "unified", ("market_maker",), 0),
    ("lifecycle", "separated", (), 0),
    ("flash_crash", "separated", (), 1_000),
    ("flash_crash", "separated", (), 100_000),
)
"""Scenario, mode, strategies, accounts beside the one that trades."""


def engine(scenario: str, mode: str, strategies: tuple[str, ...], accounts: int) -> Any:
    """Return a fresh simulation."""
    setting = load_scenario(scenario)
    if accounts:
        setting = setting.model_copy(update={"accounts": accounts})
    return make_engine(setting, mode, [strategy_class(name) for name in strategies], {})


def stopped(run: Any) -> np.ndarray:
    """Replay the first part of a run; return its outcomes."""

    def some() -> Iterator[Any]:
        for block in run.player.blocks():
            yield block
            if run.core.events >= SHARE * run.rows:
                return

    run.core.records.keep = True
    run.run(blocks=some())
    found: np.ndarray = run.core.records.take()
    return found


def seconds(work: Callable[..., Any], *given: Any) -> float:
    """Processor time of one call."""
    started = time.process_time()
    work(*given)
    return time.process_time() - started


def main() -> None:
    """Print one line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the largest crowd")
    chosen = CASES[:-1] if parser.parse_args().quick else CASES
    print(f"{'run':30} {'take, s':>8} {'put, s':>8} {'image, MB':>10}")
    for scenario, mode, strategies, accounts in chosen:
        run = engine(scenario, mode, strategies, accounts)
        outcomes = stopped(run)
        whole = image.take(run)
        take = min(seconds(image.take, run) for _ in range(ROUNDS))
        fresh = engine(scenario, mode, strategies, accounts)
        put = seconds(image.put, fresh, whole, [outcomes])
        name = f"{scenario}, {accounts:,} accounts" if accounts else scenario
        print(f"{name:30} {take:8.3f} {put:8.3f} {len(whole) / 1e6:10.2f}")


if __name__ == "__main__":
    main()
