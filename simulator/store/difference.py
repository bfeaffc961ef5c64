"""The first thing in which a journal is not what a run makes of it."""

from __future__ import annotations


class Difference(Exception):  # noqa: N818  (the noun that users read)
    """A field of a row of a table has something else than it should; ``row`` counts from 0.

    >>> print(Difference("fills", 3, "price", 5, 6))
    fills, row 3, price: has 5, should be 6
    """

    def __init__(self, table: str, row: int, field: str, has: object, should: object) -> None:
        self.table = table
        self.row = row
        self.field = field
        self.has = has
        self.should = should
        where = f"{table}, row {row}, {field}"
        super().__init__(f"{where}: has {_shown(has)}, should be {_shown(should)}")


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
