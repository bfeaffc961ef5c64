"""Goal: no file that a run or another program wrote ends in a traceback, whatever is in it.

Method: populations and folders of runs with a value, a column, a type or some bytes changed.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.saved import TARGETS
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
