"""The journal's tables for SQLAlchemy, made from the plain data of `simulator.store.batch`.

Every table of a run has the run and the row's number as its key, and nothing is indexed beside:
rows come in the order of the key, and whoever asks for others may well read them all.  SQLite
keeps such tables as one tree (``WITHOUT ROWID``), but those with large values.

Migrations (``simulator/store/migrations``) make the schema; a test holds them and this module
together.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from simulator.store.batch import PACKED, TABLES

HEAD: Final = "0001"
"""Revision of the schema that this version reads and writes."""

VERSION: Final = Table("unimargin_version", MetaData(), Column("version_num", Text))
"""Alembic's table, which holds the revision of a database."""

TYPES: Final[dict[str, Any]] = {"int": BigInteger, "float": Double, "text": Text, "json": Text}

METADATA: Final = MetaData()


def _table(name: str, keys: str, *columns: Column[Any], large: bool = False) -> Table:
    key = keys.split()
    return Table(
        name,
        METADATA,
        *(Column(column, BigInteger, autoincrement=False, nullable=False) for column in key),
        *columns,
        PrimaryKeyConstraint(*key, name=f"{name}_key"),
        sqlite_with_rowid=large,
    )


RUNS: Final = _table(
    "runs",
    "run",
    Column("scenario", Text),
    Column("mode", Text),
    Column("rulebook", Text),
    Column("rulebook_text", Text),
    Column("rulebook_sha256", Text),
    Column("seed", BigInteger),
    Column("version", Text),
    Column("compiled", BigInteger),
    Column("cut_rows", BigInteger),
    Column("rows", BigInteger),
    Column("settings", Text),
    Column("created", Text),
    Column("status", Text, nullable=False),
    Column("digest", Text),
    large=True,
)
"""One row a run.  ``rows`` are those of the tape; status is running, done or failed; ``settings``
the rest of what the run was made from, as JSON; the texts say what a figure or a file was."""

BATCHES: Final = _table(
    "batches",
    "run n",
    Column("tape_rows", BigInteger, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("counts", Text, nullable=False),
)
"""One row a batch that is durable; ``counts`` are the rows of each table up to its end, as JSON."""

PACKS: Final = _table("packs", "run n", Column("body", LargeBinary, nullable=False), large=True)
"""A batch's packed columns of the tables that are kept so (``PACKED``)."""

PENDING: Final = _table("pending", "run n", Column("body", LargeBinary, nullable=False), large=True)
"""A batch's packed columns of all other tables, until they stand there as rows."""

SNAPSHOTS: Final = _table(
    "snapshots",
    "run n",
    Column("kind", Text, nullable=False),
    Column("image", LargeBinary, nullable=False),
    Column("state", Text),
    Column("sha256", Text, nullable=False),
    large=True,
)
"""The engine after batch ``n``; ``state`` is what strategies gave, as JSON."""

ROWS: Final[dict[str, Table]] = {
    name: _table(name, "run n", *(Column(column, TYPES[kind]) for column, kind in columns.items()))
    for name, columns in TABLES.items()
    if name not in PACKED
}
"""The tables of rows by name."""

VIEWS: Final = (
    "entries",
    "adl",
    "last_liquidations",
    "readable_orders",
    "readable_fills",
    "readable_postings",
    "readable_liquidations",
    "readable_closings",
    "readable_insurance_fund",
    "readable_margin",
)
"""Views, for those who look with SQL; the migrations say what they are of.  Those that begin with
``readable`` have names, units of assets and times in UTC instead of numbers."""
