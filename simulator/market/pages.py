"""Headers of a Parquet file's pages, looked at before the library decodes them.

polars takes a page's number of values as it stands: below 0 it asks for 2**61 bytes, and a failed
allocation ends the process, which no ``except`` catches.  Footer and headers are Thrift in its
compact protocol (apache/thrift, doc/specs/thrift-compact-protocol.md); fields as in
apache/parquet-format, src/main/thrift/parquet.thrift.  Only what is needed is kept.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

MAGIC = b"PAR1"

TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
"""Types of the compact protocol; 4, 5 and 6 are integers of 16, 32 and 64 bits."""

DEEPEST = 32
"""Structures in one another; those of Parquet are 6 deep."""

HEADER_BYTES = 4096
"""Bytes in which a page's header ends, unless its statistics hold long texts."""

DATA, DICTIONARY, DATA_2 = 5, 7, 8
"""Fields of a page's header that hold the header of its kind, whose field 1 counts its values."""

SIZES = {2: "uncompressed", 3: "compressed"}
"""Fields of a page's header that are numbers of bytes."""


class DamagedError(ValueError):
    """A footer or a header is none."""


class Thrift:
    """Reads values of the compact protocol; `DamagedError` where there are none."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        found = self.data[self.at : self.at + count]
        if len(found) < count:
            raise DamagedError("ends too early")
        self.at += count
        return found

    def unsigned(self) -> int:
        """Return a number in groups of 7 bits."""
        found = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found
        raise DamagedError("a number of more than 64 bits")

    def integer(self) -> int:
        """Return a number whose lowest bit is the sign."""
        found = self.unsigned()
        return found >> 1 ^ -(found & 1)

    def value(self, kind: int, deep: int = 0) -> Any:
        """Return a value: a structure as a dict by field, a text as bytes, a map as nothing."""
        if deep > DEEPEST:
            raise DamagedError("nested too deeply")
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind == BYTE:
            return self.take(1)[0]
        if BYTE < kind < DOUBLE:
            return self.integer()
        if kind == DOUBLE:
            return self.take(8)
        if kind == BINARY:
            return self.take(self.unsigned())
        if kind in (LIST, SET):
            return self._list(deep)
        if kind == MAP:
            return self._map(deep)
        if kind == STRUCT:
            return self._fields(deep)
        raise DamagedError(f"a value of type {kind}")

    def _list(self, deep: int) -> list[Any]:
        head = self.take(1)[0]
        count = head >> 4 if head >> 4 < 15 else self.unsigned()
        kind = head & 15
        if kind in (TRUE, FALSE):  # in a list a byte each
            return [byte == TRUE for byte in self.take(count)]
        return [self.value(kind, deep + 1) for _ in range(count)]

    def _map(self, deep: int) -> None:
        count = self.unsigned()
        kinds = self.take(1)[0] if count else 0
        for _ in range(count):
            self.value(kinds >> 4, deep + 1)
            self.value(kinds & 15, deep + 1)

    def _fields(self, deep: int) -> dict[int, Any]:
        found: dict[int, Any] = {}
        number = 0
        while head := self.take(1)[0]:
            number = number + (head >> 4) if head >> 4 else self.integer()
            found[number] = self.value(head & 15, deep + 1)
        return found


def check_pages(file: BinaryIO) -> None:
    """Raise `DamagedError` where a page says that it holds fewer than no values or bytes."""
    for number, (start, stop, values) in enumerate(_chunks(file)):
        at, counted = start, 0
        while at < stop and counted < values:
            header, length = _header(file, at, stop)
            for field, size in SIZES.items():
                _check(header.get(field), f"column chunk {number}: a page's {size} bytes")
            for kind in (DATA, DICTIONARY, DATA_2):
                about = header.get(kind, {1: 0})
                if not isinstance(about, dict):
                    raise DamagedError(f"column chunk {number}: a page without a header")
                for figure in (about.get(1), *(one for one in about.values() if type(one) is int)):
                    _check(figure, f"column chunk {number}: a page's values")
                counted += 0 if kind == DICTIONARY else about[1]
            at += length + header[3]


def _check(figure: object, what: str) -> None:
    if not isinstance(figure, int) or figure < 0:
        raise DamagedError(f"{what}: {figure}")


def _header(file: BinaryIO, at: int, stop: int) -> tuple[dict[int, Any], int]:
    """Return the header of the page that begins at a byte, and its length."""
    for most in (HEADER_BYTES, stop - at):
        file.seek(at)
        reader = Thrift(file.read(min(most, stop - at)))
        try:
            return reader.value(STRUCT), reader.at
        except DamagedError:
            if most >= stop - at:
                raise
    raise DamagedError("a page without a header")


def _chunks(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Yield for each column chunk where its pages begin and end, and how many values it has."""
    end = file.seek(0, 2)
    if end < 12:
        raise DamagedError("too short")
    file.seek(end - 8)
    length, magic = struct.unpack("<I4s", file.read(8))
    if magic != MAGIC or length > end - 12:
        raise DamagedError("no footer")
    file.seek(end - 8 - length)
    footer = Thrift(file.read(length)).value(STRUCT)
    try:
        for group in footer[4]:
            for chunk in group[1]:
                about = chunk[3]
                first = min(about[9], about.get(11) or about[9])
                if not isinstance(about[5], int) or first < 0:
                    raise DamagedError(f"{about[5]!r:.60} values at byte {first}")
                yield first, min(first + about[7], end), about[5]
    except (LookupError, TypeError, AttributeError):
        raise DamagedError("no column chunks in its footer") from None
