"""Goal: a database is opened whole and of the right schema, or one line says what is wrong with it.

Method: make each wrong thing and read the line; compare what the migrations make with the schema.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from simulator.cli.main import run_command
from simulator.errors import InputError
from simulator.store.database import OLDER, Database, snapshot_digest
from simulator.store.migrations.migrate import revisions
from simulator.store.schema import HEAD, METADATA, VERSION, VIEWS


def line_of(place: str | Path, create: bool = False) -> str:
    """Return the line that opening a database ends with."""
    with pytest.raises(InputError) as caught:
        Database.open(place, create=create)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The schema


def test_migrations_make_the_schema(place: str) -> None:
    database = Database.open(place, create=True)
    with database.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION.name, "compare_type": True}
        )
        assert compare_metadata(context, METADATA) == []
        assert set(inspect(connection).get_view_names()) == set(VIEWS)
        for view in VIEWS:
            assert connection.execute(text(f"SELECT * FROM {view}")).all() == []
        for table in METADATA.tables:
            key = inspect(connection).get_pk_constraint(table)["constrained_columns"]
            assert key == (["run"] if table == "runs" else ["run", "n"])


def test_revisions_are_told_apart() -> None:
    assert revisions() == [*OLDER, HEAD]


def test_money_is_a_64_bit_integer(server_url: str) -> None:
    database = Database.open(server_url, create=True)
    query = text(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name IN ('fee', 'amount', 'price', 'balance') "
        "AND table_name NOT IN (SELECT table_name FROM information_schema.views)"
    )
    with database.reading() as connection:
        found = connection.execute(query).all()
    assert len(found) >= 5
    assert {kind for _, _, kind in found} == {"bigint"}


def test_an_older_schema_is_brought_up_to_date(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Database.open(place, create=True)
    monkeypatch.setattr("simulator.store.database.HEAD", "0002")
    monkeypatch.setattr("simulator.store.database.OLDER", ("0001",))
    line = line_of(place)
    assert "has schema 0001, this version needs 0002; run `unimargin db upgrade" in line
    Database.open(place, upgrade=True)  # there is no 0002 yet: Alembic finds nothing to do


def test_a_newer_schema_is_left_alone(place: str) -> None:
    database = Database.open(place, create=True)
    with database.writing() as connection:
        connection.execute(VERSION.update().values(version_num="0999"))
    assert "has schema 0999, of a newer version than this one" in line_of(place)
    assert "upgrade unimargin" in line_of(place, create=True)


def test_tables_of_something_else_are_left_alone(place: str) -> None:
    if "://" not in place:
        Path(place).touch()
    database = Database(Database.open.__globals__["url_of"](place))
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE notes (line TEXT)"))
    assert "holds tables of something else" in line_of(place, create=True)


def test_a_database_is_made_only_when_asked(place: str) -> None:
    assert "`unimargin run --db` makes" in line_of(place)
    Database.open(place, create=True)
    Database.open(place)


# Places


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("mysql://me:secret@host/db", "no kind of database that is known; give a file"),
        ("nonsense://", "no kind of database"),
        ("sqlite://", "memory keeps nothing"),
        ("sqlite:///:memory:", "memory keeps nothing"),
        ("", "no database: give a file"),
        ("postgresql://me:secret@localhost:1/db", "no server answers there"),
        ("postgresql://me:secret@no-such-host.invalid/db", "no such host"),
    ],
)
def test_places_that_are_none(place: str, says: str) -> None:
    if "postgresql" in place:
        pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed")
    line = line_of(place, create=True)
    assert says in line
    assert "secret" not in line


def test_an_unknown_database_of_a_server(server_url: str) -> None:
    line = line_of(server_url.replace("/runs", "/other"))
    assert "the server knows no such user or database" in line


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "no such file" in line_of(tmp_path / "runs.db")
    assert "no such folder" in line_of(tmp_path / "no" / "runs.db", create=True)
    assert "is not a file" in line_of(tmp_path, create=True)
    (tmp_path / "notes").write_text("not a database, but longer than a header of one is" * 3)
    assert "is not an SQLite database" in line_of(tmp_path / "notes", create=True)
    (tmp_path / "begun").touch()  # by a run that was interrupted before its first batch
    assert "is empty: no run was written into it" in line_of(tmp_path / "begun", create=False)
    (tmp_path / "head").write_bytes(b"SQLite format 3\0")
    assert "is not an SQLite database" in line_of(tmp_path / "head", create=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "no permission" in line_of(tmp_path / "runs.db", create=True).lower()


def test_odd_names_of_files(tmp_path: Path) -> None:
    place = tmp_path / "runs 100%?#1.db"
    database = Database.open(place, create=True)
    assert database.new_run({"seed": 7}) == 1
    assert place.is_file()
    assert Database.open(f"sqlite:///{tmp_path}/other.db", create=True).runs() == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_cut_short(tmp_path: Path, share: float) -> None:
    place = tmp_path / "runs.db"
    filled(place)
    whole = place.read_bytes()
    place.unlink()
    place.write_bytes(whole[: max(100, int(len(whole) * share))])
    assert "is cut short" in line_of(place)
    assert "is cut short" in line_of(place, create=True)


def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    filled(place)
    whole = bytearray(place.read_bytes())
    page = int.from_bytes(whole[16:18], "big")
    for at in range(page, len(whole), page):
        whole[at : at + 8] = b"\xff" * 8
    place.unlink()
    place.write_bytes(bytes(whole))
    with pytest.raises(InputError, match="is damaged"):
        Database.open(place).check()


def filled(place: Path) -> None:
    """Make a database with some pages."""
    database = Database.open(place, create=True)
    for _ in range(20):
        database.new_run({"rulebook_text": "x" * 10_000})
    database.check()
    database.close()


# Runs


def test_runs_are_numbered_and_listed(place: str) -> None:
    database = Database.open(place, create=True)
    numbers = [database.new_run({"scenario": name, "seed": 2**63 - 1}) for name in ("a", "b")]
    assert numbers == [1, 2]
    assert [row["scenario"] for row in database.runs()] == ["a", "b"]
    assert database.run_row(2)["seed"] == 2**63 - 1
    assert database.run_row(1)["status"] == "running"
    assert database.last_batch(1) is None
    with pytest.raises(InputError, match=r"no run 3; there are: 1, 2$"):
        database.run_row(3)
    with pytest.raises(ValueError, match="not columns of a run"):
        database.new_run({"colour": "red"})


def test_a_text_is_only_a_text(place: str) -> None:
    database = Database.open(place, create=True)
    odd = "'); DROP TABLE runs; -- \" % ? :x $1"
    database.new_run({"scenario": odd})
    assert database.run_row(1)["scenario"] == odd


def test_a_changed_snapshot_is_found(place: str) -> None:
    database = Database.open(place, create=True)
    row = {"run": 1, "n": 4, "kind": "image", "image": b"\x00\xff", "state": "{}"}
    digest = snapshot_digest(4, "image", b"\x00\xff", "{}")
    with database.writing() as connection:
        connection.execute(METADATA.tables["snapshots"].insert().values(**row, sha256=digest))
    found = database.last_snapshot(1)
    assert found is not None
    assert found["image"] == b"\x00\xff"
    assert database.last_snapshot(1, at_most=3) is None
    with database.writing() as connection:
        connection.execute(METADATA.tables["snapshots"].update().values(image=b"\x00\xfe"))
    with pytest.raises(InputError, match="snapshots row 4: sha256 does not fit"):
        database.last_snapshot(1)


# The command


def test_the_command_lists_runs(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    Database.open(place, create=True).new_run({"scenario": "calm", "mode": "unified", "seed": 3})
    assert run_command(["db", "runs", place, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["run"], row["scenario"], row["status"], row["rows"]) == (1, "calm", "running", 0)
    assert run_command(["db", "runs", place]) == 0
    assert "calm" in capsys.readouterr().out
    assert run_command(["db", "version", place]) == 0
    assert HEAD in capsys.readouterr().out
    assert run_command(["db", "upgrade", place]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_the_command_fails_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "other.db"
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("CREATE TABLE notes (line TEXT)")
    for action in ("runs", "version", "upgrade"):
        assert run_command(["db", action, str(place)]) == 2
        error = capsys.readouterr().err
        assert "holds tables of something else" in error
        assert error.count("\n") == 1


def test_passwords_are_not_shown_wherever_they_stand_in_a_url() -> None:
    place = "postgresql://me:one@127.0.0.1:1/x?password=two&sslpassword=three&sslmode=disable"
    pytest.importorskip("psycopg")
    with pytest.raises(InputError) as told:
        Database.open(place)
    assert not any(word in str(told.value) for word in ("one@", "two", "three"))
    assert "sslmode=disable" in str(told.value)
