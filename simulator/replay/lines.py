"""Files of lines; gzip, zstd, xz, zip of one member and plain are told by their first bytes."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import polars as pl

from simulator.errors import InputError
from simulator.replay.zstd import open_zstd


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds against decompression bombs: a file's text, and its text size / file size."""

    max_bytes: int = 200 * 2**30
    max_ratio: int = 250

    def __post_init__(self) -> None:
        for name, limit in (("bytes", self.max_bytes), ("ratio", self.max_ratio)):
            if limit < 1:
                raise InputError(f"--max-{name} {limit}: must be at least 1")

    def check(self, name: str, text: int, packed: int) -> None:
        """Raise ``InputError`` if the text of a file of ``packed`` bytes (0: plain) is too long."""
        if text > self.max_bytes:
            raise InputError(
                f"{name}: more than {self.max_bytes} bytes of text; "
                "raise --max-bytes if this is right"
            )
        if packed and text > RATIO_GRACE and text > self.max_ratio * packed:
            raise InputError(
                f"{name}: unpacks to more than {self.max_ratio} times its size; "
                "raise --max-ratio if this is right"
            )

    def most(self, packed: int) -> int:
        """Return the longest text of a file of ``packed`` bytes that `check` lets pass."""
        return min(self.max_bytes, max(RATIO_GRACE, self.max_ratio * packed))


RATIO_GRACE = 16 * 2**20
"""Text size up to which the ratio is not looked at: small files of equal lines compress well."""

DEFAULT_LIMITS = Limits()

HEAD_BYTES = 1 << 16
CHUNK_BYTES = 4 << 20

LINE_BYTES = 16 * 2**20
"""Longest line of a recording; a REST snapshot of 5,000 levels a side has some 300 kB."""

DAMAGED = (
    EOFError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    MemoryError,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
    IndexError,
    struct.error,
)
"""What Python's decompressors raise for data that are damaged, encrypted or of an unknown kind."""

GZIP, ZSTD, XZ, ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00", b"PK\x03\x04"


def open_bytes(path: Path, limits: Limits = DEFAULT_LIMITS) -> IO[bytes]:
    """Open a file for reading its decompressed bytes.

    Raises ``InputError`` if it cannot be opened or its compression is not known here.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(6)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if magic.startswith(GZIP):
        return cast(IO[bytes], gzip.open(path, "rb"))
    if magic.startswith(XZ):
        return cast(IO[bytes], lzma.open(path, "rb"))
    if magic.startswith(ZSTD):
        return _open_zstd(path, limits)
    if magic.startswith(ZIP):
        return _open_zip(path)
    return path.open("rb")


def packed_size(path: Path) -> int:
    """Return the size of a compressed file; 0 for a plain one."""
    with path.open("rb") as file:
        magic = file.read(6)
    packed = magic.startswith((GZIP, XZ, ZSTD, ZIP))
    return path.stat().st_size if packed else 0


def _open_zstd(path: Path, limits: Limits) -> IO[bytes]:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14
    except ImportError:
        return open_zstd(path, limits.most(path.stat().st_size))
    return cast(IO[bytes], zstd.open(path, "rb"))


def _open_zip(path: Path) -> IO[bytes]:
    try:
        archive = zipfile.ZipFile(path)
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(entries) == 1:
            return archive.open(entries[0])
    except DAMAGED as error:
        raise InputError(f"{path}: damaged zip: {first_line(error)}") from error
    raise InputError(f"{path}: a zip must hold one file, this holds {len(entries)}")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def head_of(path: Path, size: int = HEAD_BYTES, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return the first decompressed bytes of a file."""
    with open_bytes(path, limits) as file:
        return _read(file, path, size)


def _read(file: IO[bytes], path: Path, size: int) -> bytes:
    try:
        return file.read(size)
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{path}: damaged compressed data: {first_line(error)}") from error


def chunks_of_lines(
    path: Path, size: int = CHUNK_BYTES, limits: Limits = DEFAULT_LIMITS
) -> Iterator[tuple[int, bytes]]:
    """Yield ``(number of the first line, whole lines)``, about ``size`` bytes each.

    Raises ``InputError`` for damaged or too large files.
    """
    number, total, packed = 1, 0, packed_size(path)
    rest = b""
    with open_bytes(path, limits) as file:
        while True:
            data = _read(file, path, size)
            if not data:
                break
            total += len(data)
            limits.check(str(path), total, packed)
            cut = data.rfind(b"\n") + 1
            if len(rest) + len(data) - cut > LINE_BYTES:
                where = number + (rest + data).count(b"\n")
                raise InputError(f"{path}: line {where}: longer than {LINE_BYTES} bytes")
            if not cut:
                rest += data
                continue
            yield number, rest + data[:cut]
            number += rest.count(b"\n") + data.count(b"\n", 0, cut)
            rest = data[cut:]
    if rest:
        yield number, rest


def frame_of_lines(data: bytes, first: int) -> pl.DataFrame:
    """Return whole lines as columns ``number`` and ``text``; bytes not UTF-8 show as U+FFFD."""
    try:
        frame = _lines(data)
    except pl.exceptions.PolarsError:  # other bytes than UTF-8, or the separator's
        text = data.decode(errors="replace").removesuffix("\n").split("\n")
        frame = pl.DataFrame({"text": [line.removesuffix("\r") for line in text]})
    return frame.with_row_index("number", first).with_columns(pl.col("number").cast(pl.Int64))


def _lines(data: bytes) -> pl.DataFrame:
    return pl.read_csv(
        io.BytesIO(data),
        has_header=False,
        separator="\x01",
        quote_char=None,
        schema={"text": pl.String},
        empty_string_is_null=False,
        raise_if_empty=False,
    )
