"""States of an account over time, and where steps were refused, for the strip under a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.report.result import RunResult


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time in one state; ``row`` counts the runs with a life from below, from 0."""

    state: str
    mode: str
    start_ms: float
    end_ms: float
    row: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A step that was refused."""

    step: str
    reason: str
    time_ms: float
    row: int = 0


@dataclass(frozen=True, slots=True)
class Strip:
    """What a strip shows; ``rows`` are the modes that the runs started in."""

    rows: tuple[str, ...] = ()
    bands: tuple[Band, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def states(self) -> list[str]:
        """States that occur, in the order of time."""
        return list(dict.fromkeys(band.state for band in self.bands))


NO_STRIP = Strip()
"""Of a picture that shows no states."""


def strip(results: Sequence[RunResult]) -> Strip:
    """Return the strip of all runs in which a step between the modes was asked for."""
    living = [run for run in results if run.account_events.height]
    bands: list[Band] = []
    refusals: list[Refusal] = []
    for row, run in enumerate(living):
        since = run.start_ns
        state = run.account_events["before"][0]
        for event in run.account_events.iter_rows(named=True):
            if event["refusal"]:
                at = event["time_ns"] / 1e6
                refusals.append(Refusal(event["step"], event["refusal"], at, row))
                continue
            bands.append(Band(state, run.name, since / 1e6, event["time_ns"] / 1e6, row))
            since, state = event["time_ns"], event["after"]
        bands.append(Band(state, run.name, since / 1e6, run.end_ns / 1e6, row))
    shown = tuple(band for band in bands if band.end_ms > band.start_ms)
    return Strip(tuple(run.name for run in living), shown, tuple(refusals))
