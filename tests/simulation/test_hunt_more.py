"""Goal and method as of `test_hunt.py`: other seeds, for another core."""

from __future__ import annotations

import pytest

from tests.simulation.hunt.sessions import hunted

pytestmark = pytest.mark.hours


@pytest.mark.parametrize("first", range(1000, 1040, 8))
def test_more_seeds_find_nothing(first: int) -> None:
    hunted(range(first, first + 8))
