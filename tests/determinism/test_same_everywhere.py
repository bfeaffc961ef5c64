"""Goal: one input, one outcome: the same bits whatever the machine and the build are like.

Method: ``digests.py`` in processes of their own, in environments that differ in one thing each,
against the same in this one.  Other interpreters and builds are in test_builds.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.determinism.places import ENVIRONMENTS, answer, locales, plain_tree, start

LIGHT = ("functions", "latency", "made_tape", "busy drawn latency", "cascade unified")
"""What is asked everywhere; together these pass through every source of differences."""

WHOLE = (
    *LIGHT, "margin", "busy separated", "busy unified binance", "busy okx", "impact",
    "short strangle", "short strangle deribit", "covered call okx", "cascade separated",
)  # fmt: skip

PLAIN = ("functions", "latency", "made_tape", "busy drawn latency", "short strangle")
"""Cases that take seconds, not minutes, uncompiled."""


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """Return all cases as computed here."""
    return answer(start(WHOLE))


def of(expected: dict[str, Any], cases: tuple[str, ...]) -> dict[str, Any]:
    return {name: expected[name] for name in cases}


@pytest.mark.hours
@pytest.mark.parametrize("place", [*ENVIRONMENTS, *locales()])
def test_the_environment_does_not_matter(
    place: str, expected: dict[str, Any], tmp_path: Path
) -> None:
    """Each also from another working folder."""
    more = {**ENVIRONMENTS, **locales()}[place]
    cases = WHOLE if place in ("no fused multiply-add", "no vectors", "sum of 3.12") else LIGHT
    assert answer(start(cases, more, folder=tmp_path)) == of(expected, cases)


@pytest.mark.hours
def test_many_processes_at_once_do_not_matter(expected: dict[str, Any]) -> None:
    started = [start(LIGHT) for _ in range(4)]
    for one in started:
        assert answer(one) == of(expected, LIGHT)


@pytest.mark.hours
def test_the_order_of_runs_does_not_matter(expected: dict[str, Any]) -> None:
    """A run leaves nothing behind that the next one sees."""
    backwards = answer(start(LIGHT[::-1]))
    assert backwards == of(expected, LIGHT)


@pytest.mark.hours
def test_plain_python_is_the_same(expected: dict[str, Any], tmp_path: Path) -> None:
    tree = plain_tree(tmp_path)
    found = answer(start(PLAIN, tree=tree))
    assert found == of(expected, PLAIN)


@pytest.mark.hours
def test_the_script_sees_a_difference() -> None:
    """Other seeds, other hashes: the comparison is not of constants."""
    from tests.determinism import digests

    one, other = digests.busy("unified"), digests.busy("unified", latency="3")
    assert set(one) == set(other)
    assert all(one[key] != other[key] for key in one)
    assert digests.written([0.1 + 0.2]) != digests.written([0.3])
