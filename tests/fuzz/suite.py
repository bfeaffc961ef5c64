"""How many inputs the suite reads: 10,000 in all, so that it takes a minute of one core."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.target import Target, random_of

PROFILE = os.environ.get("HYPOTHESIS_PROFILE")

NUMBERED = 1 if PROFILE == "uncompiled" else 8
"""Inputs of a target for each of its share, which say by their number how they were made."""

DRAWN_INPUTS = 10 if PROFILE == "uncompiled" else 60
"""Inputs of each target that Hypothesis draws, and makes small where one is answered wrongly."""

DRAWN = settings(
    max_examples=2000 if PROFILE == "soak" else DRAWN_INPUTS,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)


def numbered(target: Target) -> None:
    """Read a target's numbered inputs; a wrong answer names the number."""
    for number in range(NUMBERED * target.share):
        try:
            target.answer(target.made(random_of(target.name, number)))
        except AssertionError as error:
            error.add_note(f"python -m tests.fuzz.campaign --only {target.name!r} {number}")
            raise


def answered(
    targets: tuple[Target, ...], part: int = 1
) -> tuple[Callable[..., None], Callable[..., None]]:
    """Return the two tests of a group of targets: of numbered inputs, and of drawn ones.

    Where an input takes long, only one in ``part`` of the usual number is drawn.
    """
    each = pytest.mark.parametrize("target", targets, ids=lambda one: one.name)

    @each
    def by_number(target: Target) -> None:
        numbered(target)

    @each
    @settings(DRAWN, max_examples=DRAWN.max_examples // part)
    @given(random=st.randoms(use_true_random=False))
    def drawn(target: Target, random: Random) -> None:
        target.answer(target.made(random))

    return by_number, drawn
