"""Files to a tape: find out what each file is, read all of them, merge, and write with a manifest.

Readers are told by content (``READERS``): recorded streams (``streams``), files of the exchange's
archive (``archive``), and any table whose columns the user names (``generic``).  Each reader's
batches are put aside as sorted runs; once all are read, ticks and lots are known and the runs are
merged into the tape.  So memory is bounded by a chunk of the input, not by its length.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from simulator.errors import InputError
from simulator.market.manifest import Manifest, Source, sha256_of
from simulator.market.tape import Kind
from simulator.replay import streams
from simulator.replay.archive import is_archive, read_archive
from simulator.replay.archive_text import BOM
from simulator.replay.batch import BATCH_SCHEMA, Job, OnGap
from simulator.replay.finish import write
from simulator.replay.generic import read_generic
from simulator.replay.lines import DEFAULT_LIMITS, Limits, head_of
from simulator.replay.runs import Progress, Runs
from simulator.replay.source import Issues, ReadOptions
from simulator.replay.source import Source as FileSource

NOT_DATA = (".checksum", ".md", ".manifest.json", ".py", ".toml")
"""Endings of files that a folder of data may hold beside the data."""


def _is_stream(path: Path, options: ReadOptions) -> bool:
    try:
        head = head_of(path, limits=options.limits)
    except InputError:
        if zipfile.is_zipfile(path):
            return False  # of several members: a recording is one
        raise
    if not head.removeprefix(BOM).strip():
        raise InputError(f"{path}: is empty")
    return streams.detect(head, path)


READERS: dict[str, Callable[[Path, ReadOptions], bool]] = {
    "generic": lambda path, options: options.columns is not None,
    "streams": _is_stream,
    "archive": is_archive,
}
"""Readers in the order they are asked whether a file is theirs."""


def import_paths(
    paths: list[Path],
    out: Path,
    *,
    on_gap: OnGap = "stop",
    instrument: str | None = None,
    columns: Mapping[str, str] | None = None,
    kind: str | None = None,
    market: str | None = None,
    symbol: str | None = None,
    time_unit: str | None = None,
    fill_quantity: str = "filled",
    pair: tuple[str, str] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    lenient: bool = False,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Manifest:
    """Write the files (and the files of folders) in ``paths`` as the tape ``out``.

    ``instrument`` (``market:symbol``) restricts streams to one instrument, and names it where a
    file does not; ``market`` and ``symbol`` do so for tables, ``columns`` maps our column names to
    a table's, ``fill_quantity`` is as in `ReadOptions`.  ``pair`` is base and quote asset where
    symbols do not tell them; ``limits`` stop decompression bombs.  ``lenient`` leaves files out
    that no reader knows, though the user named them, as long as there is one that is known.  Raises
    ``InputError`` if a file is not understood, and with ``on_gap`` ``stop`` if a recording breaks.
    """
    if out.suffix != ".parquet":
        raise InputError(f"--out {out}: a tape's name must end in .parquet")
    if instrument is not None and ":" in instrument:
        market, symbol = (part or None for part in instrument.split(":", 1))
    options = ReadOptions(market, symbol, kind, columns, time_unit, limits, fill_quantity)
    job = Job(on_gap=on_gap, only=instrument, pair=pair, limits=limits)
    readers = _dispatch(paths, options, job, lenient and len(paths) > 1)
    sources = [source for files in readers.values() for _, source in files]
    total = sum(source.size for source in sources)
    done = 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        progress("reading", done, total)

    job.advance = advance
    with _scratch(out) as folder:
        runs = Runs(folder)
        if "streams" in readers:
            for batch, derived in streams.read([path for path, _ in readers["streams"]], job):
                runs.add(batch, derived)
        for name in ("archive", "generic"):
            _tables(name, [path for path, _ in readers.get(name, [])], options, job, runs)
        if not runs.rows:
            named = ", ".join(str(path) for path in paths)
            left_out = ", ".join(f"{name} {one.count:,}" for name, one in job.left_out.items())
            why = f" (left out: {left_out})" if left_out else ""
            raise InputError(f"{named}: no market data that a tape holds{why}")
        try:
            return write(runs, job, out, sorted(sources, key=lambda s: s.name), progress)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"]))
            raise InputError(
                f"{paths[0]}: no tape can hold this: {field}: {first['msg']}"
            ) from None


@contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=f".{out.stem}-", dir=out.parent)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written there: {error.strerror}") from None
    with folder as name:
        yield Path(name)


PRICE_KLINES = ("markPriceKlines", "indexPriceKlines", "premiumIndexKlines")


def _dispatch(
    paths: list[Path], options: ReadOptions, job: Job, lenient: bool
) -> dict[str, list[tuple[Path, Source]]]:
    """Return the files of each reader.  Files of equal content are read once."""
    readers: dict[str, list[tuple[Path, Source]]] = {}
    seen: dict[tuple[str, str], Path] = {}
    for path, named in files_of(paths):
        try:
            digest = sha256_of(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        # The folder tells the kinds of price klines apart; two kinds can have the same bytes.
        content = (digest, next((part for part in path.parts if part in PRICE_KLINES), ""))
        if content in seen:
            job.leave_out("duplicate_file", f"{path} (as {seen[content]})")
            continue
        seen[content] = path
        reader = _reader(path, options, named and not lenient)
        if reader is None:
            job.leave_out("file_not_recognised", str(path))
            continue
        source = Source(name=path.name, sha256=digest, size=path.stat().st_size)
        readers.setdefault(reader, []).append((path, source))
    return readers


def _reader(path: Path, options: ReadOptions, named: bool) -> str | None:
    """Return whose file it is; ``None`` for a folder's file that is nobody's."""
    if path.stat().st_size == 0:
        if named:
            raise InputError(f"{path}: is empty")
        return None
    for name, is_mine in READERS.items():
        try:
            if is_mine(path, options):
                return name
        except InputError:
            if named:
                raise
            return None
    if named:
        raise InputError(
            f"{path}: not recognised: neither lines of 'receive_ns {{json}}' nor a table of the "
            "exchange's archive; name a table's columns with --columns"
        )
    return None


def files_of(paths: list[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield files and whether the user named them; folders are walked in sorted order."""
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                plain = not any(part.startswith(".") for part in file.relative_to(path).parts)
                if file.is_file() and plain and not file.name.lower().endswith(NOT_DATA):
                    yield file, False
        elif path.is_file():
            yield path, True
        else:
            raise InputError(f"{path}: no such file or folder")


