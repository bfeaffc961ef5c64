"""Goal: no database of runs, whatever is in it, ends in a traceback or makes code be loaded.

Method: a database with bytes, rows or the JSON in them changed is listed, verified and resumed; the
files that it names say when they are loaded.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.databases import TARGETS
from tests.fuzz.suite import DRAWN, numbered
from tests.fuzz.target import Target


@pytest.mark.parametrize("target", TARGETS, ids=lambda one: one.name)
def test_numbered_inputs_are_answered(target: Target) -> None:
    numbered(target)


@pytest.mark.parametrize("target", TARGETS, ids=lambda one: one.name)
@DRAWN
@given(random=st.randoms(use_true_random=False))
def test_drawn_inputs_are_answered(target: Target, random: Random) -> None:
    target.answer(target.made(random))
