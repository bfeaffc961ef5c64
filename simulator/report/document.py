"""A run as one JSON document: everything that the table shows, per mode, in full precision."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.report.cascade_figures import as_document, figures
from simulator.report.result import RunResult
from simulator.report.values import finite, rate, utc

NESTED = ("conditions", "balances_before", "balances_after")
"""Columns of ``account_events`` that are JSON text."""


def document(
    results: Sequence[RunResult], least_capital: Mapping[str, float | None] | None = None
) -> dict[str, Any]:
    """Return the document; ``least_capital`` is by mode, in the run's currency."""
    first = results[0]
    made: dict[str, Any] = {
        "scenario": first.scenario,
        "rulebook": first.rulebook,
        "strategies": list(first.strategies),
        "data": list(first.data),
        "seed": first.seed,
        "currency": first.currency,
        "start": utc(first.start_ns),
        "end": utc(first.end_ns),
        "profile": dict(first.profile or {}),
        "runs": [_run(item) for item in results],
    }
    if least_capital is not None:
        for item in made["runs"]:
            item["least_capital"] = finite(least_capital.get(item["mode"]))
    return made


def as_json(made: Mapping[str, Any]) -> str:
    """Write a document; numbers that JSON cannot hold are a mistake of ours."""
    return json.dumps(made, indent=2, allow_nan=False, ensure_ascii=False)


def _run(run: RunResult) -> dict[str, Any]:
    found = figures(run)
    accounts = [run, *run.accounts] if run.accounts else []
    return {
        "mode": run.mode,
        "variant": run.variant,
        "place": run.place,
        **_account(run),
        "events": run.events,
        "wall_seconds": finite(run.wall_seconds),
        "events_per_second": finite(rate(run.events, run.wall_seconds)),
        "digest": run.digest,
        "run_id": run.run_id,
        "notes": list(run.notes),
        "cascade": None if found is None else as_document(found),
        "accounts": [_of_several(one) for one in accounts],
    }


def _of_several(one: RunResult) -> dict[str, Any]:
    """Return an account of a run in which several trade."""
    return {
        "number": one.number,
        "name": one.account,
        "mode": one.mode,
        "strategies": list(one.strategies),
        "place": one.place,
        "profile": dict(one.profile or {}),
        **_account(one),
    }


def _account(run: RunResult) -> dict[str, Any]:
    """Return what is of one account."""
    summary = run.summary
    return {
        "start_ns": run.start_ns,
        "end_ns": run.end_ns,
        "start_equity": finite(summary.start_equity),
        "end_equity": finite(summary.end_equity),
        "paid_in": finite(summary.paid_in),
        "pnl": {source: finite(value) for source, value in summary.pnl.items()},
        "pnl_total": finite(sum(summary.pnl.values())),
        "used_margin": finite(summary.used_margin),
        "available": finite(summary.available),
        "peak_initial_margin": finite(summary.peak_initial_margin),
        "peak_maintenance_margin": finite(summary.peak_maintenance_margin),
        "worst_ratio": finite(summary.worst_ratio),
        "ratio_name": summary.ratio_name,
        "thresholds": {name: finite(value) for name, value in run.thresholds.items()},
        "orders": summary.orders,
        "fills": summary.fills,
        "rejections": dict(sorted(summary.rejections.items())),
        "transfers": summary.transfers,
        "liquidations": summary.liquidations,
        "alerts": run.alerts.to_dicts(),
        "moves": run.moves.to_dicts(),
        "account_events": [_event(row) for row in run.account_events.iter_rows(named=True)],
        "funds": run.funds.to_dicts(),
        "story": run.story.to_dicts(),
    }


def _event(row: dict[str, Any]) -> dict[str, Any]:
    """Return a step with its nested values as such."""
    return row | {name: json.loads(row[name]) for name in NESTED}
