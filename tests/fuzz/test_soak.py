"""Goal: a million inputs, and none that ends in anything but yes or one line.

Method: the campaign of numbered inputs with numbers that the suite does not have, at most a quarter
of an hour a target; it says how many it read.
"""

from __future__ import annotations

import pytest

from tests.fuzz.campaign import campaign
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

INPUTS = 1_000_000
FIRST = 1_000_000
SECONDS = 900.0


@pytest.mark.soak
@pytest.mark.parametrize("target", TARGETS, ids=lambda one: one.name)
def test_many_inputs_are_answered(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = INPUTS * target.share // sum(one.share for one in TARGETS)
    found = campaign(target, FIRST, inputs, SECONDS)
    with capsys.disabled():
        print(f"\n{target.name}: {found.inputs:,} of {inputs:,} inputs, {found.refused:,} refused")
    assert not found.wrong
