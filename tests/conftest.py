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
# The same examples on every machine and every day; new ones are drawn in the soak.
STEADY = settings(UNTIMED, derandomize=True, print_blob=True)
settings.register_profile("default", STEADY)
settings.register_profile("ci", STEADY)
settings.register_profile("uncompiled", STEADY, max_examples=20)
settings.register_profile("soak", UNTIMED, derandomize=False, max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "default")

# Processes take these files first, the dearest before the others: a long one at the end leaves the
# other processes idle.  Seconds of processor time when last measured: 75 to 5.
LONG = """
    house/test_snippets simulation/test_hunt store/test_image store/test_recorded
    store/test_kills_server store/test_kills store/test_writer
    simulation/test_hunt_more risk/test_bands exchange/test_account_machine
    replay/test_stitch_random store/test_resume replay_data/test_distributions
    scenarios/test_cascades fuzz/test_market_files fuzz/test_databases fuzz/test_documents
    determinism/test_same_everywhere store/test_image_lives store/test_tampering
    strategies/test_cash_and_carry replay/test_streams replay_data/test_tapes
    store/test_own_snapshots exchange/test_traders_property risk/test_liquidation_price
    report/test_cascade_report strategies/test_bundled_hours cli/test_end_to_end
    simulation/test_whole_venue replay/test_import_tables scenarios/test_october
    exchange/test_pools fuzz/test_tapes fuzz/test_bombs simulation/test_several_accounts
    book/test_twins population/test_draw simulation/test_switch_in_a_run
    simulation/test_rulebook_lives fuzz/test_saved simulation/test_uncompiled
    population/test_in_the_engine report/test_portfolio risk/test_bands_box
    store/test_image_uncompiled bench/test_harness store/test_rows_behind fuzz/test_atheris
"""

TERMINAL = ("LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "GITHUB_ACTIONS")
"""Variables by which Rich and Typer judge what they write to."""

CACHE = pytest.StashKey[TemporaryDirectory[str]]()
FILE = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep imports and the key of snapshots in a folder of this session, not in the user's cache.

    Workers of pytest-xdist, and processes that tests start, inherit it and share what is there.
    Tables are as wide as without a terminal, and plain, whatever the user's shell asks for.
    """
    os.environ["COLUMNS"] = "80"
    # Each thread takes memory of its own: bounds on memory hold on a machine of many cores too.
    os.environ.setdefault("POLARS_MAX_THREADS", "2")
    for name in TERMINAL:
        os.environ.pop(name, None)
    if not hasattr(config, "workerinput"):
        config.stash[CACHE] = TemporaryDirectory(prefix="unimargin-cache-")
        os.environ["UNIMARGIN_CACHE"] = config.stash[CACHE].name


def pytest_unconfigure(config: pytest.Config) -> None:
    if CACHE in config.stash:
        config.stash[CACHE].cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; the uncompiled suite draws no more than its profile says.

    Numbers of examples that stand at a test are for compiled code.
    """
    if settings.get_current_profile_name() == "uncompiled":
        for item in items:
            test = getattr(getattr(item, "obj", None), "__func__", getattr(item, "obj", None))
            own = getattr(test, "_hypothesis_internal_use_settings", None)
            if own is not None and own.max_examples > settings.default.max_examples:
                fewer = settings(own, max_examples=settings.default.max_examples)
                test._hypothesis_internal_use_settings = fewer
    place = {ROOT / "tests" / f"{name}.py": number for number, name in enumerate(LONG.split())}
    items.sort(key=lambda item: place.get(item.path, len(place)))


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
