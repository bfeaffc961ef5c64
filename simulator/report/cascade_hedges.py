"""Pictures of hedges in a cascade: a closed leg, a broken correlation, a peg that goes.

Times are ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl

from simulator.report.cascade_lines import alike, key_of, path_line
from simulator.report.cascade_picture import Band, Floats, Line, Moment, Picture
from simulator.report.cascade_result import STAGES
from simulator.report.cascade_table import Told
from simulator.report.colours import LEVEL, LIQUIDATION, OTHER, PRICE, RUNS
from simulator.report.colours import STAGES as STAGE_COLOURS
from simulator.report.result import RunResult

OPENED = 0.1
"""A hedge counts as opened where closings leave it so much more exposed, as a share of its legs."""

PARTED = 0.01
"""A book has parted from its index where they differ by more, as a share of the index."""

ROOM = 0.15
"""A value axis goes on above its lines for the names of moments, by this share."""

SEVERAL_NS = 1_000_000_000
"""Closings further apart than this have a line each for the first and the last."""

LEGS = (RUNS[1], RUNS[2], RUNS[0])
"""Colours of the legs; what they leave open has that of liquidations."""


def hedge_pictures(runs: Sequence[Told]) -> list[Picture]:
    """Return the pictures of hedges: none where nobody's was opened and no credit moved."""
    account = opened(runs)
    credited = any(run.cascade is not None and _is_credited(run.cascade.hedges) for run, _ in runs)
    made: list[Picture] = []
    if credited:
        made.append(_correlation(runs))
        made += alike([_need(run) for run, _ in runs])
    if account is not None:
        if credited:
            made += _roomy(alike([_margin(run, account) for run, _ in runs]))
        made += _roomy(alike([_legs(run, account) for run, _ in runs]))
    return [one for one in made if not one.empty]


def opened(runs: Sequence[Told]) -> int | None:
    """Return the account whose hedge forced closings left most exposed, in any of the runs."""
    found: tuple[float, int] | None = None
    for run, _ in runs:
        if run.cascade is None or not run.cascade.legs.height:
            continue
        closed = set(run.cascade.closings["account"].unique().to_list())
        sums = (
            run.cascade.legs.group_by("account", "time_ns")
            .agg(net=pl.col("exposure").sum().abs(), gross=pl.col("exposure").abs().sum())
            .sort("time_ns")
            .group_by("account")
            .agg(
                more=pl.col("net").max() - pl.col("net").first(),
                gross=pl.col("gross").first(),
            )
        )
        for account, more, gross in sums.iter_rows():
            if account in closed and more > OPENED * gross:
                found = max(found or (0.0, 0), (more, -account))
    return None if found is None else -found[1]


def _legs(run: RunResult, account: int) -> Picture:
    """The legs of a hedge and what they leave open, and when the venue closed some of it."""
    lines: list[Line] = []
    title = f"A hedge, leg by leg, {run.label}"
    part = pl.DataFrame() if run.cascade is None else _of(run.cascade.legs, account)
    if not part.height:
        return Picture(key_of("legs", run), title, "exposure (USDT)", run.label)
    # The broad line lies below, so that the leg that it falls in with still shows.
    net = part.group_by("time_ns", maintain_order=True).agg(pl.col("exposure").sum())
    lines.append(_line("net exposure", LIQUIDATION, net, "exposure", width=5.0))
    for i, (name,) in enumerate(part.select("leg").unique(maintain_order=True).iter_rows()):
        leg = part.filter(pl.col("leg") == name)
        called = f"{name} position" if ":" in name else f"{name} coins"
        lines.append(_line(called, LEGS[i % len(LEGS)], leg, "exposure", width=1.8))
    return Picture(
        key_of("legs", run), title, "exposure (USDT)", run.label, lines=tuple(lines),
        moments=_moments(run, account),
        note=f"account {account}, {part['group'][0]}: positions at the mark, coins at the index",
    )  # fmt: skip


def _roomy(made: list[Picture]) -> list[Picture]:
    """Leave room for the names of moments above the lines."""
    return [
        one
        if one.values is None
        else replace(
            one, values=(one.values[0], one.values[1] + ROOM * (one.values[1] - one.values[0]))
        )
        for one in made
    ]


def _moments(run: RunResult, account: int) -> tuple[Moment, ...]:
    """When the venue closed positions of an account: first and last instant, by how."""
    if run.cascade is None:
        return ()
    made = []
    kinds = (("counterparty", "auto-deleveraged"), (STAGES, "liquidated"))
    for stages, called in kinds:
        chosen = pl.col("stage").is_in([stages] if isinstance(stages, str) else list(stages))
        times = run.cascade.closings.filter((pl.col("account") == account) & chosen)["time_ns"]
        if not times.len():
            continue
        first, last = times.to_numpy().min(), times.to_numpy().max()
        said = f"{called} {_clock(int(first))}"
        if last - first > SEVERAL_NS:
            said += f" to {_clock(int(last))}"
        tint = STAGE_COLOURS["deleverage"] if stages == "counterparty" else LEVEL
        made.append(Moment(said, tint, float(first) / 1e6))
    return tuple(made)


def _clock(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%H:%M:%S}"


def _margin(run: RunResult, account: int) -> Picture:
    """One hedge's equity and maintenance margin, and what it would be without the credit."""
    part = pl.DataFrame() if run.cascade is None else _of(run.cascade.hedges, account)
    title = f"One hedge: equity and requirement, {run.label}"
    if not part.height:
        return Picture(key_of("margin", run), title, "USDT", run.label)
    return Picture(
        key_of("margin", run), title, "USDT", run.label, lines=_required(part, "its"),
        bands=_credit(part), moments=_moments(run, account),
        note=f"account {account}, {part['group'][0]}, all its pools" + _none(part),
    )  # fmt: skip


