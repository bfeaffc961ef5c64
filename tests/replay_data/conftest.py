"""The bundled tapes, read once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import polars as pl
import pytest

from replay_data import compare, path
from replay_data.recordings import Sampled


@cache
def _rows(name: str) -> pl.DataFrame:
    return pl.read_parquet(path(name))


@cache
def _books(name: str) -> dict[str, Sampled]:
    return compare.read(name)


@pytest.fixture(scope="session")
def rows_of() -> Callable[[str], pl.DataFrame]:
    """Give the rows of a bundled tape by its name."""
    return _rows


@pytest.fixture(scope="session")
def books_of() -> Callable[[str], dict[str, Sampled]]:
    """Give sampled books and trades of a bundled tape by its name."""
    return _books
