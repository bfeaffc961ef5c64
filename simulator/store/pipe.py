"""Frames between a run and the process that writes its journal: a JSON header and bytes."""

from __future__ import annotations

import json
import struct
from typing import IO, Any

LENGTHS = struct.Struct("<IQ")


def write_frame(pipe: IO[bytes], header: dict[str, Any], body: bytes = b"") -> None:
    """Write a frame; ``pipe`` is unbuffered, or flushed by the caller.

    >>> import io
    >>> pipe = io.BytesIO()
    >>> write_frame(pipe, {"batch": 1}, b"columns")
    >>> _ = pipe.seek(0)
    >>> read_frame(pipe), read_frame(pipe)
    (({'batch': 1}, b'columns'), None)
    """
    text = json.dumps(header, separators=(",", ":")).encode()
    head = LENGTHS.pack(len(text), len(body)) + text
    _write(pipe, head)
    if body:
        _write(pipe, body)


def _write(pipe: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = pipe.write(view)
        view = view[len(view) if written is None else written :]


def read_frame(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Return the next header and body, ``None`` at the end, also amid a frame."""
    head = pipe.read(LENGTHS.size)
    if len(head) < LENGTHS.size:
        return None
    text_length, body_length = LENGTHS.unpack(head)
    text = pipe.read(text_length)
    body = pipe.read(body_length)
    if len(text) < text_length or len(body) < body_length:
        return None
    header: dict[str, Any] = json.loads(text)
    return header, body
