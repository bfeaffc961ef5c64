"""Whether tables and views of a database are defined as the migrations make them.

Rows are compared one by one, but who asks in SQL mostly asks a view: one with another definition
tells something else than the tables have.  So what the migrations make is made once more, beside,
and both are compared: SQLite in memory, PostgreSQL as temporary tables that are rolled back (its
definitions are the server's own wording).  What somebody has added is his own and is not looked at.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import Connection, bindparam, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from simulator.store.database import Database
from simulator.store.schema import METADATA, VIEWS

Definitions = dict[str, tuple[str, str]]
"""Kind (table, view) and definition of each name."""

NAMES = (*METADATA.tables, *VIEWS)

COLUMNS = text("""
SELECT c.relname, CASE WHEN c.relkind IN ('v', 'm') THEN 'view' ELSE 'table' END,
  CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
  (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
      a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attgenerated), ', ' ORDER BY a.attnum)
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  (SELECT string_agg(pg_get_constraintdef(k.oid), ', ' ORDER BY k.conname)
    FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'p'),
  c.relrowsecurity
FROM pg_class AS c WHERE c.relnamespace = :space AND c.relname IN :names
""").bindparams(bindparam("names", expanding=True))


def wrong(database: Database) -> str | None:
    """Return what is not defined as it was made, in a line; None where all is.

    Raises ``InputError`` where the schema cannot be read, ``Unknown`` where the server lets nothing
    be made to compare with.
    """
    if database.kind == "sqlite":
        with database.reading() as connection:
            found = _of_sqlite(connection)
        made = _made_by_sqlite()
    else:
        found, made = _of_server(database)
    for name in NAMES:
        kind, definition = made[name]
        if name not in found:
            return f"{kind} {name} is missing"
        if found[name] != (kind, definition):
            what = "it may tell something else than the tables have"
            if kind == "table":
                what = "its columns are others"
            return f"{kind} {name} is not defined as it was made: {what}"
    return None


class Unknown(Exception):  # noqa: N818  (nothing is wrong)
    """There is nothing to compare the definitions with."""


@cache
def _made_by_sqlite() -> Definitions:
    from simulator.store.migrations.migrate import make_all  # loads alembic

    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            make_all(connection)
            return _of_sqlite(connection)
    finally:
        engine.dispose()


def _of_sqlite(connection: Connection) -> Definitions:
    rows = connection.exec_driver_sql("SELECT name, type, sql FROM sqlite_master").all()
    found: Definitions = {}
    for name, kind, definition in rows:
        if name not in NAMES:
            continue
        if kind == "table":  # the wording is SQLAlchemy's, and may be another in its next version
            query = "SELECT * FROM pragma_table_xinfo(?)"
            columns = connection.exec_driver_sql(query, (name,)).all()
            definition = str([tuple(column) for column in columns])
        found[name] = (str(kind), str(definition))
    return found


def _of_server(database: Database) -> tuple[Definitions, Definitions]:
    from simulator.store.migrations.migrate import make_all

    with database.explained(), database.engine.connect() as connection:
        transaction = connection.begin()
        try:
            place = "SELECT relnamespace FROM pg_class WHERE oid = to_regclass('runs')"
            found = _in_space(connection, connection.exec_driver_sql(place).scalar())
            try:
                connection.exec_driver_sql("SET LOCAL search_path TO pg_temp")
                make_all(connection)
            except DBAPIError as error:
                raise Unknown(str(error.orig).splitlines()[0]) from None
            mine = connection.exec_driver_sql("SELECT pg_my_temp_schema()").scalar()
            return found, _in_space(connection, mine)
        finally:
            transaction.rollback()


def _in_space(connection: Connection, space: int | None) -> Definitions:
    rows = connection.execute(COLUMNS, {"space": space, "names": NAMES}).all()
    return {
        name: (kind, str((view, columns) if kind == "view" else (columns, key, rows_hidden)))
        for name, kind, view, columns, key, rows_hidden in rows
    }
