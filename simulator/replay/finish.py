"""The second half of an import: merge the runs, turn them into ticks and lots, write, describe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.instruments.catalogue import instrument as described
from simulator.instruments.instrument import Instrument
from simulator.market.manifest import (
    BookSource,
    Finding,
    Latency,
    Listed,
    Manifest,
    Source,
    Tops,
    sha256_of,
    write_manifest,
)
from simulator.market.merge import Stream, merge
from simulator.market.tape import DERIVED, Kind
from simulator.market.write import write_tape
from simulator.replay.batch import Found, Job
from simulator.replay.coarse import CoarseLots, bookable, in_e8
from simulator.replay.runs import Census, Progress, Run, Runs
from simulator.replay.steps import in_steps

SAMPLE = 64
"""Every so many rows' latency goes into the median."""


def write(runs: Runs, job: Job, out: Path, sources: list[Source], progress: Progress) -> Manifest:
    """Merge the runs into the tape ``out`` and write its manifest, which is returned."""
    found, rounding = _instruments(runs, job)
    summary = _Summary()
    frames = _tape_frames(runs, [one for one, _ in found], rounding, summary, progress)
    write_tape(frames, out)
    manifest = Manifest(
        tape=out.name,
        sha256=sha256_of(out),
        rows=summary.rows,
        first_ns=summary.first_ns,
        last_ns=summary.last_ns,
        instruments=[
            _listed(
                instrument, source, summary.census.of(number), summary.census.has_depth(number), job
            )
            for number, (instrument, source) in enumerate(found)
        ],
        sources=sources,
        on_gap=job.on_gap,
        latency=summary.latency(),
        findings=_findings(job.findings),
        left_out=_findings(job.left_out),
        notes=job.notes,
    )
    write_manifest(out, manifest)
    return manifest


def _instruments(runs: Runs, job: Job) -> tuple[list[tuple[Instrument, str]], CoarseLots]:
    """Return the instruments and where their filters come from, and how lots are rounded."""
    found, coarse = [], {}
    for number, name in enumerate(job.instruments):
        one, source = described(name, runs.steps.tick(number), runs.steps.lot(number), job.pair)
        coarser = bookable(one)
        if coarser != one:
            coarse[number] = in_e8(coarser.lot)
            source = f"{source}; lot as fine as can be booked"
        found.append((coarser, source))

    def note(number: int, count: int) -> None:
        job.find("rounded_up_to_lot", job.instruments[number], count)

    return found, CoarseLots(coarse, note)


def _findings(found: dict[str, Found]) -> dict[str, Finding]:
    return {name: Finding(count=one.count, first=one.first) for name, one in sorted(found.items())}


def _tape_frames(
    runs: Runs,
    instruments: list[Instrument],
    rounding: CoarseLots,
    summary: _Summary,
    progress: Progress,
) -> Iterator[pl.DataFrame]:
    ticks, lots = (
        np.array([int(getattr(one, step) * 10**8) for one in instruments], dtype=np.int64)
        for step in ("tick", "lot")
    )
    same = len(instruments) == 1
    kinds = runs.census.kinds
    # Where orders are shown one by one, their fills are the prints.
    alone = (kinds[:, [Kind.TRADE, Kind.ORDER_ADD]] == 0).all(axis=1)
    alone &= kinds[:, Kind.AGG_TRADE] > 0
    with_depth = np.flatnonzero(runs.census.depth).tolist()
    opened = [
        Stream(run.first_ns, _Open(run, with_depth if run.derived_book else []))
        for run in runs.runs
    ]
    for frame in merge(opened):
        if alone.any():
            frame = _as_trades(frame, np.flatnonzero(alone).tolist())
        if rounding.lots:
            frame = rounding.rounded(frame)
        frame = in_steps(frame, ticks, lots, same)
        summary.see(frame)
        progress("writing", summary.rows, runs.rows)
        yield frame


@dataclass(frozen=True, slots=True)
class _Open:
    """Reads a run; a book derived from quotes is left out where depth was recorded."""

    run: Run
    with_depth: list[int]

    def __call__(self) -> Iterator[pl.DataFrame]:
        frame = pl.read_ipc(self.run.path)
        if self.with_depth:
            derived = (pl.col("flags") & DERIVED != 0) & pl.col("kind").is_in(
                [int(Kind.DEPTH), int(Kind.CLEAR)]
            )
            frame = frame.filter(~(derived & pl.col("instrument").is_in(self.with_depth)))
        yield frame


def _as_trades(frame: pl.DataFrame, instruments: list[int]) -> pl.DataFrame:
    """Let aggregate trades be the trades of instruments that have no single ones."""
    mine = (pl.col("kind") == int(Kind.AGG_TRADE)) & pl.col("instrument").is_in(instruments)
    trade = pl.lit(int(Kind.TRADE), pl.UInt8)
    return frame.with_columns(pl.when(mine).then(trade).otherwise("kind").alias("kind"))


@dataclass(slots=True)
class _Summary:
    """What the manifest says of the rows, gathered while they are written."""

    census: Census = field(default_factory=Census)
    rows: int = 0
    first_ns: int = 0
    last_ns: int = 0
    least: int = 2**62
    total: int = 0
    stamped: int = 0
    samples: list[NDArray[np.int64]] = field(default_factory=list)

    def see(self, frame: pl.DataFrame) -> None:
        """Take rows into account."""
        if not self.rows:
            self.first_ns = int(frame["time_ns"][0])
        self.last_ns = int(frame["time_ns"][-1])
        self.rows += frame.height
        self.census.see(frame)
        time, receive = frame["time_ns"].to_numpy(), frame["receive_ns"].to_numpy()
        stamped = (receive > 0) & (frame["flags"].to_numpy() & DERIVED == 0)
        late = (receive - time)[stamped]
        if late.size:
            self.least = min(self.least, int(late.min()))
            self.total += int(late.sum())
            self.stamped += late.size
            self.samples.append(late[::SAMPLE].copy())

    def latency(self) -> Latency:
        """Return the recorder's clock offset and the feed's latency after it."""
        if not self.stamped:
            return Latency()
        median = int(np.median(np.concatenate(self.samples)))
        return Latency(
            offset=self.least,
            mean=self.total // self.stamped - self.least,
            median=median - self.least,
        )


def _listed(
    instrument: Instrument, source: str, rows: dict[str, int], has_depth: bool, job: Job
) -> Listed:
    compared, agreed = job.checks.get(instrument.name, (0, 0))
    amounts = ("contract_size", "min_quantity", "min_notional", "max_quantity")
    return Listed(
        market=instrument.market,
        symbol=instrument.symbol,
        base=instrument.base,
        quote=instrument.quote,
        tick=instrument.tick,
        lot=instrument.lot,
        **{name: getattr(instrument, name) for name in amounts},
        filters_from=source,
        book=_book(rows, has_depth),
        rows=rows,
        tops=Tops(compared=compared, agreed=agreed),
    )


def _book(rows: dict[str, int], has_depth: bool) -> BookSource:
    if has_depth:
        return "depth"
    if "ORDER_ADD" in rows:
        return "orders"
    if "DEPTH" in rows:
        return "quote"
    if "TRADE" in rows:
        return "trade"
    return "bar" if "BAR_CLOSE" in rows else "none"
