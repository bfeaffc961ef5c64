"""Goal: what a driver says becomes one line; what may mend itself is told apart.

Method: the drivers' own messages, as they were seen.
"""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from simulator.store.failures import explain, is_gone

TABLE = {
    "file is not a database": ("not an SQLite database", False),
    "'utf-8' codec can't decode byte 0x9f in position 57: invalid start byte": ("damaged", False),
    "database disk image is malformed": ("is damaged", False),
    "database or disk is full": ("the disk is full", False),
    "attempt to write a readonly database": ("no permission to write", False),
    "unable to open database file": ("cannot be opened", True),
    "database is locked": ("locked by another program", True),
    "disk I/O error": ("reading or writing failed", True),
    "no such table: fills": ("a table is not as it was made", False),
    'FATAL:  role "me" does not exist': ("no such user or database", False),
    'relation "fills" does not exist': ("a table is not as it was made", False),
    "permission denied for schema public": ("no permission", False),
    "could not extend file: No space left on device": ("disk is full", False),
    "terminating connection due to administrator command": ("terminating connection", True),
    "server closed the connection unexpectedly": ("server closed the connection", True),
    "the database system is starting up": ("starting up", True),
}


@pytest.mark.parametrize("message", TABLE)
def test_what_drivers_say(message: str) -> None:
    says, gone = TABLE[message]
    own = sqlite3.OperationalError(message + "\nDETAIL: more")
    wrapped = OperationalError("INSERT INTO secrets VALUES (?)", ("hunter2",), own)
    for error in (own, wrapped):
        line = explain(error, "runs.db")
        assert line.startswith("runs.db: ")
        assert says in line
        assert "\n" not in line
        assert "hunter2" not in line
        assert is_gone(error) == gone
