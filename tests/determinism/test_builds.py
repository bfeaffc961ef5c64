"""Goal: every Python that is promised and every build of the hot modules compute the same bits.

Method: ``digests.py`` by other interpreters, each with an environment and a compiled tree of its
own, and by trees compiled with other flags and compilers; what is not here is skipped by name.
Minutes for each, and packages from the network: `make determinism`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.determinism.builds import (
    BUILDS,
    VERSIONS,
    Build,
    MissingError,
    built,
    environment,
    interpreters,
    run,
    tree,
    version_of,
)
from tests.determinism.places import answer, start
from tests.determinism.test_same_everywhere import PLAIN, WHOLE

SUITE = ("units", "book", "ledger", "risk", "rulebook", "calculator", "exchange", "population")
"""Folders of tests that other interpreters run too."""

OTHERS = [version for version in VERSIONS if version != sys.version_info[:2]]


def dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return answer(start(WHOLE))


@pytest.mark.soak
@pytest.mark.parametrize("version", OTHERS, ids=dotted)
def test_pythons_agree(version: tuple[int, int], expected: dict[str, Any]) -> None:
    try:
        python = environment(version)
        compiled = built(f"tree{dotted(version)}", python)
    except MissingError as reason:
        pytest.skip(str(reason))
    assert answer(start(WHOLE, python=python, tree=compiled)) == expected
    plain = tree(f"plain{dotted(version)}")
    found = answer(start(PLAIN, python=python, tree=plain))
    assert found == {name: expected[name] for name in PLAIN}


@pytest.mark.soak
@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_builds_agree(build: Build, expected: dict[str, Any]) -> None:
    try:
        compiled = built(build.name, Path(sys.executable), build.compiler, build.flags)
    except MissingError as reason:
        pytest.skip(str(reason))
    assert answer(start(WHOLE, tree=compiled)) == expected


@pytest.mark.soak
@pytest.mark.parametrize("version", OTHERS, ids=dotted)
def test_the_suite_passes(version: tuple[int, int]) -> None:
    try:
        python = environment(version)
        compiled = built(f"tree{dotted(version)}", python)
    except MissingError as reason:
        pytest.skip(str(reason))
    folders = [f"tests/{name}" for name in SUITE]
    options = ["-q", "-x", "-p", "no:cacheprovider", "-m", "not slow and not soak and not hours"]
    said = run([str(python), "-m", "pytest", *options, *folders], compiled)
    assert " passed" in said
    assert " failed" not in said


def test_interpreters_are_told_apart() -> None:
    assert version_of(Path(sys.executable)) == sys.version_info[:2]
    assert version_of(Path("/bin/false")) == (0, 0)
    assert version_of(Path("/nowhere/python")) == (0, 0)
    assert set(interpreters()) <= set(VERSIONS)
