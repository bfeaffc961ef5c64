"""Goal: the hunt knows when a pool had nothing left for a clearance fee, and tells when it had.

Method: orders of a liquidation by hand (what each owed, paid, and gained against the mark) and what
the pool has after them; each just inside and just outside what the rule allows.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.simulation.hunt.money import Money
from tests.simulation.hunt.worth import Due

DOLLAR = 10**8

# Owed, paid and gained by each order, then what the pool has, in dollars; whether all is well.
ENDS = [
    ([(10, 0, 0)], 0, True),
    ([(10, 0, 0)], 1, False),
    ([(10, 4, 0)], 0, True),
    ([(10, 4, 0)], 1, False),
    # The mark was wild: nothing was there before the second order closed at a better price.
    ([(10, 0, 0), (10, 10, 500)], 90, True),
    ([(10, 0, 0), (10, 10, 80)], 90, False),
    ([(10, 0, 0), (10, 10, -5)], 90, False),
    ([(10, 0, 0), (10, 10, 0)], 0, False),
    # The first took all that there was, the others found nothing.
    ([(10, 3, 0), (10, 0, -2), (10, 0, -2)], -4, True),
    ([(10, 0, 0), (10, 3, 0), (10, 0, -2)], -2, False),
]


@pytest.mark.parametrize(("orders", "left", "well"), ENDS)
def test_what_a_pool_had_for_a_fee(
    orders: list[tuple[int, int, int]], left: int, well: bool
) -> None:
    money: Any = Money.__new__(Money)
    pools = SimpleNamespace(equity_of=lambda pool: left, index_price=lambda asset: 1.0)
    money.core = SimpleNamespace(pools=pools)
    money.wallet_of, money.isolated, money.counts = [5], set(), {"fees capped by equity": 0}
    money._gross = lambda pool: 1.0
    dues = [Due(1, 0, 0, 0, owed * DOLLAR, paid * DOLLAR, gain) for owed, paid, gain in orders]
    if well:
        money._had_nothing(0, dues)
        assert money.counts["fees capped by equity"] == sum(one.paid < one.most for one in dues)
    else:
        with pytest.raises(AssertionError, match="pool 0 paid"):
            money._had_nothing(0, dues)
