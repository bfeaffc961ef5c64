"""What every test can lean on: hypothesis profiles and the folder of recorded market data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# A first example imports and builds tables, so a deadline would read as a flaky test.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile(
    "soak", deadline=None, max_examples=20_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "default")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of recorded market data that is not part of the repository.

    It is named by the variable ``UNIMARGIN_SHARED_DATA``, else it is ``../shared/data`` beside the clone.
    """
    named = os.environ.get("UNIMARGIN_SHARED_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no recorded data: UNIMARGIN_SHARED_DATA names no folder and ../shared/data is absent")
    return folder
