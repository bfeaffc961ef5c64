"""Goal: no database of runs, whatever is in it, ends in a traceback or makes code be loaded.

Method: a database with bytes, rows or the JSON in them changed is listed, verified and resumed; the
files that it names say when they are loaded.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from simulator.errors import InputError
from simulator.store.database import Database
from tests.fuzz.databases import TARGETS, database
from tests.fuzz.suite import answered

test_numbered_inputs_are_answered, test_drawn_inputs_are_answered = answered(TARGETS, part=3)


@pytest.mark.parametrize("count", ["Infinity", "1e400", "5.0", "true", '"5"', "-1", str(2**63)])
def test_counts_of_a_database(tmp_path: Path, count: str) -> None:
    place = shutil.copyfile(database(), tmp_path / "runs.db")
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("UPDATE batches SET counts = ?", (f'{{"fills": {count}}}',))
    with Database.open(str(place)) as opened, pytest.raises(InputError) as caught:
        opened.batches(1)
    said = "run 1, batches row 0: counts: fills: must be a number of rows, not "
    assert said in str(caught.value)
