"""What every test can lean on: hypothesis profiles, a cache of the session's own, recorded data."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# Nothing is judged by the clock: a first example imports and builds tables, and a machine may be
# slow or have other work.  A test that gives ``suppress_health_check`` anew names too_slow as well.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", UNTIMED)
# The same examples on every machine; new ones are drawn at the desk and in the soak.
settings.register_profile("ci", UNTIMED, derandomize=True, print_blob=True)
settings.register_profile("uncompiled", UNTIMED, derandomize=True, max_examples=20)
settings.register_profile("soak", UNTIMED, max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "default")

CACHE = pytest.StashKey[TemporaryDirectory[str]]()
FILE = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep imports and the key of snapshots in a folder of this session, not in the user's cache.

    Workers of pytest-xdist, and processes that tests start, inherit it and share what is there.
    """
    if not hasattr(config, "workerinput"):
        config.stash[CACHE] = TemporaryDirectory(prefix="unimargin-cache-")
        os.environ["UNIMARGIN_CACHE"] = config.stash[CACHE].name


def pytest_unconfigure(config: pytest.Config) -> None:
    if CACHE in config.stash:
        config.stash[CACHE].cleanup()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Take what lives on from file to file out of collections: each new `Simulation` makes one."""
    if item.config.stash.get(FILE, None) != item.path:
        item.config.stash[FILE] = item.path
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of recorded market data that is not part of the repository.

    The variable ``UNIMARGIN_SHARED_DATA`` names it, else it is ``../shared/data`` beside the clone.
    """
    named = os.environ.get("UNIMARGIN_SHARED_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no recorded data: {folder} is not a folder (see UNIMARGIN_SHARED_DATA)")
    return folder
