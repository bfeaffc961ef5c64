"""The file of an SQLite database, looked at before SQLite opens it.

SQLite makes an empty database of whatever name it is given, and says of a file that is cut only
what a page of it happened to hold.  The header says what the file should be
(https://www.sqlite.org/fileformat2.html#the_database_header).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from simulator.errors import InputError
from simulator.store import acknowledged
from simulator.store.failures import KINDS

MAGIC: Final = b"SQLite format 3\0"
HEADER: Final = 100
"""Bytes of the header."""


def look_at(path: Path, create: bool) -> None:
    """Raise ``InputError`` unless the file is a whole database; ``create`` makes an empty one."""
    if not path.exists():
        if not create:
            raise InputError(f"{path}: no such file; `unimargin run --db` makes one")
        if not path.parent.is_dir():
            raise InputError(f"{path}: no such folder: {path.parent}")
        path.touch()
        for left in acknowledged.beside(path).values():
            acknowledged.remove(left)  # of a database that was here before
        return
    if not path.is_file():
        raise InputError(f"{path}: is not a file; give {KINDS}")
    with path.open("rb") as file:
        head = file.read(HEADER)
    if not head and create:
        return
    hint = acknowledged.hint(path)
    if not head:
        raise InputError(f"{path}: is empty: no run was written into it{hint}")
    if not head.startswith(MAGIC) or len(head) < HEADER:
        raise InputError(f"{path}: is not an SQLite database; give another file{hint}")
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        return  # the file may be behind its log
    page = int.from_bytes(head[16:18], "big")
    page = 65_536 if page == 1 else page
    whole = page * int.from_bytes(head[28:32], "big")
    size = path.stat().st_size
    if size < whole and head[24:28] == head[92:96]:  # the header's count of pages is of this state
        raise InputError(
            f"{path}: is cut short: {size:,} of {whole:,} bytes; restore it from a copy"
        )
