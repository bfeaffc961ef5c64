"""The files of a run under its output folder; docs/report.md lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.report.document import as_json
from simulator.report.result import RunResult, by_account
from simulator.report.table import Row

FRAMES = (
    "fills", "history", "inventory", "prices", "liquidations", "alerts", "moves",
    "account_events", "funds", "story",
)  # fmt: skip

CASCADE_FRAMES = (
    "closings", "calls", "groups", "fund", "fan", "heat", "paths", "legs", "hedges", "correlations",
)  # fmt: skip


def write_files(
    results: Sequence[RunResult],
    document: Mapping[str, Any],
    folder: Path,
    *,
    report: bool = True,
    png: bool = False,
    extra: Sequence[Row] = (),
) -> list[Path]:
    """Write run.json, the frames of each mode, and if ``report`` the pictures; return the files.

    Raises ``InputError`` if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [folder / "run.json"]
        written[0].write_text(as_json(document) + "\n", encoding="utf-8")
        for run in results:
            own = folder / run.place
            for one in (run, *run.accounts):
                written += _account(one, folder / one.place)
            for part, name in ((run.cascade, "cascade"), (run.quiet, "without_feedback")):
                if part is not None:
                    (own / name).mkdir(exist_ok=True)
                    written += _frames(part, CASCADE_FRAMES, own / name)
        if report:
            written += _pictures(results, folder, extra)
        if png:
            from simulator.report.static import write_panels

            if any(run.cascade is not None for run in results):
                from simulator.report.cascade_static import write_cascade_panels

                written += write_cascade_panels(results, folder / "png")
            if traders := [run for run in results if run.has_trader]:
                written += write_panels(by_account(traders), folder / "png")
    except OSError as error:
        raise InputError(f"--out {folder}: cannot write: {error.strerror or error}") from error
    return written


def _account(of: RunResult, folder: Path) -> list[Path]:
    """Write the frames of an account that trades, and its portfolio."""
    folder.mkdir(parents=True, exist_ok=True)
    written = _frames(of, FRAMES, folder)
    if of.portfolio is not None:
        written.append(folder / "portfolio.json")
        written[-1].write_text(as_json(of.portfolio) + "\n", encoding="utf-8")
    return written


def _frames(of: object, names: Sequence[str], folder: Path) -> list[Path]:
    """Write frames as Parquet files of their names."""
    written = []
    for name in names:
        written.append(folder / f"{name}.parquet")
        getattr(of, name).write_parquet(written[-1])
    return written


def _pictures(results: Sequence[RunResult], folder: Path, extra: Sequence[Row]) -> list[Path]:
    from simulator.report.page import page
    from simulator.report.static import write_overview

    html, overview = folder / "report.html", folder / "report.png"
    html.write_text(page(results, extra), encoding="utf-8")
    if any(run.cascade is not None for run in results):
        from simulator.report.cascade_static import write_cascade_overview

        write_cascade_overview(results, overview)
    else:
        write_overview(by_account(results), overview)
    return [html, overview]
