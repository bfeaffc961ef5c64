"""Goal: the hunt knows what a reduce-only order may close, and tells what may not be.

Method: outcomes by hand, a maker's fill and that of a reduce-only order of the same account after
it, which may have met one another or not; each just inside and just outside what the rule allows.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from simulator.book.codes import Expiry
from simulator.events.outcomes import Outcome
from tests.exchange.world import listed
from tests.simulation.hunt.admission import REDUCE, Order
from tests.simulation.hunt.orders import Lives

PRICE = 1_000_000
BUY, SELL = 1, 2
"""Numbers of the order that rests and of the one that may only reduce."""


def audited(held: int, sells: int) -> Lives:
    """An account that holds lots, has a bid in the book, and sent a reduce-only sale."""
    run: Any = SimpleNamespace(
        core=None,
        player=SimpleNamespace(instruments=[listed("um", "BTC")]),
        partition=SimpleNamespace(hedge=False),
        roster=SimpleNamespace(trades=lambda account: True),
    )
    lives = Lives(run)
    lives.lots[1, 0] = held
    lives.orders[BUY] = Order(BUY, 1, 0, 1, PRICE, 10, 0, 0, 0)
    lives.orders[SELL] = Order(SELL, 1, 0, -1, 0, sells, 0, 0, REDUCE)
    lives.outcomes([told(Outcome.ACCEPTED, BUY, 10)])
    return lives


def told(kind: Outcome, number: int, lots: int, price: int = PRICE) -> tuple[int, ...]:
    return (1, kind, 1, 0, number, 1 if number == BUY else -1, price, lots)


# Lots held before, lots that the maker buys, lots to sell, lots sold; whether all is well.
SALES = [
    (0, 3, 3, (3,), True),  # the tape filled the maker
    (0, 3, 4, (3,), True),
    (0, 3, 4, (4,), False),  # turned round
    (0, 3, 2, (2,), True),
    (5, 3, 5, (3, 2), True),  # may have met its own maker: 5 were held then
    (5, 3, 8, (3, 5), True),  # did not meet it: 8 were held
    (5, 3, 9, (3, 6), False),
    (5, 3, 5, (3, 3), False),  # more than was sent
    (-3, 3, 1, (1,), False),  # nothing held
]


@pytest.mark.parametrize(("held", "bought", "sent", "sold", "well"), SALES)
def test_what_a_sale_may_close(
    held: int, bought: int, sent: int, sold: tuple[int, ...], well: bool
) -> None:
    lives = audited(held, sent)
    rows = [told(Outcome.FILLED, BUY, bought)]
    rows += [told(Outcome.FILLED, SELL, lots) for lots in sold]
    if well:
        lives.outcomes(rows)
        assert lives.lots[1, 0] == held + bought - sum(sold)
    else:
        with pytest.raises(AssertionError):
            lives.outcomes(rows)


@pytest.mark.parametrize(
    ("left", "well"), [(1, False), (2, True), (3, False), (5, True), (6, False)]
)
def test_what_is_left_of_a_sale_is_what_it_could_close(left: int, well: bool) -> None:
    lives = audited(5, 9)
    rows = [
        told(Outcome.FILLED, BUY, 3),
        told(Outcome.FILLED, SELL, 3),
        told(Outcome.EXPIRED, SELL, left, Expiry.NO_LIQUIDITY),
    ]
    if well:
        lives.outcomes(rows)
    else:
        with pytest.raises(AssertionError, match=f"{left} left"):
            lives.outcomes(rows)
