"""Goal: tables and views that are not those of the migrations are named.

Method: change, drop and add some on both databases.
"""

from __future__ import annotations

import pytest
from sqlalchemy import text

from simulator.store import definitions
from simulator.store.database import Database


def after(place: str, *statements: str) -> str | None:
    """Return what is said of a database in which statements were carried out."""
    database = Database.open(place)
    with database.writing() as connection:
        for statement in statements:
            connection.execute(text(statement))
    return definitions.wrong(database)


def test_as_it_was_made(ready: str) -> None:
    assert after(ready) is None
    assert after(ready) is None, "comparing leaves nothing behind"


def test_what_somebody_added_is_his_own(ready: str) -> None:
    added = ("CREATE VIEW mine AS SELECT * FROM fills", "CREATE INDEX quick ON fills (order_id)")
    assert after(ready, *added, "CREATE TABLE notes (line TEXT)") is None


@pytest.mark.parametrize(
    ("statements", "line"),
    [
        (
            ("DROP VIEW adl", "CREATE VIEW adl AS SELECT * FROM closings WHERE stage = 1"),
            "view adl is not defined as it was made: it may tell something else",
        ),
        (("DROP VIEW entries",), "view entries is missing"),
        (("ALTER TABLE names ADD COLUMN more TEXT",), "table names is not defined as it was made"),
        (
            ("DROP VIEW entries", "CREATE TABLE entries (run BIGINT, entry BIGINT)"),
            "view entries is not defined as it was made",
        ),
    ],
)
def test_what_was_changed_is_named(ready: str, statements: tuple[str, ...], line: str) -> None:
    assert (after(ready, *statements) or "").startswith(line)


def test_a_server_that_allows_no_temporary_tables(server_url: str) -> None:
    pytest.importorskip("psycopg")
    database = Database.open(server_url, create=True)
    with database.writing() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar()
        for statement in (
            f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC",
            "DROP ROLE IF EXISTS reader",
            "CREATE ROLE reader LOGIN",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
        ):
            connection.execute(text(statement))
    user, _, rest = server_url.partition("@")
    place = f"{user.rpartition('/')[0]}/reader@{rest}"
    with pytest.raises(definitions.Unknown, match="permission denied"):
        definitions.wrong(Database.open(place))
    with database.writing() as connection:
        connection.execute(text("DROP OWNED BY reader"))
        connection.execute(text("DROP ROLE reader"))
