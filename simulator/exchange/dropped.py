"""Free the memory of runs that nobody holds any more, before a new one takes its own.

A venue, its desks and their columns refer to each other, so Python's cyclic collector alone frees
them.  It counts objects, not bytes, and a run is few objects and much memory: it would stay long.
But a collection walks all that the process holds, 10 ms in a fresh one and 400 ms in a notebook of
large tables.  So one is made once what was dropped is worth it: rarely between short runs, and
always after a long one or a large crowd, beside which it costs nothing.
"""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

from simulator.exchange.memory import give_back

if TYPE_CHECKING:
    from simulator.exchange.desk import Desk

ENOUGH = 128 << 20
"""Bytes of dropped runs, by estimate, that may wait for a collection."""

EACH, EACH_EVENT, EACH_ACCOUNT = 16 << 20, 16, 2048
"""Bytes that a run, an event of it and an account take: bundled runs measured 13.5 MB when made
and 6 to 20 bytes an event, 1,000,000 accounts 2 GB."""


class _Dropped:
    bytes = 0


def watch(run: object, desk: Desk) -> None:
    """Note when ``run``, which is in no cycle itself, is dropped and leaves its ``desk`` behind."""
    # The desk is held weakly: it knows the strategies, and one of those may hold the run.
    weakref.finalize(run, _note, weakref.ref(desk)).atexit = False


def _note(left: weakref.ref[Desk]) -> None:
    if (desk := left()) is not None:
        core = desk.core
        _Dropped.bytes += EACH + EACH_EVENT * core.events + EACH_ACCOUNT * core.ledger.accounts


def collect() -> None:
    """Free the dropped runs if they are worth a collection; their memory is the system's again."""
    if _Dropped.bytes >= ENOUGH:
        _Dropped.bytes = 0
        gc.collect()
        give_back()
