"""Goal: no database of runs, whatever is in it, ends in a traceback or makes code be loaded.

Method: a database with bytes, rows or the JSON in them changed is listed, verified and resumed; the
files that it names say when they are loaded.
"""

from __future__ import annotations

from tests.fuzz.databases import TARGETS
from tests.fuzz.suite import answered

test_numbered_inputs_are_answered, test_drawn_inputs_are_answered = answered(TARGETS, part=3)
