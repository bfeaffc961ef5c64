"""Memory of a large crowd's columns: each by itself, and back to the system once it is freed.

The C library (glibc) keeps what was freed for later, and what lies between columns still in use it
does not give back by itself: after a run with a million accounts that is 0.8 GB, beside which the
next run stands.  Columns of zeros that it makes there are written to, where fresh memory that
nobody touches is never resident.  Elsewhere (musl, macOS, Windows) nothing is done here.
"""

from __future__ import annotations

import ctypes
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt``."""

LARGE = 4 << 20
"""Bytes from which on a column is mapped by itself."""

KEPT = 64 << 20
"""Bytes at the end of the heap that are kept for small things."""


def give_back() -> None:
    """Return freed memory to the system; some ms."""
    trim = _of_library("malloc_trim")
    if trim is not None:
        trim(0)


def map_large_columns() -> None:
    """Map every large column by itself from now on, for the whole process: for a command that is
    about to run a crowd, as its own process, and not for who uses the package.
    """
    set_option = _of_library("mallopt")
    if set_option is not None:
        set_option(M_MMAP_THRESHOLD, LARGE)
        set_option(M_TRIM_THRESHOLD, KEPT)


def _of_library(name: str) -> Any:
    """Return a function of the C library that only glibc has, None elsewhere."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
    return getattr(library, name, None) if hasattr(library, "gnu_get_libc_version") else None
