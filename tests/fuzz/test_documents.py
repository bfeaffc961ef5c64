"""Goal: no document, whatever is in it, ends in a traceback, a hang or a blow-up of memory.

Method: portfolios, what-ifs, rulebooks, scenarios and answers that are right but for one to three
places; each must be computed with, or refused in one line.  Short scenarios are run as well.
"""

from __future__ import annotations

from tests.fuzz.documents import TARGETS
from tests.fuzz.suite import answered

test_numbered_inputs_are_answered, test_drawn_inputs_are_answered = answered(TARGETS)
