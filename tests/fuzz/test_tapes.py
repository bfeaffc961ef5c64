"""Goal: no market data, whatever is in them, end in a traceback, a hang or a blow-up of memory.

Method: a tape with rows, manifest or bytes changed is checked, played and traded on by a strategy;
compiled code must not be given a number that it would index beyond its columns with.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.suite import DRAWN, numbered
from tests.fuzz.tapes import TARGETS
from tests.fuzz.target import Target


@pytest.mark.parametrize("target", TARGETS, ids=lambda one: one.name)
def test_numbered_inputs_are_answered(target: Target) -> None:
    numbered(target)


@pytest.mark.parametrize("target", TARGETS, ids=lambda one: one.name)
@DRAWN
@given(random=st.randoms(use_true_random=False))
def test_drawn_inputs_are_answered(target: Target, random: Random) -> None:
    target.answer(target.made(random))
