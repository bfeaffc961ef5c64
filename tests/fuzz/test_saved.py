"""Goal: no file that a run or another program wrote ends in a traceback, whatever is in it.

Method: populations and folders of runs with a value, a column, a type or some bytes changed.
"""

from __future__ import annotations

from tests.fuzz.saved import TARGETS
from tests.fuzz.suite import answered

test_numbered_inputs_are_answered, test_drawn_inputs_are_answered = answered(TARGETS)
