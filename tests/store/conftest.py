"""Databases to test with: each test that takes ``place`` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.store.postgres import Server, binaries

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
