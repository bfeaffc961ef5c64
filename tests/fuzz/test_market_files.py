"""Goal: no market data, whatever is in them, end in a traceback, a hang or a blow-up of memory.

Method: tables, recordings and compressed files that are right but for a cell, a message or
some bytes; each must be imported, or refused in one line.
"""

from __future__ import annotations

from tests.fuzz.market_files import TARGETS
from tests.fuzz.suite import answered

test_numbered_inputs_are_answered, test_drawn_inputs_are_answered = answered(TARGETS)
