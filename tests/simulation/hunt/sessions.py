"""Seeds one after the other: what was looked at in all, and the first violation."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.simulation.hunt import case as cases
from tests.simulation.hunt.case import Case
from tests.simulation.hunt.hunt import Finding, run


@dataclass
class Session:
    """What some seeds came to; ``events`` are rows replayed, ``looks`` times all was checked."""

    seeds: int = 0
    events: int = 0
    looks: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    found: list[tuple[Case, Finding]] = field(default_factory=list)

    def add(self, seed: int) -> Finding:
        """Draw a seed and run it."""
        case = cases.draw(seed)
        finding = run(case)
        self.seeds += 1
        self.events += finding.events
        self.looks += finding.looks
        self.counts.update(finding.counts)
        if finding.said:
            self.found.append((case, finding))
        return finding


@contextmanager
def frozen() -> Iterator[None]:
    """What is loaded by now is left out when a run collects, which every run does."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def hunted(seeds: Iterable[int]) -> Session:
    """Run seeds; ``AssertionError`` with what was found, and how to see it."""
    session = Session()
    with frozen():
        for seed in seeds:
            finding = session.add(seed)
            assert not finding.said, (
                f"make sim SEED={seed}, row {finding.row}: {finding.said} ({finding.where})"
            )
    return session
