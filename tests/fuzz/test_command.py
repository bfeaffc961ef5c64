"""Goal: no command line ends in a traceback or a hang.

Method: every command with every option that it has, right and odd values, files of every kind.
"""

from __future__ import annotations

from tests.fuzz.command import TARGETS
from tests.fuzz.suite import answered

test_numbered_inputs_are_answered, test_drawn_inputs_are_answered = answered(TARGETS)
