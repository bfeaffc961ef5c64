"""Rows of a Parquet file, decoded in a process of their own.

A damaged Parquet file can make a decoder ask for absurd amounts of memory and end the process.  So
a child decodes and sends the rows as Arrow messages through a pipe; whatever happens to it, the
parent reports one line.

The child's stream is a sequence of messages: one letter (``F`` frame, ``E`` error text, ``.`` end),
the length as 8 bytes, and the content.  A stream without its end is a child that died.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import polars as pl

from simulator.errors import InputError

CHILD_BYTES = 16 * 2**30
"""Address space of the child, so that a damaged file cannot take all memory."""


def text_expression(name: str, kind: pl.DataType) -> pl.Expr | None:
    """Return a column as the text that a CSV would have; ``None`` where it has no such text."""
    column = pl.col(name)
    if isinstance(kind, (pl.Datetime, pl.Date)):
        return column.cast(pl.Datetime("ns")).dt.strftime("%Y-%m-%d %H:%M:%S%.9f")
    if kind.is_float():
        # a whole number keeps no ".0", so that a float column can hold times and ids
        whole = column.is_finite() & (column == column.round()) & (column.abs() < 2**53)
        return (
            pl.when(whole)
            .then(column.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(column.cast(pl.String))
        )
    if kind.is_numeric() or kind in (pl.String, pl.Boolean, pl.Categorical):
        return column.cast(pl.String)
    return None


def parquet_rows(path: Path, columns: dict[str, str], rows: int) -> Iterator[pl.DataFrame]:
    """Yield frames of up to ``rows`` rows as text, under our names (the keys of ``columns``).

    Raises `InputError` where the file cannot be decoded.
    """
    arguments = json.dumps({"path": str(path), "columns": columns, "rows": rows})
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    # -P: no module is taken from the folder that one happens to stand in.
    child = subprocess.Popen(  # nosec B603 # no shell; this program, its arguments as JSON
        [sys.executable, "-P", "-m", "simulator.replay.generic_parquet", arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert child.stdout is not None
    try:
        while message := _receive(child.stdout):
            letter, content = message
            if letter == b".":
                return
            if letter == b"E":
                raise InputError(f"{path}: cannot be read: {content.decode('utf-8', 'replace')}")
            yield pl.read_ipc_stream(io.BytesIO(content))
        raise InputError(f"{path}: cannot be read: it is damaged, or needs too much memory")
    finally:
        child.stdout.close()
        child.kill()
        child.wait()


def _receive(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """Return the next message; ``None`` where the stream ends within or before it."""
    head = stream.read(9)
    if len(head) < 9:
        return None
    size = int.from_bytes(head[1:], "little")
    content = stream.read(size)
    return (head[:1], content) if len(content) == size else None


def _send(stream: IO[bytes], letter: bytes, content: bytes = b"") -> None:
    stream.write(letter + len(content).to_bytes(8, "little") + content)
    stream.flush()


def _child(path: str, columns: dict[str, str], rows: int, stream: IO[bytes]) -> None:
    """Decode a file and send its rows, in pieces."""
    schema = pl.read_parquet_schema(path)
    texts = []
    for ours, theirs in columns.items():
        text = text_expression(theirs, schema[theirs])
        assert text is not None
        texts.append(text.alias(ours))
    start = 0
    while True:
        frame = pl.scan_parquet(path).slice(start, rows).select(texts).collect()
        if not frame.height:
            return
        buffer = io.BytesIO()
        frame.write_ipc_stream(buffer)
        _send(stream, b"F", buffer.getvalue())
        start += frame.height


def _limit_memory() -> None:
    """Bound the address space where the system can (not on Windows)."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = CHILD_BYTES if hard == resource.RLIM_INFINITY else min(CHILD_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def main() -> None:
    """Serve one file to the parent, as the arguments say."""
    _limit_memory()
    stream = sys.stdout.buffer
    try:
        _child(**json.loads(sys.argv[1]), stream=stream)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        _send(stream, b"E", str(error).strip().split("\n", maxsplit=1)[0].encode())
    else:
        _send(stream, b".")


if __name__ == "__main__":
    main()
