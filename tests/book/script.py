"""A small language for rule tables: commands in, rows out, both as one readable line.

Commands: ``bid 100 5`` and ``ask 101 5`` display a level; ``print sell 100 5`` is a print by its
aggressor; ``buy 1 A 101 8 IOC EXPIRE_TAKER`` places slot 1 of account A (price ``-``: market order;
time in force and self-trade prevention may be left out); ``cancel 1``; ``reduce 1 2``;
``clear bid``; and for order-by-order tapes ``add bid 100 5 91``, ``off 91 3`` and ``fill 91 3``.
"""

from __future__ import annotations

from simulator.book.codes import BUY, SELL, Expiry, Row, SelfTrade, TimeInForce
from tests.book.streams import AnyBook

SIDES = {"bid": BUY, "buy": BUY, "ask": SELL, "sell": SELL, "both": 0}

Case = tuple[str, str, str]


def run(book: AnyBook, script: str) -> str:
    """Execute commands separated by ``;`` and return the rows that they made, likewise."""
    for line in script.split(";"):
        command(book, line.split())
    return "; ".join(text(row) for row in book.take_rows())


def command(book: AnyBook, words: list[str]) -> None:
    """Execute one command."""
    match words:
        case ["bid" | "ask" as side, price, lots]:
            book.set_level(SIDES[side], int(price), int(lots))
        case ["print", side, price, lots]:
            book.trade(SIDES[side], int(price), int(lots))
        case ["buy" | "sell" as side, slot, account, price, lots, *how]:
            tif, stp = (*how, *("GTC", "NONE")[len(how) :])
            limit = 0 if price == "-" else int(price)
            book.place(
                int(slot),
                ord(account),
                SIDES[side],
                limit,
                int(lots),
                TimeInForce[tif],
                SelfTrade[stp],
            )
        case ["cancel", slot]:
            book.cancel(int(slot))
        case ["reduce", slot, lots]:
            book.reduce(int(slot), int(lots))
        case ["clear", side]:
            book.clear(SIDES[side])
        case ["add", side, price, lots, id]:
            book.add_order(SIDES[side], int(price), int(lots), int(id))
        case ["off", id, lots]:
            book.cancel_order(int(id), int(lots))
        case ["fill", id, lots]:
            book.fill_order(int(id), int(lots))
        case _:
            raise ValueError(f"not a command: {' '.join(words)}")


def text(row: tuple[int, int, int, int, int]) -> str:
    """Write a row with its names."""
    code, order, other, price, quantity = row
    match code:
        case Row.FILL:
            return f"FILL {order} {other} {price} {quantity}"
        case Row.EXPIRED:
            return f"EXPIRED {order} {Expiry(other).name} {price} {quantity}"
        case Row.DECREMENTED:
            return f"DECREMENTED {order} {other} {price} {quantity}"
        case _:
            assert other == 0
            return f"{Row(code).name} {order} {price} {quantity}"


def check_case(book: AnyBook, before: str, then: str, expected: str) -> None:
    """Prepare a book, forget the rows of that, and compare those of what follows."""
    if before:
        run(book, before)
    assert run(book, then) == expected
