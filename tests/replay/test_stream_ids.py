"""Goal: ids of prints are whole numbers of 64 bits, none is taken for another.

Method: ids that a float cannot tell apart; a print without its id.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest

from simulator.errors import InputError
from simulator.replay.stream_prints import Prints


class _Job:
    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def find(self, name: str, _where: str, count: int) -> None:
        self.found[name] += count

    leave_out = find


def _read(ids: list[int | None], joins: bool = False) -> tuple[_Job, dict[str, np.ndarray]]:
    rows = range(len(ids))
    frame = pl.DataFrame(
        {"a": ids, "p": [1.0 for _ in rows], "q": [1.0 for _ in rows], "place": list(rows)},
        schema_overrides={"a": pl.Int64},
    )
    job, seen = _Job(), dict[str, np.ndarray]()
    Prints(job, lambda place: f"line {place + 1}")(seen, "aggregate", "a", frame, joins)  # type: ignore[arg-type]
    return job, seen


def test_ids_above_what_a_float_holds_are_told_apart() -> None:
    ids = [2**53 + 1, 2**53 + 2, 2**63 - 1]
    job, seen = _read(list(ids))
    assert seen["a"].tolist() == ids
    assert job.found == {"aggregate_id_gap": 1}


def test_a_print_without_its_id_is_refused_with_its_line() -> None:
    with pytest.raises(InputError, match="line 2: aggregate without its number 'a'"):
        _read([1, None])
