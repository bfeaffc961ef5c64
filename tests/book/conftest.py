"""The books under test: the readable one, and the compiled one (or its plain file) beside it."""

from __future__ import annotations

import pytest

from simulator.book import columns, reference
from tests.book.streams import AnyBook, BookMaker

BOOKS = {"reference": reference.Book, "columns": columns.Book}


@pytest.fixture(params=sorted(BOOKS))
def make(request: pytest.FixtureRequest) -> BookMaker:
    """Make a book; every test that asks for it runs on each implementation."""
    return BOOKS[request.param]


@pytest.fixture
def book(make: BookMaker) -> AnyBook:
    """An empty book with the default queue model."""
    return make()
