"""Databases to test with: each test that takes ``place`` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from simulator.cli.main import run_command
from simulator.store.database import Database
from tests.store.postgres import Server, binaries
from tests.store.told import Call, Told

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server; skips where it, or its driver, is not installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed (pip install 'unimargin[postgres]')")
    server = Server(programs)
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A path or URL of a database that has no tables yet."""
    if request.param == "sqlite":
        yield str(tmp_path / "runs.db")
        return
    server: Server = request.getfixturevalue("server")
    name = f"runs{next(NUMBERS)}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture
def server_url(server: Server) -> Iterator[str]:
    """URL of an empty database of PostgreSQL."""
    name = f"runs{next(NUMBERS)}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture
def server_of_its_own(server: Server) -> Iterator[Server]:
    """A server that a test may stop."""
    own = Server(server.programs)
    yield own
    own.remove()


@pytest.fixture(scope="session")
def file_of_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with the schema and no runs, to copy."""
    place = tmp_path_factory.mktemp("store") / "tables.db"
    Database.open(place, create=True).close()
    return place


@pytest.fixture(scope="session")
def tables_of_server(server: Server) -> str:
    """Name of a database of the server with the schema and no runs, to copy."""
    Database.open(server.create("tables"), create=True).close()
    return "tables"


@pytest.fixture(params=["sqlite", "postgresql"])
def ready(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A path or URL of a database with the schema: a copy, which costs less than migrations."""
    if request.param == "sqlite":
        place = tmp_path / "runs.db"
        shutil.copy(request.getfixturevalue("file_of_tables"), place)
        yield str(place)
        return
    server: Server = request.getfixturevalue("server")
    name = f"runs{next(NUMBERS)}"
    yield server.create(name, request.getfixturevalue("tables_of_server"))
    server.drop(name)


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    """Call the command line in this process."""

    def called(*arguments: object) -> Told:
        capfd.readouterr()
        code = run_command([str(one) for one in arguments])
        return Told(code, *capfd.readouterr())

    return called
