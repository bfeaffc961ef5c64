"""Goal: the searches find a known edge, above and below where they begin, and say what is odd.

Method: made questions with an edge that the test chooses.
"""

from __future__ import annotations

import pytest

from simulator.cli.least_capital import contradictions, largest_size, least_share


@pytest.mark.parametrize("edge", [0.0003, 0.25, 0.8, 3.0, 14.0])
def test_least_share_is_found(edge: float) -> None:
    found = least_share(lambda share: share >= edge)
    assert found is not None
    assert edge <= found <= edge * 1.002


def test_step_ends_the_search() -> None:
    asked = []
    found = least_share(lambda share: bool(asked.append(share)) or share >= 1e-9, step=0.01)
    assert found is not None
    assert found <= 0.01
    assert len(asked) < 10


@pytest.mark.parametrize("edge", [0.02, 0.7, 1.0, 5.0, 60.0])
def test_largest_size_is_found(edge: float) -> None:
    found = largest_size(lambda size: size <= edge, 1.0)
    assert found is not None
    assert edge * 0.998 <= found <= edge


@pytest.mark.parametrize("answer", [True, False])
def test_no_edge_is_none(answer: bool) -> None:
    assert largest_size(lambda _: answer, 1.0) is None
    assert (least_share(lambda _: False)) is None


def test_what_is_not_monotone_is_said() -> None:
    assert contradictions("x", lambda share: share >= 1, 1.0, above=True) == []
    hole = contradictions("x", lambda share: 1 <= share < 1.05, 1.0, above=True)
    assert hole == ["x: not monotone, does not survive at 1.1 times the edge"]
    island = contradictions("x", lambda size: size < 1 or size > 1.05, 1.0, above=False)
    assert island == ["x: not monotone, survives at 1.1 times the edge"]
