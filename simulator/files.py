"""Small files of text that a user names: read whole, within bounds, or refused in one line."""

from __future__ import annotations

import stat
from pathlib import Path

from simulator.errors import InputError

TEXT_BYTES = 16 * 2**20
"""Largest document that is read whole; the largest one bundled, a rulebook, has 15 kB."""

TOO_DEEP = "nested too deeply"
"""What is said of a document whose brackets leave Python's own stack."""


def require_file(path: Path) -> int:
    """Return the size of a regular file; ``InputError`` for anything else.

    A device or a pipe has no end, or none that comes, so it is not read.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # a loop of links, a NUL in the name, one too long
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise InputError(f"{str(path)[:80]}: {reason}") from None
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path}: is a directory, not a file")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path}: is a device or a pipe, not a file")
    return found.st_size


def text_of(path: Path, most: int = TEXT_BYTES) -> str:
    """Return the text of a UTF-8 file of at most ``most`` bytes, without a byte order mark.

    Raises ``InputError`` for what is no such file.
    """
    size = require_file(path)
    if size > most:
        raise InputError(
            f"{path}: {size:,} bytes, more than the {most:,} that such a file may have"
        )
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
