"""The least capital with which a run survives, and the largest size at equal capital.

A run *survives* if nothing is liquidated and it did what it set out to do.  A strategy says that
itself by an attribute ``intact`` that is true after ``on_stop`` (cash-and-carry: the hedge was put
on as intended, no leg was refused, and it was held to the end).  Where strategies have none, the
yardstick is the full run: no more rejections, and with less capital no fewer fills.

Bisection takes for granted that a run which survives also does with more capital or a smaller
size.  So points on both sides of the edge are run too; what contradicts it is said in a note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from simulator.replay.player import Block

if TYPE_CHECKING:
    from simulator.report.result import RunResult
    from simulator.simulation import Simulation

PRECISION = 0.001
"""The searched interval is halved until it is this share of the answer."""

SHARE_MAX = 16.0
"""Largest multiple of the deposits that is tried where the deposits themselves do not do."""

SIZE_RANGE = 64.0
"""The size is sought within this factor of the given one, up and down."""

PROBES = (0.9, 0.98, 1.02, 1.1)
"""Where monotony is checked, as multiples of the edge."""

KEPT_ROWS_MAX = 10_000_000
"""Tapes up to this many rows (47 bytes each) are kept in memory between runs."""

UNIT = Decimal("1e-8")

Survives = Callable[[float], bool]
Make = Callable[[Mapping[str, Decimal], Mapping[str, str]], "Simulation"]


@dataclass(frozen=True, slots=True)
class Found:
    """Least capital in the run's currency and largest size in base asset; None: none was found."""

    least_capital: float | None
    largest_size: float | None
    runs: int
    notes: tuple[str, ...] = ()


class Trials:
    """Repeated runs of one scenario in one mode; the market data are read once."""

    def __init__(
        self, make: Make, deposits: Mapping[str, Decimal], parameters: Mapping[str, str]
    ) -> None:
        self.make = make
        self.deposits = deposits
        self.parameters = parameters
        self.runs = 0
        self._blocks: list[Block] | None = None
        self.full, self.full_intact = self.run(1.0, {})

    def run(self, share: float, changes: Mapping[str, str]) -> tuple[RunResult, bool | None]:
        """Run with a share of every deposit; return the result and what ``intact`` says."""
        deposits = {
            asset: (amount * Decimal(share)).quantize(UNIT, ROUND_DOWN)
            for asset, amount in self.deposits.items()
        }
        simulation = self.make(deposits, {**self.parameters, **changes})
        result = simulation.run(blocks=self._data(simulation))
        self.runs += 1
        said = [s.intact for s in simulation.strategies if hasattr(s, "intact")]
        return result, all(said) if said else None

    def survives(self, share: float, changes: Mapping[str, str]) -> bool:
        """Whether a run with other deposits or parameters survives."""
        made, intact = self.run(share, changes)
        if made.summary.liquidations:
            return False
        if intact is not None:
            return intact
        refused = sum(made.summary.rejections.values())
        if refused > sum(self.full.summary.rejections.values()):
            return False
        return bool(changes) or made.summary.fills >= self.full.summary.fills

    def size(self) -> float | None:
        """The size that strategies trade, ``None`` where none has a parameter ``size``."""
        strategies = self.make(self.deposits, self.parameters).strategies
        sizes = [
            vars(s).get("size", s.parameters()["size"])
            for s in strategies
            if "size" in s.parameters()
        ]
        return float(sizes[0]) if sizes else None

    def _data(self, simulation: Simulation) -> Iterator[Block]:
        if simulation.rows > KEPT_ROWS_MAX:
            return simulation.player.blocks(prefetch=True)
        if self._blocks is None:
            self._blocks = list(simulation.player.blocks())
        return iter(self._blocks)


def search(trials: Trials) -> Found:
    """Return the least capital at the size asked for and the largest size at the deposits."""
    notes: list[str] = []
    capital = trials.full.summary.start_equity

    def with_share(share: float) -> bool:
        return trials.survives(share, {})

    def with_size(size: float) -> bool:
        return trials.survives(1.0, {"size": repr(size)})

    share = least_share(with_share, 1.0 / capital if capital else 0.0)
    if share is not None:
        notes += contradictions("least capital", with_share, share, above=True)
    size, largest = trials.size(), None
    if size:
        largest = largest_size(with_size, size)
        if largest is None:
            low, high = size / SIZE_RANGE, size * SIZE_RANGE
            notes.append(f"largest size: no edge between {low:g} and {high:g}")
        else:
            notes += contradictions("largest size", with_size, largest, above=False)
    least = None if share is None else share * capital
    return Found(least, largest, trials.runs, tuple(notes))


def least_share(survives: Survives, step: float = 0.0) -> float | None:
    """Return the least share of the deposits that survives, at most ``SHARE_MAX``, or ``None``.

    Right to ``PRECISION`` of it or to ``step``, whichever is more.

    >>> round(least_share(lambda share: share >= 0.7), 2)
    0.7
    """
    low, high = 0.0, 1.0
    good = survives(high)
    while not good and high < SHARE_MAX:
        low, high = high, high * 2
        good = survives(high)
    return _edge(survives, low, high, step) if good else None


def largest_size(survives: Survives, size: float) -> float | None:
    """Return the largest size that survives; ``None`` if all within ``SIZE_RANGE`` do, or none.

    >>> round(largest_size(lambda size: size <= 3, 1.0), 2)
    3.0
    """
    good, bad = 0.0, 0.0
    if survives(size):
        good, bad = size, size * 2
        while survives(bad):
            good, bad = bad, bad * 2
            if bad > size * SIZE_RANGE:
                return None
    else:
        good, bad = size / 2, size
        while not survives(good):
            good, bad = good / 2, good
            if good < size / SIZE_RANGE:
                return None
    return _edge(survives, bad, good, 0.0)


def contradictions(what: str, survives: Survives, edge: float, *, above: bool) -> list[str]:
    """Return a note for each probed point at which the run does not do as monotony says.

    ``above``: it should survive above the edge, else below.
    """
    found = []
    for factor in PROBES:
        did = survives(edge * factor)
        if did != ((factor > 1) == above):
            word = "survives" if did else "does not survive"
            found.append(f"{what}: not monotone, {word} at {factor:g} times the edge")
    return found


def _edge(survives: Survives, bad: float, good: float, step: float) -> float:
    """Halve between a point that does not survive and one that does; return one that does."""
    while abs(good - bad) > max(PRECISION * good, step):
        middle = (good + bad) / 2
        if survives(middle):
            good = middle
        else:
            bad = middle
    return good
