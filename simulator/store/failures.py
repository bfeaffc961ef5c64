"""What to say when a database cannot be used: one line, without passwords."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.exc import DBAPIError

KINDS: Final = "a file such as runs.db, sqlite:///FILE, or postgresql://USER@HOST/NAME"

SAYINGS: Final = (
    ("file is not a database", "is not an SQLite database; give another file"),
    ("(can't|could not) decode", "is damaged; restore it from a copy, or give another file"),
    ("malformed", "is damaged; restore it from a copy, or give another file"),
    ("quick_check", "is damaged; restore it from a copy, or give another file"),
    ("disk is full", "the disk is full; make room, then resume the run"),
    ("no space left", "the disk is full; make room, then resume the run"),
    ("diskfull", "the server's disk is full; make room, then resume the run"),
    ("could not extend file", "the server's disk is full; make room, then resume the run"),
    ("readonly database", "no permission to write to it"),
    ("permission denied", "no permission"),
    ("unable to open database file", "cannot be opened: no such folder, or no permission"),
    ("database is locked", "is locked by another program"),
    ("password authentication failed", "the server refused the user or the password"),
    ("no password supplied", "the server wants a password; set PGPASSWORD"),
    (r'(role|database) "[^"]*" does not exist', "the server knows no such user or database"),
    (r"no such (table|column)", "a table is not as it was made; restore a copy"),
    (r'relation "[^"]*" does not exist', "a table is not as it was made; restore a copy"),
    ("could not translate host name", "no such host"),
    ("name or service not known", "no such host"),
    ("failed to resolve host", "no such host"),
    ("connection refused", "no server answers there"),
    ("no such file or directory", "no server answers there"),
    ("disk i/o error", "reading or writing failed (disk I/O error)"),
)
"""What is found in a driver's message, in small letters, and what it means for the user."""

GONE: Final = (
    "unable to open database file",
    "disk i/o error",
    "database is locked",
    "connection refused",
    "connection is lost",
    "connection is closed",
    "connection was closed",
    "could not connect",
    "connection failed",
    "connection timeout",
    "no such file or directory",
    "server closed the connection",
    "terminating connection",
    "consuming input failed",
    "sending query failed",
    "the database system is",
    "ssl connection has been closed",
    "has gone",
)
"""What the message holds of a database that may come back."""


def is_gone(error: BaseException) -> bool:
    """Return whether the database may come back by itself."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    text = _text(error)
    return any(part in text for part in GONE)


def explain(error: BaseException, where: str) -> str:
    """Return one line on a database's error; ``where`` names the database.

    >>> from sqlite3 import DatabaseError
    >>> explain(DatabaseError("file is not a database"), "notes.txt")
    'notes.txt: is not an SQLite database; give another file'
    """
    text = _text(error)
    for part, meaning in SAYINGS:
        if re.search(part, text):
            return f"{where}: {meaning}"
    first = next(iter(str(_origin(error)).strip().splitlines()), type(error).__name__)
    return f"{where}: {first}"


def _origin(error: BaseException) -> BaseException:
    """Return the driver's own error: the wrapped one repeats the statement and its parameters."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig
    return error


def _text(error: BaseException) -> str:
    origin = _origin(error)
    return f"{type(origin).__name__}: {origin}".lower()
