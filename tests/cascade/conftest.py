"""Made tapes go to a folder of the session, rulebooks are read once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from simulator import simulation
from simulator.rulebook.load import load

_load = cache(load)


@pytest.fixture(scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", autouse=True)  # a package's would last to the end of the session
def _quick(_cache: Path) -> Iterator[None]:
    """Rulebooks are frozen, and reading one takes longer than a small run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNIMARGIN_CACHE", str(_cache))
        patch.setattr(simulation, "load_rulebook", _load)
        yield
