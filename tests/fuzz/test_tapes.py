"""Goal: no market data, whatever is in them, end in a traceback, a hang or a blow-up of memory.

Method: a tape with rows, manifest or bytes changed is checked, played and traded on by a strategy;
compiled code must not be given a number that it would index beyond its columns with.
"""

from __future__ import annotations

from tests.fuzz.suite import answered
from tests.fuzz.tapes import TARGETS

test_numbered_inputs_are_answered, test_drawn_inputs_are_answered = answered(TARGETS)
