"""Documents as bytes: JSON, TOML, encodings, and bytes changed or compressed."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

from tests.fuzz.mutate import DEEP


def as_json(tree: Any) -> str:
    """Return a document as JSON; NaN and infinities stand as Python writes them."""
    try:
        return json.dumps(tree)
    except RecursionError:
        return _brackets(tree)


def _brackets(tree: Any) -> str:
    """Return a tree that json.dumps cannot go through: only how deep it is matters."""
    del tree
    return '{"a": ' * DEEP + "1" + "}" * DEEP


def as_toml(tree: dict[str, Any]) -> str:
    """Return tables as TOML; what TOML has no words for stands as text."""
    try:
        return "".join(f"{_key(key)} = {_toml(value)}\n" for key, value in tree.items())
    except RecursionError:
        return "a = " + "[" * DEEP + "]" * DEEP + "\n"


def _key(key: Any) -> str:
    return json.dumps(str(key), ensure_ascii=False)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _digits(value)
    if isinstance(value, float):
        text = repr(value)
        return text if "." in text or "n" in text or "e" in text else f"{text}.0"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value) if hasattr(value, "isoformat") else json.dumps(str(value))


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:
        return "9" * 5000


def encoded(text: str, random: Random) -> bytes:
    """Return a text as bytes: UTF-8, rarely something else."""
    kind = random.randrange(40)
    if kind == 0:
        return b"\xef\xbb\xbf" + text.encode(errors="replace")
    if kind == 1:
        return text.encode("utf-16", errors="replace")
    if kind == 2:
        return text.encode("latin-1", errors="replace")
    if kind == 3:
        return text.replace("\n", "\r\n").encode(errors="replace")
    return text.encode(errors="replace")


def changed_bytes(data: bytes, random: Random) -> bytes:
    """Return bytes with some changed, cut out, put in, doubled or moved."""
    made = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        size = len(made)
        spot = random.randrange(size) if size else 0
        kind = random.randrange(9)
        if not size or kind == 0:
            made[spot:spot] = bytes(random.randrange(256) for _ in range(random.randrange(1, 9)))
        elif kind == 1:
            made[spot] = random.randrange(256)
        elif kind == 2:
            made[spot] ^= 1 << random.randrange(8)
        elif kind == 3:
            del made[spot : spot + random.choice((1, 2, 4, 8, 64, size))]
        elif kind == 4:
            made[spot : spot + 4] = random.choice(
                (b"\xff\xff\xff\xff", b"\x00" * 4, b"\xff\xff\xff\x7f")
            )
        elif kind == 5:
            made[spot : spot + 8] = random.choice((b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\x00" * 8))
        elif kind == 6:
            made[spot:spot] = made[spot : spot + random.choice((1, 4, 16, 256))]
        elif kind == 7:
            other = random.randrange(size)
            made[spot], made[other] = made[other], made[spot]
        else:
            del made[random.randrange(size) :]
    return bytes(made)


def zipped(data: bytes, name: str = "BTCUSDT-trades-2024-01-01.csv") -> bytes:
    """Return bytes as the only member of a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


PACKED: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: gzip.compress(data, mtime=0),
    lzma.compress,
    zipped,
)
"""Ways to compress a file."""
