"""The files of a run under its output folder; docs/report.md lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.report.document import as_json
from simulator.report.result import RunResult
from simulator.report.table import Row

FRAMES = (
    "fills", "history", "inventory", "prices", "liquidations", "alerts", "moves",
    "account_events", "funds", "story",
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
            (folder / run.mode).mkdir(exist_ok=True)
            for name in FRAMES:
                path = folder / run.mode / f"{name}.parquet"
                getattr(run, name).write_parquet(path)
                written.append(path)
            if run.portfolio is not None:
                path = folder / run.mode / "portfolio.json"
                path.write_text(as_json(run.portfolio) + "\n", encoding="utf-8")
                written.append(path)
        if report:
            written += _pictures(results, folder, extra)
        if png:
            from simulator.report.static import write_panels

            written += write_panels(results, folder / "png")
    except OSError as error:
        raise InputError(f"--out {folder}: cannot write: {error.strerror or error}") from error
    return written


def _pictures(results: Sequence[RunResult], folder: Path, extra: Sequence[Row]) -> list[Path]:
    from simulator.report.page import page
    from simulator.report.static import write_overview

    html, overview = folder / "report.html", folder / "report.png"
    html.write_text(page(results, extra), encoding="utf-8")
    write_overview(results, overview)
    return [html, overview]
