"""Goal: no market data, whatever is in them, end in a traceback, a hang or a blow-up of memory.

Method: tables, recordings and compressed files that are right but for a cell, a message or
some bytes; each must be imported, or refused in one line.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.market_files import TARGETS
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
