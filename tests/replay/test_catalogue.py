"""What the user names becomes tapes: as they are, or imported once into the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import InputError
from simulator.market.read import is_tape
from simulator.replay.catalogue import cache_folder, load
from tests.replay.streams_kit import imported, record, trade


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("UNIMARGIN_CACHE", str(folder))
    return folder


def test_a_tape_and_a_folder_of_tapes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    tape, _ = imported(data, [trade(0, 1)])
    (data / "recording.gz").unlink()
    assert load(tape) == [tape]
    assert load([data, tape]) == [tape]


def test_raw_files_are_imported_once_whatever_they_are_called(tmp_path: Path, cache: Path) -> None:
    notes: list[str] = []
    first = record(tmp_path, [trade(0, 1)], "a.gz")
    (tape,) = load(str(first), note=notes.append)
    assert tape.parent == cache
    assert is_tape(tape)
    assert len(notes) == 1
    moved = first.rename(tmp_path / "other")
    assert load(moved, note=notes.append) == [tape]
    assert len(notes) == 1
    record(tmp_path, [trade(0, 1), trade(1, 2)], "other")
    assert load(tmp_path / "other") != [tape]


def test_tapes_and_raw_files_in_one_folder(tmp_path: Path, cache: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    tape, _ = imported(data, [trade(0, 1)])
    (data / "README.md").write_text("about")
    (data / "notes.txt").write_text("nothing to import")
    tapes = load(data)
    assert tapes[0] == tape
    assert [path.parent for path in tapes[1:]] == [cache]


@pytest.mark.parametrize("name", ["missing", "notes.txt", "empty"])
def test_what_is_no_data_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("nothing to import")
    (tmp_path / "empty").write_text("")
    with pytest.raises(InputError, match=name):
        load(tmp_path / name)


def test_the_cache_is_where_the_platform_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNIMARGIN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/somewhere")
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == Path("/var/somewhere/unimargin")
