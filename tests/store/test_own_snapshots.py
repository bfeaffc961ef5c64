"""Goal: a run goes on only from snapshots that this user's key signed, and always goes on.

Method: the key is changed, lost, opened to others, cannot be kept; a byte of an image is changed
with all its hashes; an image fails while it is put.  Each run must end as the uncut one.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import simulator
from simulator.store import image, own
from simulator.store.database import snapshot_digest
from simulator.store.image_kinds import ImageError
from simulator.store.journal import Journal
from simulator.store.resume import Resumption
from tests.store.test_resume import CUT_ROWS, make, stopped, uncut

ROWS = 9000
POSIX = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("UNIMARGIN_CACHE", str(folder))
    return folder


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows at which resumptions began."""
    found: list[int] = []
    begin = Resumption.begin

    def noted(one: Resumption, run: Any) -> int:
        found.append(begin(one, run))
        return found[-1]

    monkeypatch.setattr(Resumption, "begin", noted)
    return found


def ends_well(place: Path, run: int) -> None:
    result = simulator.resume(place, run, make=lambda chosen: make("unified", chosen))
    assert result.digest == uncut("unified")[0]


def test_from_an_own_snapshot(tmp_path: Path, begun: list[int]) -> None:
    run = stopped(tmp_path / "runs.db", make("unified"), ROWS, 0.0)
    ends_well(tmp_path / "runs.db", run)
    assert begun[0] >= ROWS - CUT_ROWS


@POSIX
@pytest.mark.parametrize("what", ["another", "lost", "open", "short"])
def test_from_the_start_where_the_key_is_another(
    tmp_path: Path, cache: Path, begun: list[int], what: str
) -> None:
    run = stopped(tmp_path / "runs.db", make("unified"), ROWS, 0.0)
    path = cache / own.KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    if what == "another":
        path.write_bytes(bytes(own.KEY_BYTES))
    elif what == "lost":
        path.unlink()
    elif what == "open":
        path.chmod(0o644)
    else:
        path.write_bytes(b"1")
    ends_well(tmp_path / "runs.db", run)
    assert begun == [0]


@pytest.mark.parametrize("what", ["image", "state", "n"])
def test_from_the_start_where_somebody_made_a_snapshot(
    tmp_path: Path, begun: list[int], what: str
) -> None:
    """With all the hashes that need no key."""
    place = tmp_path / "runs.db"
    run = stopped(place, make("unified"), ROWS, 0.0)
    with closing(sqlite3.connect(place)) as raw, raw:
        query = "SELECT n, kind, image, state FROM snapshots ORDER BY n DESC LIMIT 1"
        number, kind, bits, state = raw.execute(query).fetchone()
        bits += b"1" if what == "image" else b""
        state = state.replace('{"rows": ', '{"rows": 1') if what == "state" else state
        now = number - 1 if what == "n" else number
        raw.execute("DELETE FROM snapshots")
        digest = snapshot_digest(now, kind, bits, state)
        row = (run, now, kind, bits, state, digest)
        columns = "(run, n, kind, image, state, sha256)"
        raw.execute(f"INSERT INTO snapshots {columns} VALUES (?, ?, ?, ?, ?, ?)", row)
    raw.close()
    ends_well(place, run)
    assert begun == [0]


def test_from_the_start_where_an_image_fails(
    tmp_path: Path, begun: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stopped(tmp_path / "runs.db", make("unified"), ROWS, 0.0)

    def put(*_given: Any) -> None:
        raise ImageError("image: it does not fit")

    monkeypatch.setattr(image, "put", put)
    ends_well(tmp_path / "runs.db", run)
    assert begun == [0]


@pytest.mark.parametrize("cause", ["no key", "no image"])
def test_a_run_goes_on_without_snapshots(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    if cause == "no key":
        cache.write_text("a file where the folder would be")
    else:

        def take(_run: Any) -> bytes:
            raise ImageError("image: it holds what cannot be told")

        monkeypatch.setattr(image, "take", take)
    said: list[str] = []
    place = tmp_path / "runs.db"
    journal = Journal.open(place, cut_rows=CUT_ROWS, snapshot_seconds=0.0, note=said.append)
    assert make("unified").run(journal=journal).digest == uncut("unified")[0]
    assert [line.partition(":")[0] for line in said[1:]] == ["no snapshots"]


@pytest.mark.parametrize("state", [None, "", "[]", "1", '{"signature": 1}', "{", "[" * 10**5])
def test_what_is_no_signed_state(state: str | None) -> None:
    assert not own.is_own(bytes(own.KEY_BYTES), 1, b"", state)
