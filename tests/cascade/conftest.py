"""Made tapes go to a folder of the session, rulebooks are read once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from simulator import simulation
from simulator.rulebook.load import load


@pytest.fixture(scope="package", autouse=True)
def _quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Rulebooks are frozen, and reading one takes longer than a small run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNIMARGIN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(simulation, "load_rulebook", cache(load))
        patch.setattr(simulation.gc, "collect", lambda: 0)  # a third of a second in a long session
        yield
