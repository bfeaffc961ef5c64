"""A database of runs, SQLite's or a server's: opened, checked, made or brought up to date.

``Database.open`` is the only way in: it knows how each kind of database is written to safely
(SQLite: write-ahead log, every commit forced to the disk), and turns whatever goes wrong into one
``InputError`` line without passwords.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote
from weakref import finalize

from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from simulator.errors import InputError
from simulator.store import acknowledged, behind, sqlite_file
from simulator.store.batch import Batch, Columns
from simulator.store.failures import KINDS, explain
from simulator.store.reading import Reader
from simulator.store.schema import HEAD, PENDING, RUNS, SNAPSHOTS, VERSION

BUSY_SECONDS: Final = 10.0
"""How long SQLite waits for another writer's transaction."""

WRITER_SECONDS: Final = 1.0
"""How long to wait for a writer that is still at it behind its run: readers need not."""

OLDER: Final[tuple[str, ...]] = ()
"""Revisions before ``HEAD``, which ``unimargin db upgrade`` knows how to bring up to date."""

ANOTHER: Final = "holds tables of something else; give an empty database"

SECRETS: Final = ("password", "sslpassword")
"""Options of a URL that no message shows."""


class Database:
    """A database with this version's schema; made by ``Database.open``.

    Its connections stay open until `close`, or the end of ``with Database.open(...) as database``;
    a closed one opens again when it is used.

    ``where`` is its name as errors show it, ``kind`` ``sqlite`` or ``postgresql``, ``path`` the
    file of an SQLite one; ``lost`` says of each run that misses what was acknowledged what it is.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.kind = url.get_backend_name()
        self.path = Path(url.database or "") if self.kind == "sqlite" else None
        shown = url.difference_update_query(SECRETS)  # which drivers take there as well
        shown = shown.set(drivername=self.kind)
        self.where = str(self.path or shown.render_as_string(hide_password=True))
        try:
            self.engine = _engine(url)
        except ModuleNotFoundError as error:
            raise InputError(
                f"{self.where}: needs the package {error.name}: pip install 'unimargin[postgres]'"
            ) from None
        self.lost: dict[int, str] = {}
        # Whoever drops a database drops its connections too, without a word from the driver.
        finalize(self, self.engine.dispose)
        dbapi: Any = self.engine.dialect.dbapi
        # A damaged schema of SQLite has texts that are none: its driver decodes them by itself.
        broken = (SQLAlchemyError, dbapi.Error, OSError, UnicodeDecodeError)
        self.errors: tuple[type[Exception], ...] = broken

    @classmethod
    def open(cls, place: str | Path, *, create: bool = False, upgrade: bool = False) -> Database:
        """Return the database at a path or URL.

        ``create`` makes one where there is none, ``upgrade`` brings an older schema up to date.
        Raises ``InputError`` for a place that is no database of runs, cannot be read or written,
        or has another schema than this version.
        """
        with ExitStack() as refused:
            database = refused.enter_context(cls(url_of(str(place))))
            with database.explained():
                if database.path is not None:
                    sqlite_file.look_at(database.path, create)
                database._look_at_schema(create, upgrade)
            if database.path is not None:
                database.lost = acknowledged.lost(database)
            database._put_rows()
            refused.pop_all()  # it is open
        return database

    @classmethod
    def revision(cls, place: str | Path) -> str | None:
        """Return the revision of a database's schema, whichever it is; ``None`` without tables."""
        with cls(url_of(str(place))) as database, database.explained():
            if database.path is not None:
                sqlite_file.look_at(database.path, create=False)
            found, tables = database._schema()
        if found is None and tables:
            raise InputError(f"{database.where}: {ANOTHER}")
        return found

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn errors of the database within into ``InputError``."""
        try:
            yield
        except self.errors as error:
            raise InputError(explain(error, self.where)) from None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection in a transaction; errors become ``InputError``."""
        with self.explained(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a transaction that nobody else can write in."""
        with self.explained(), self.engine.connect() as connection:
            connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def place(self) -> str:
        """Return the path or URL with its password, for a process of ours and nobody else."""
        return str(self.path or self.url.render_as_string(hide_password=False))

    def key(self) -> str:
        """Return what names this database in the whole program."""
        return self.place() if self.path is None else str(self.path.resolve())

    # What is there

    def _put_rows(self) -> None:
        """Have the rows of runs that are done in their tables, where a writer was killed before.

        Readers get them packed as well, so nothing is lost where this user may not write.
        """
        behind.wait_for(self.key())
        with suppress(InputError, ValueError, *self.errors):
            query = select(PENDING.c.run).distinct().join(RUNS, RUNS.c.run == PENDING.c.run)
            with self.reading() as connection:
                left = connection.execute(query.where(RUNS.c.status == "done")).scalars().all()
            for run in sorted(set(left) - self.lost.keys()):
                from simulator.store.writing_process import put_rows

                with Database(self.url) as other:
                    put_rows(other, run, WRITER_SECONDS)

    def _schema(self) -> tuple[str | None, list[str]]:
        """Return the schema's revision and the names of all tables."""
        with self.engine.connect() as connection:
            tables = inspect(connection).get_table_names()
            if VERSION.name not in tables:
                return None, tables
            return connection.execute(select(VERSION.c.version_num)).scalar(), tables

    def _look_at_schema(self, create: bool, upgrade: bool) -> None:
        found, tables = self._schema()
        if found == HEAD:
            return
        if found is None:
            if tables:
                raise InputError(f"{self.where}: {ANOTHER}")
            if not create:
                hint = acknowledged.hint(self.path) if self.path is not None else ""
                raise InputError(
                    f"{self.where}: holds no runs; `unimargin run --db` makes it{hint}"
                )
        elif found not in OLDER:
            raise InputError(
                f"{self.where}: has schema {found}, of a newer version than this one ({HEAD}); "
                "upgrade unimargin"
            )
        elif not upgrade:
            raise InputError(
                f"{self.where}: has schema {found}, this version needs {HEAD}; "
                f"run `unimargin db upgrade {self.where}`"
            )
        from simulator.store.migrations.migrate import migrate  # loads alembic

        if self.kind == "sqlite":
            with self.engine.connect() as connection:  # outside of a transaction
                raw: Any = connection.connection.driver_connection
                raw.execute("PRAGMA journal_mode=WAL")
        with self.writing() as connection:
            if self.kind == "postgresql":  # of two that make the tables at once, one waits
                connection.execute(select(func.pg_advisory_xact_lock(0x756E696D)))
            migrate(connection)

    def check(self) -> None:
        """Raise ``InputError`` if the file's own structure is damaged (SQLite; it reads it all)."""
        if self.kind == "sqlite":
            with self.reading() as connection:
                found = connection.execute(text("PRAGMA quick_check(1)")).scalar()
            if found != "ok":
                raise InputError(explain(OSError("quick_check"), self.where))

    # Runs

    def new_run(self, settings: Mapping[str, Any]) -> int:
        """Store a run that begins and return its number.

        ``settings`` are columns of ``RUNS``; ``created`` and ``status`` are set where not given.
        """
        unknown = settings.keys() - RUNS.columns.keys()
        if unknown:
            raise ValueError(f"not columns of a run: {sorted(unknown)}")
        values = {
            "status": "running",
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            **settings,
        }
        with self.writing() as connection:
            if self.kind == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(0x72756E73)))
            run = (connection.execute(select(func.max(RUNS.c.run))).scalar() or 0) + 1
            connection.execute(RUNS.insert().values(run=run, **values))
        return int(run)

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, by number."""
        with self.reading() as connection:
            rows = connection.execute(select(RUNS).order_by(RUNS.c.run)).mappings().all()
        return [dict(row) for row in rows]

    def run_row(self, run: int) -> dict[str, Any]:
        """Return the row of a run; ``InputError`` names those there are where it is not there."""
        row = None
        if abs(run) < 2**63:
            with self.reading() as connection:
                row = connection.execute(select(RUNS).where(RUNS.c.run == run)).mappings().first()
        if row is None and run in self.lost:
            raise InputError(f"{self.where}: run {run}: {self.lost[run]}")
        if row is None:
            known = ", ".join(str(one["run"]) for one in self.runs()) or "none"
            raise InputError(f"{self.where}: no run {run}; there are: {known}")
        return dict(row)

    # What a run left; a reader that is kept reads the list of batches once only

    def reader(self, run: int) -> Reader:
        """Return a reader of what is durable of a run now."""
        return Reader(self, run)

    def batches(self, run: int) -> list[dict[str, Any]]:
        """Return the durable batches of a run: the fields of `Reader.batches`."""
        return self.reader(run).batches

    def last_batch(self, run: int) -> dict[str, Any] | None:
        """Return the last durable batch of a run."""
        found = self.batches(run)
        return found[-1] if found else None

    def batch(self, run: int, number: int) -> Batch:
        """Return a durable batch as it was put."""
        return self.reader(run).batch(number)

    def rows(self, run: int, table: str, start: int = 0, stop: int | None = None) -> Columns:
        """Return rows of a table of a run, from number ``start`` up to ``stop``."""
        return self.reader(run).rows(table, start, stop)

    def last_snapshot(self, run: int, at_most: int | None = None) -> dict[str, Any] | None:
        """Return the last snapshot of a run, at batch ``at_most`` or before.

        Columns: n (batch), kind, image (bytes), state (text), sha256.  ``InputError`` where its
        bytes are not those that were written.
        """
        query = select(SNAPSHOTS).where(SNAPSHOTS.c.run == run).order_by(SNAPSHOTS.c.n.desc())
        if at_most is not None:
            query = query.where(SNAPSHOTS.c.n <= at_most)
        with self.reading() as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        if row is None:
            return None
        found = dict(row)
        if found["sha256"] != snapshot_digest(
            found["n"], found["kind"], found["image"], found["state"]
        ):
            raise InputError(
                f"{self.where}: run {run}, snapshots row {found['n']}: sha256 does not fit; "
                "something changed its bytes"
            )
        return found


def snapshot_digest(batch: int, kind: str, image: bytes, state: str | None) -> str:
    """Return the hex digest over all that a snapshot holds."""
    digest = sha256(json.dumps([batch, kind, state]).encode())
    digest.update(image)
    return digest.hexdigest()


def url_of(place: str) -> URL:
    """Return the URL of a path or URL as users write it.

    >>> url_of("runs.db"), url_of("postgresql://me@host/db").drivername
    (sqlite:///runs.db, 'postgresql+psycopg')
    """
    if "://" not in place:
        if not place:
            raise InputError(f"no database: give {KINDS}")
        return URL.create("sqlite", database=place)
    try:
        url = make_url(place)
        name = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        name = ""
    if name == "postgres":
        name = "postgresql"
    if name not in ("sqlite", "postgresql"):
        shown = place.split("://")[0]
        raise InputError(f"{shown}://...: no kind of database that is known; give {KINDS}")
    if name == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if not url.database or url.database == ":memory:":
        raise InputError(f"{place}: memory keeps nothing; give {KINDS}")
    return url.set(drivername="sqlite", query={})


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, connect_args={"connect_timeout": 5})
    # As a URI of SQLite's own: a file that has gone must not come back as an empty one.
    place = f"file:{quote(str(Path(url.database or '').absolute()))}?mode=rw"

    def connect() -> sqlite3.Connection:
        # The driver would begin transactions by itself, and late: SQLAlchemy begins them, below.
        connection = sqlite3.connect(
            place, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous=FULL")
            # A file from elsewhere may have views of its own: they call no function with effects.
            connection.execute("PRAGMA trusted_schema=OFF")
        except BaseException:  # of a damaged file
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)

    @event.listens_for(engine, "begin")
    def _began(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
