"""Goal: no seed of the hunt finds a violation, and what one ever found stays mended.

Method: fixed seeds, each a world of its own that is checked after every row (see
docs/concepts/simulation-testing.md); the cases in tests/simulation/regressions.
`test_hunt_more.py` has as many seeds again, for another core; `make sim` draws new ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.hunt import case as cases
from tests.simulation.hunt.hunt import run
from tests.simulation.hunt.sessions import hunted

pytestmark = pytest.mark.hours

REGRESSIONS = sorted((Path(__file__).parent / "regressions").glob("*.json"))


@pytest.mark.parametrize("first", range(0, 40, 8))
def test_seeds_find_nothing(first: int) -> None:
    hunted(range(first, first + 8))


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_was_found_stays_mended(path: Path) -> None:
    found = run(cases.read(path))
    assert not found.said, found.said


def test_a_case_is_kept_whole(tmp_path: Path) -> None:
    case = cases.draw(3)
    cases.write(case, tmp_path / "case.json")
    again = cases.read(tmp_path / "case.json")
    assert (again.rows == case.rows).all()
    assert run(again, again=False).digest == run(case, again=False).digest
