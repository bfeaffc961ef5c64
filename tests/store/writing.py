"""What tests of the writer share: a writer to put batches to, and reading them all back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, select

from simulator.store.batch import PACKED, TABLES, Batch
from simulator.store.claim import Claim
from simulator.store.database import Database
from simulator.store.pack import pack
from simulator.store.schema import PACKS, PENDING, ROWS
from simulator.store.writer import Writer
from tests.store.made import same

LIMIT_SECONDS = 600.0
"""After that something hangs; a machine with much other work may take minutes."""


def wait_for_writer(place: str, run: int = 1) -> None:
    """Return when nobody writes a run any more: a killed one's writer writes what it was given."""
    with Database.open(place) as database:
        claim = Claim(database, run, LIMIT_SECONDS)
        with database.engine.connect() as connection:
            claim.take(connection)
        claim.close(settled=False)


@contextmanager
def writing(place: str, run: int | None = None, retry: float = 90.0) -> Iterator[Writer]:
    """Give the writer of a run, new without a number."""
    database = Database.open(place, create=True)
    writer = Writer(database, run or database.new_run({}), retry_seconds=retry)
    try:
        yield writer
    finally:
        writer.stop()
        database.close()


def put_each(writer: Writer, batches: list[Batch], kill_at: int = -1) -> None:
    """Put batches, each durable before the next; after one of them kill the writing process."""
    for batch in batches:
        writer.put(batch)
        if kill_at < 0 or batch.number == kill_at:
            writer.flush()
        if batch.number == kill_at:
            os.kill(writer.pid, signal.SIGKILL)


def check(place: str, run: int, batches: list[Batch], spread: bool = True) -> None:
    """Assert that a run has these batches and nothing else, and whether all stand in tables."""
    database = Database.open(place)
    reader = database.reader(run)
    assert len(reader.batches) == len(batches)
    for batch in batches:
        assert same(reader.batch(batch.number), batch)
    for name in TABLES:
        counts = [batch.counts()[name] for batch in batches]
        assert reader.count(name) == sum(counts)
        assert len(next(iter(reader.rows(name).values()))) == sum(counts)
    with database.reading() as connection:
        for name, table in ROWS.items():
            found = connection.execute(select(func.count()).where(table.c.run == run)).scalar()
            assert not spread or found == reader.count(name)
        waiting = connection.execute(select(func.count()).where(PENDING.c.run == run)).scalar()
        assert not spread or waiting == 0
        assert connection.execute(select(func.count()).where(PACKS.c.run == run)).scalar() == len(
            batches
        )
    database.check()


def frames_of(batches: list[Batch]) -> list[tuple[dict[str, Any], bytes]]:
    """Return batches as the writing process gets them."""
    counts = dict.fromkeys(TABLES, 0)
    frames = []
    for batch in batches:
        counts = {name: counts[name] + new for name, new in batch.counts().items()}
        kept = pack({name: batch.tables[name] for name in batch.tables if name in PACKED})
        rest = pack({name: batch.tables[name] for name in batch.tables if name not in PACKED})
        head = {"batch": batch.number, "tape_rows": batch.tape_rows, "time_ns": batch.time_ns}
        head |= {"digest": batch.digest, "asked": batch.asked, "counts": counts, "kept": len(kept)}
        frames.append((head, kept + rest))
    return frames
