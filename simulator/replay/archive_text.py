"""Text files, plain or compressed, as blocks of whole lines and as polars frames of strings.

A file is told by its first bytes: zip, gzip, xz or plain.  It is decompressed in blocks, so a file
larger than memory is read in bounded memory and nothing is extracted to disk.  Limits on the text's
size and on text size / file size stop decompression bombs.
"""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import polars as pl

from simulator.errors import InputError
from simulator.replay.lines import DAMAGED, first_line
from simulator.replay.source import ReadOptions, printable

BLOCK_BYTES = 16 * 2**20
"""Text read at a time; some 250,000 trades."""

LINE_BYTES = 2**20
"""Longest line; a longer one means that this is no text of lines."""

SAMPLE_BYTES = 2**16
"""Text at a file's start by which it is recognised."""

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class TextFile:
    """A plain or compressed file, or one ``member`` of a zip."""

    path: Path
    options: ReadOptions
    member: str | None = None

    @property
    def name(self) -> str:
        """Name for messages: the path, and the member below it."""
        return printable(str(self.path) if self.member is None else f"{self.path}/{self.member}")

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[tuple[int, bytes]]:
        """Yield ``(number of the first line, whole lines)``; lines count from 1.

        Raises `InputError` for damaged or too large files and for lines above `LINE_BYTES`.
        """
        line, rest = 1, b""
        for chunk in self._chunks(size):
            data = rest + chunk
            if line == 1 and not rest:
                data = data.removeprefix(BOM)
            cut = data.rfind(b"\n") + 1
            if len(data) - cut > LINE_BYTES:
                where = line + data.count(b"\n")
                raise InputError(f"{self.name}, line {where}: longer than {LINE_BYTES} bytes")
            if cut:
                yield line, data[:cut]
                line += data.count(b"\n", 0, cut)
            rest = data[cut:]
        if rest:
            yield line, rest

    def sample(self) -> list[str]:
        """Return the first lines that are not blank, without line ends.

        A line that the sample cuts off is left out.  Raises `InputError` where the file is no text.
        """
        data = next((block for _, block in self.blocks(SAMPLE_BYTES)), b"")
        try:
            lines = data.decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{self.name}: is no UTF-8 text (byte {error.start})") from None
        return [line.rstrip("\r") for line in lines if line.strip()]

    def _chunks(self, size: int) -> Iterator[bytes]:
        total = 0
        try:
            with ExitStack() as stack:
                stream, packed = self._open(stack)
                while chunk := stream.read(size):
                    total += len(chunk)
                    self.options.limits.check(self.name, total, packed)
                    yield chunk
        except InputError:
            raise
        except (NotImplementedError, RuntimeError) as error:
            # zipfile's answer to unknown compression methods and to encrypted members
            raise InputError(f"{self.name}: cannot be unzipped: {printable(str(error))}") from None
        except DAMAGED as error:
            raise InputError(f"{self.name}: cannot be read: {first_line(error)}") from None

    def _open(self, stack: ExitStack) -> tuple[IO[bytes], int]:
        """Return the stream of text and the compressed size (0: not compressed)."""
        packed = self.path.stat().st_size
        if self.member is not None:
            archive = stack.enter_context(zipfile.ZipFile(self.path))
            info = archive.getinfo(self.member)
            return stack.enter_context(archive.open(info)), max(1, info.compress_size)
        with self.path.open("rb") as file:
            magic = file.read(6)
        if magic.startswith(b"\x1f\x8b"):
            return stack.enter_context(_gunzip(self.path)), packed
        if magic == b"\xfd7zXZ\x00":
            return stack.enter_context(lzma.open(self.path, "rb")), packed
        return stack.enter_context(self.path.open("rb")), 0


def _gunzip(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb"))


def text_files(path: Path, options: ReadOptions) -> list[TextFile]:
    """Return the text of ``path``: itself, or a zip's members in name order.

    Raises `InputError` where the file is missing or the zip is damaged or empty.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            zipped = file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
        if not zipped:
            return [TextFile(path, options)]
        with zipfile.ZipFile(path) as archive:
            members = sorted(info.filename for info in archive.infolist() if not info.is_dir())
    except DAMAGED as error:
        raise InputError(f"{path}: cannot be read: {first_line(error)}") from None
    if not members:
        raise InputError(f"{path}: the zip holds no file")
    return [TextFile(path, options, member) for member in members]


def string_frames(file: TextFile, names: list[str], header: bool) -> Iterator[pl.DataFrame]:
    """Yield a CSV's lines as frames of strings, columns ``names`` and ``line`` (its number).

    Blank lines stay, as rows of nulls.  Raises `InputError` naming the line for a wrong number of
    fields, bytes that are no UTF-8, or a line break within quotes.
    """
    schema = dict.fromkeys(names, pl.String)
    skip = header
    for first, data in file.blocks():
        while skip and data:
            # blank lines before the header do not count as the header
            cut = data.find(b"\n") + 1 or len(data)
            skip = not data[:cut].strip()
            first, data = first + 1, data[cut:]
        if not data.strip():
            continue
        frame = _parse(file, data, first, schema)
        yield frame.with_row_index("line", offset=first).with_columns(pl.col("line").cast(pl.Int64))


def _parse(
    file: TextFile, data: bytes, first_line: int, schema: dict[str, type[pl.String]]
) -> pl.DataFrame:
    quoted = b'"' in data
    # polars takes the width from the first line, which may be blank or broken
    width_line = b"," * (len(schema) - 1) + b"\n"
    try:
        frame = pl.read_csv(
            io.BytesIO(width_line + data),
            has_header=False,
            schema=schema,
            infer_schema=False,
            quote_char='"' if quoted else None,
        ).slice(1)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        _explain(file, data, first_line, len(schema))
        reason = printable(str(error).strip().split("\n", maxsplit=1)[0])
        raise InputError(f"{file.name}, from line {first_line}: no CSV: {reason}") from None
    if quoted and frame.height != data.count(b"\n") + (not data.endswith(b"\n")):
        raise InputError(f"{file.name}, from line {first_line}: a line break within quotes")
    if frame[frame.columns[-1]].null_count():
        _explain(file, data, first_line, len(schema))
    return frame


def _explain(file: TextFile, data: bytes, first_line: int, width: int) -> None:
    """Raise `InputError` for the first line that cannot be right, if there is one."""
    for number, line in enumerate(data.split(b"\n"), first_line):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{file.name}, line {number}: byte {error.start} is no UTF-8"
            ) from None
        fields = text.count(",") + 1
        if text.strip() and '"' not in text and fields != width:
            raise InputError(f"{file.name}, line {number}: {fields} fields, expected {width}")
