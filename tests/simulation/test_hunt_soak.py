"""Goal: the hunt finds what is wrong, and nothing is found in an hour.

Method: wrong lines in an uncompiled copy of the source (`test_hunt_more.py` breaks parts of a
compiled venue); then new seeds for an hour (``UNIMARGIN_SOAK_SECONDS``), fixed by the day.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.simulation.hunt.mutants import MUTANTS, Mutant, copied, hunted
from tests.simulation.hunt.sessions import Session, frozen

SECONDS = float(os.environ.get("UNIMARGIN_SOAK_SECONDS", "3600"))
MUTANT_SECONDS = 600.0


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutants")
    copied(folder)
    return folder


@pytest.mark.soak
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_a_wrong_line_is_found(tree: Path, mutant: Mutant) -> None:
    found = hunted(tree, mutant, MUTANT_SECONDS)
    assert found, f"{mutant.name} was not found in {MUTANT_SECONDS:.0f} s"
    print(mutant.name, found)


@pytest.mark.soak
def test_new_seeds_find_nothing() -> None:
    session = Session()
    seed = time.gmtime().tm_yday * 10**6
    until = time.monotonic() + SECONDS
    with frozen():
        while time.monotonic() < until:
            found = session.add(seed)
            assert not found.said, f"make sim SEED={seed}: {found.said} ({found.where})"
            seed += 1
    print(
        f"{session.seeds:,} seeds, {session.events:,} events, {session.events / SECONDS:,.0f}/s, "
        f"{session.looks:,} times all was checked"
    )