def _tables(name: str, paths: list[Path], options: ReadOptions, job: Job, runs: Runs) -> None:
    reader = read_generic if name == "generic" else read_archive
    found: list[FileSource] = []
    for path in paths:
        found.extend(reader(path, options))
        job.advance(path.stat().st_size)
    before: FileSource | None = None
    for source in sorted(found, key=lambda s: (s.instrument, s.kind_name, s.name)):
        number = job.instrument(source.instrument)
        source.follow(before)
        before = source
        for frame in source.frames:
            batch = frame.with_columns(pl.lit(number, pl.UInt16).alias("instrument"))
            if source.kind_name == "aggTrades":
                batch = batch.with_columns(
                    pl.when(pl.col("kind") == int(Kind.TRADE))
                    .then(pl.lit(int(Kind.AGG_TRADE), pl.UInt8))
                    .otherwise("kind")
                    .alias("kind")
                )
            runs.add(batch.select(list(BATCH_SCHEMA)), source.derived_book)
        _note(source.name, source.issues, job)


LEFT_OUT = (
    "duplicate_rows",
    "duplicate_ids",
    "blank_lines",
    "zero_quantity",
    "unknown_orders",
    "add_after_end",
    "changes_without_effect",
)
"""Issues of tables that are rows left out by a rule; the others are findings."""


def _note(name: str, issues: Issues, job: Job) -> None:
    job.notes += issues.notes
    for key, count in sorted(issues.counts.items()):
        where = issues.examples.get(key, name)
        if key in LEFT_OUT:
            job.leave_out(key, where, count)
        else:
            job.find(key, where, count)
