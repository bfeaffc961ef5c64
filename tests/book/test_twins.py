"""Goal: the compiled book is the readable book, command for command.

Method: long random streams drive both; after every command the rows, what it returned, the best
prices, every order and the levels around are compared exactly, floats included, and an auditor
checks what must hold whatever the implementation.  The seed of a failure is in its test's name.
"""

from __future__ import annotations

import hashlib

import pytest

from simulator.book import columns, reference
from simulator.book.codes import BUY, SELL, QueueModel
from tests.book.streams import SLOTS, AnyBook, Auditor, Stream

COMMANDS = 1_500
SEEDS = range(8)

MODELS = [
    (QueueModel.RISK_AVERSE, 3.0),
    (QueueModel.POWER, 3.0),
    (QueueModel.POWER, 1.5),
    (QueueModel.LOG, 3.0),
    (QueueModel.FIFO, 3.0),
]


def view(book: AnyBook, prices: range) -> list[float]:
    """Everything a caller can ask a book."""
    seen: list[float] = []
    for side in (BUY, SELL):
        seen += [book.best(side), book.best_order(side)]
        seen += [book.shown(side, price) for price in prices]
    for slot in SLOTS:
        seen += [book.remaining(slot), book.ahead(slot)]
    return seen


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("model", "power"), MODELS)
def test_twins_agree(model: QueueModel, power: float, seed: int) -> None:
    compare(model, power, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1_000, 1_100))
@pytest.mark.parametrize(("model", "power"), MODELS)
def test_twins_agree_for_long(model: QueueModel, power: float, seed: int) -> None:
    compare(model, power, seed)


def compare(model: QueueModel, power: float, seed: int) -> None:
    """Drive both books with one stream."""
    readable = reference.Book(model, power)
    compiled: AnyBook = columns.Book(int(model), power)
    auditor = Auditor()
    digests = hashlib.sha256(), hashlib.sha256()
    stream = Stream(seed, readable, model)
    for number, (name, args) in enumerate(stream.commands(COMMANDS)):
        where = f"seed {seed}, {model.name}, command {number}: {name}{args}"
        returned = getattr(readable, name)(*args)
        assert getattr(compiled, name)(*args) == returned, where
        rows, compiled_rows = readable.take_rows(), compiled.take_rows()
        assert compiled_rows == rows, where
        seen, compiled_seen = view(readable, stream.prices()), view(compiled, stream.prices())
        assert compiled_seen == seen, where
        readable.check()
        auditor.check((name, args), rows, returned)
        assert auditor.state() == {s: readable.remaining(s) for s in SLOTS if readable.remaining(s)}
        digests[0].update(repr((rows, seen)).encode())
        digests[1].update(repr((compiled_rows, compiled_seen)).encode())
    assert digests[0].hexdigest() == digests[1].hexdigest()


@pytest.mark.parametrize("model", list(QueueModel))
def test_streams_reach_every_row(model: QueueModel) -> None:
    """A stream that never expires or decrements anything would prove little."""
    seen = set()
    for seed in SEEDS:
        book = reference.Book(model)
        for name, args in Stream(seed, book, model).commands(COMMANDS):
            getattr(book, name)(*args)
            seen |= {(row[0], row[2] if row[0] == 3 else 0) for row in book.take_rows()}
    assert seen == {(1, 0), (2, 0), (4, 0), (5, 0), (3, 1), (3, 2), (3, 3), (3, 4), (3, 5)}


def test_twins_agree_on_prices_far_apart() -> None:
    """The compiled book keeps a window of prices; leaving it must not show."""
    twins: list[AnyBook] = [reference.Book(), columns.Book()]
    seen = []
    for book in twins:
        for slot, price in enumerate((1, 70_000, 5_000_000, 70_001), start=1):
            book.set_level(BUY, price, 3)
            book.place(slot, 1, BUY, price, 2, 0, 0)
        book.place(9, 2, SELL, 0, 14, 0, 0)
        seen.append(
            (book.take_rows(), [book.shown(BUY, p) for p in (1, 70_000, 70_001, 5_000_000)])
        )
    assert seen[0] == seen[1]
