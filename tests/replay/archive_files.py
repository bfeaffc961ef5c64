"""Write a small file and read it back as raw frames."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from simulator.replay.archive import read_archive
from simulator.replay.source import RAW_SCHEMA, ReadOptions, Source


def read(path: Path, text: str, options: ReadOptions) -> tuple[Source, pl.DataFrame]:
    """Return the source of a file with this text, and its rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    (source,) = read_archive(path, options)
    frames = list(source.frames)
    for frame in frames:
        assert frame.schema == RAW_SCHEMA
    return source, pl.concat(frames) if frames else pl.DataFrame(schema=RAW_SCHEMA)


def values(frame: pl.DataFrame, *names: str) -> list[tuple[object, ...]]:
    return frame.select(names).rows()