def _need(run: RunResult) -> Picture:
    """What all hedged accounts together need, with the credit and without."""
    title = f"What hedged accounts need, {run.label}"
    part = pl.DataFrame()
    if run.cascade is not None:
        part = run.cascade.hedges.filter(pl.col("account").is_null())
    if not part.height:
        return Picture(key_of("need", run), title, "USDT", run.label)
    return Picture(
        key_of("need", run), title, "USDT", run.label, lines=_required(part, "their"),
        bands=_credit(part),
        note="all hedged accounts together; a liquidated one needs no more" + _none(part),
    )  # fmt: skip


def _required(part: pl.DataFrame, whose: str) -> tuple[Line, ...]:
    without = part.with_columns(without=pl.col("maintenance_margin") + pl.col("credit"))
    lines = (
        _line(f"{whose} equity", RUNS[1], part, "equity", width=1.8),
        _line("maintenance margin", LIQUIDATION, part, "maintenance_margin", width=2.4),
        _line("without the credit", PRICE, without, "without", "dot"),
    )
    return lines if _is_credited(part) else lines[:2]


def _credit(part: pl.DataFrame) -> tuple[Band, ...]:
    if not _is_credited(part):
        return ()
    low = part["maintenance_margin"].to_numpy()
    high = low + part["credit"].to_numpy()
    return (Band("credit", OTHER, 0.25, _ms(part), low, high),)


def _is_credited(part: pl.DataFrame) -> bool:
    """Whether there is a credit: pools of one position each have none."""
    return float(part["credit"].sum()) > 0


def _none(part: pl.DataFrame) -> str:
    return "" if _is_credited(part) else "; no credit between pools"


def _correlation(runs: Sequence[Told]) -> Picture:
    """The measured correlation and the share of the credit, once a variant."""
    lines: list[Line] = []
    by_variant: dict[str, RunResult] = {}
    for run, _ in runs:
        if run.cascade is not None and run.cascade.correlations.height:
            by_variant[run.variant] = run  # of a variant's modes the last: that of one pool
    for variant, run in by_variant.items():
        assert run.cascade is not None
        frame = run.cascade.correlations
        for one, other in frame.select("one", "other").unique(maintain_order=True).iter_rows():
            part = frame.filter((pl.col("one") == one) & (pl.col("other") == other))
            name = ", ".join(filter(None, (variant, f"{one} and {other}")))
            known = part.filter(pl.col("correlation").is_not_null())
            tint = RUNS[len(lines) // 2 % len(RUNS)]
            lines.append(_line(f"{name}: correlation", tint, known, "correlation", width=2.0))
            lines.append(_line(f"{name}: share of the credit", tint, part, "credit", "dot", 2.0))
    return Picture(
        "correlation", "Measured correlation, and the share of the credit that it gives",
        "correlation; share of the full credit", lines=tuple(lines), values=(-1.05, 1.25),
        note="until a half life is seen the rulebook's reference stands: the full credit",
        none="No correlation was measured.",
    )  # fmt: skip


def coin_picture(runs: Sequence[Told]) -> list[Picture]:
    """Return the book and the index of the coin that was sold most for debts, of every variant.

    None where there is one variant, or where no book parted from its index.
    """
    if len({run.variant for run, _ in runs}) < 2:
        return []
    sold: dict[str, float] = {}
    for run, _ in runs:
        if run.cascade is not None:
            sales = run.cascade.closings.filter((pl.col("stage") == "spot") & (pl.col("side") < 0))
            sums = sales.group_by("instrument").agg(pl.col("notional").sum())
            for name, notional in sums.iter_rows():
                sold[name] = sold.get(name, 0.0) + notional
    by_variant = {run.variant: run for run, _ in runs}
    for name in sorted(sold, key=lambda one: (-sold[one], one)):
        if not any(_parted(run, name) for run in by_variant.values()):
            continue
        lines: list[Line | None] = []
        for i, (variant, run) in enumerate(by_variant.items()):
            if run.cascade is None:
                continue
            tint = RUNS[i % len(RUNS)]
            book = f"{variant}: its book"
            lines.append(path_line(run.cascade, name, "book", book, tint, "solid", 2.2))
            index = f"{variant}: index"
            lines.append(path_line(run.cascade, name, "index", index, tint, "dash", 1.6))
        modes = dict.fromkeys(run.mode for run in by_variant.values())
        return [
            Picture(
                f"coin-{name}", f"Book and index of a collateral, {name}", "price (quote asset)",
                lines=tuple(line for line in lines if line is not None),
                note=f"{' and '.join(modes)}: collateral is worth the index, debts are covered "
                "through the book",
            )
        ]  # fmt: skip
    return []


def _parted(run: RunResult, name: str) -> bool:
    """Whether book and index of an instrument parted in a run."""
    if run.cascade is None:
        return False
    part = run.cascade.paths.filter(pl.col("instrument") == name)
    book = part["reference"] * (1 + part["displacement"])
    apart = (book / part["index"] - 1).abs().max()
    return isinstance(apart, float) and apart > PARTED


def _of(frame: pl.DataFrame, account: int) -> pl.DataFrame:
    return frame.filter(pl.col("account") == account).sort("time_ns", maintain_order=True)


def _ms(part: pl.DataFrame) -> Floats:
    return np.asarray(part["time_ns"].to_numpy() / 1e6)


def _line(
    name: str, tint: str, part: pl.DataFrame, column: str, dash: str = "solid", width: float = 1.6
) -> Line:
    return Line(name, tint, _ms(part), part[column].to_numpy(), dash, width)
