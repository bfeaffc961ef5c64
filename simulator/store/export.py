"""A table or a view of a stored run as a file: Parquet or CSV.

A table has what a reader gives, rows that are still packed included, with the names of what is
numbered beside it; a view is what the database itself says of it, so it has only rows that stand in
their tables.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnClause, column, inspect, select
from sqlalchemy import table as from_table

from simulator.errors import InputError
from simulator.store.batch import TABLES, Columns
from simulator.store.schema import VIEWS

if TYPE_CHECKING:
    import polars as pl

    from simulator.store.database import Database

KINDS: Final[dict[str, str]] = {
    "instrument": "instrument",
    "asset": "asset",
    "fee_asset": "asset",
    "wallet": "wallet",
    "pool": "pool",
    "strategy": "strategy",
    "stage": "stage",
    "level": "level",
    "step": "step",
    "state_before": "state",
    "state_after": "state",
    "refusal": "refusal",
}
"""Columns that hold numbers of ``names``, with the kind; each gets a column ``..._name``."""

OF_TABLES: Final[dict[tuple[str, str], str]] = {
    ("commands", "what"): "command",
    ("outcomes", "kind"): "outcome",
    ("events", "kind"): "outcome",
    ("orders", "status"): "outcome",
}
"""Columns that do so in one table only."""

ENDINGS: Final = (".parquet", ".csv")


def export(database: Database, run: int, table: str, out: Path) -> int:
    """Write a table or a view of a run to a file and return its number of rows.

    The file's ending says its format.  Raises ``InputError`` for a table or an ending that is not
    known, a run that is not there, and a file that cannot be written.
    """
    if table not in TABLES and table not in VIEWS:
        raise InputError(f"no table {table!r:.60}; there are: {', '.join((*TABLES, *VIEWS))}")
    if out.suffix not in ENDINGS:
        raise InputError(f"{out}: ends in neither of {', '.join(ENDINGS)}")
    database.run_row(run)
    found = _table(database, run, table) if table in TABLES else _view(database, run, table)
    try:
        if out.suffix == ".csv":
            found.write_csv(out)
        else:
            found.write_parquet(out)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror or error}") from None
    return found.height


def _table(database: Database, run: int, table: str) -> pl.DataFrame:
    import polars as pl

    reader = database.reader(run)
    columns = reader.rows(table)
    names = _names(reader.rows("names"))
    made: dict[str, Any] = {}
    for label, kind in TABLES[table].items():
        dtype = {"int": pl.Int64, "float": pl.Float64}.get(kind, pl.String)
        made[label] = pl.Series(label, columns[label], dtype=dtype)
        of = OF_TABLES.get((table, label)) or KINDS.get(label)
        if of is not None:
            known = names.get(of, {})
            # An array's own numbers: those of numpy are slower as keys.
            numbers = made[label].to_list()
            made[f"{label}_name"] = pl.Series(list(map(known.get, numbers)), dtype=pl.String)
    frame = pl.DataFrame(made)
    return frame.select(pl.int_range(pl.len(), dtype=pl.Int64).alias("n"), pl.all())


def _names(rows: Columns) -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for kind, number, name in zip(rows["kind"], rows["number"], rows["name"], strict=True):
        found.setdefault(str(kind), {})[int(number or 0)] = str(name)
    return found


def _view(database: Database, run: int, view: str) -> pl.DataFrame:
    import polars as pl

    last: ColumnClause[Any] = column("entry" if view == "entries" else "n")
    with database.reading() as connection:
        names = [one["name"] for one in inspect(connection).get_columns(view)]
        query: Any = select(*map(column, names)).select_from(from_table(view))
        result = connection.execute(query.where(column("run") == run).order_by(last))
        rows = [tuple(map(_plain, row)) for row in result]
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)


def _plain(value: Any) -> Any:
    """Return a value as SQLite has it, which has no decimal numbers."""
    return float(value) if isinstance(value, Decimal) else value
