"""Write a tape: rows in order, streamed to Parquet, and put in place only when complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from simulator.errors import InputError
from simulator.market.tape import SCHEMA

ROW_GROUP = 1 << 17


def write_tape(frames: Iterator[pl.DataFrame], path: Path) -> None:
    """Write frames of the tape's columns as one Parquet file (zstd, row groups of 131,072).

    Only a few frames are in memory at a time.  An exception raised by ``frames`` comes out as it
    is, and no file is left.  Raises ``InputError`` if the file cannot be written.
    """
    raised: list[BaseException] = []

    def source(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        del with_columns, predicate, n_rows, batch_size  # a sink asks for everything
        try:
            yield from frames
        except BaseException as error:
            raised.append(error)
            raise

    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    lazy = register_io_source(source, schema=SCHEMA, is_pure=True)
    try:
        lazy.sink_parquet(
            partial,
            compression="zstd",
            compression_level=1,
            row_group_size=ROW_GROUP,
            statistics=True,
            maintain_order=True,
        )
        os.replace(partial, path)
    except (OSError, pl.exceptions.PolarsError) as error:
        if raised:
            raise raised[0] from None
        raise InputError(f"{path}: cannot be written: {str(error).splitlines()[0]}") from None
    finally:
        partial.unlink(missing_ok=True)
