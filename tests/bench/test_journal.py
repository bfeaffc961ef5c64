"""Goal: the journal's bench times one and the same run, whatever it is written to.

Method: a small tape of its own; no figure of speed is asserted.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.journal import measure, replay
from bench.synthetic import synthetic_rows
from bench.tape import write_forms


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tape")
    write_forms(synthetic_rows(20_000, 7), folder, "small")
    return folder


def test_a_run_is_the_same_with_a_journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.journal.REST_SECONDS", 0.0)
    found = measure(folder, 1, postgres=False)
    assert set(found["rounds"]) == {"off", "SQLite"}
    (written,) = found["rounds"]["SQLite"]
    assert written["replayed"] <= written["durable"] <= written["closed"]
    assert found["rows"] > 100


def test_without_a_journal_nothing_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.journal.REST_SECONDS", 0.0)
    assert set(replay(folder, None)) == {"digest", "replayed", "processor"}
