"""Prepare the next item of an iterator in a thread of its own while the present one is used."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items in the same order; an exception comes where its item would.

    It pays where making an item leaves the interpreter lock, as polars and zlib do.
    """
    pool = ThreadPoolExecutor(1)
    try:
        coming = pool.submit(_next, items)
        while (one := coming.result()) is not None:
            coming = pool.submit(_next, items)
            yield one[0]
    finally:
        # A reader that was left may be closed by the garbage collector, which runs in any thread,
        # also in the pool's own: that one cannot wait for its own end.
        pool.shutdown(wait=False)


def _next(items: Iterator[Item]) -> tuple[Item] | None:
    for item in items:
        return (item,)
    return None
