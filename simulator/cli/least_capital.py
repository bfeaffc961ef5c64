"""The least capital: the smallest share of the deposits with which a run goes as well.

A smaller run *goes as well* if nothing is liquidated, nothing more is rejected and nothing less
is filled than in the full run.  A strategy that sizes its orders by its equity trades the same at
any size, so for it the figure says little.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from simulator.report.result import RunResult

STEPS = 10
"""Halvings of the searched interval: the answer is right to about 0.1 % of it."""

SHARE_MAX = 16
"""Largest multiple of the deposits that is tried where the deposits themselves do not do."""


def least_share(run: Callable[[Decimal], RunResult], full: RunResult) -> float | None:
    """Return the least share of the deposits that does, ``None`` if none up to ``SHARE_MAX`` does.

    ``run`` runs with a share of every deposit; ``full`` is the run with all of them.  It is taken
    for granted that where a share does, every larger one does.
    """

    def does(made: RunResult) -> bool:
        fewer = sum(made.summary.rejections.values()) <= sum(full.summary.rejections.values())
        return not made.summary.liquidations and fewer and made.summary.fills >= full.summary.fills

    low, high = Decimal(0), Decimal(1)
    good = does(full)
    while not good and high < SHARE_MAX:
        low, high = high, high * 2
        good = does(run(high))
    if not good:
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        if does(run(middle)):
            high = middle
        else:
            low = middle
    return float(high)
