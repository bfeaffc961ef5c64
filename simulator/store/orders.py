"""One row an order, made when it is over: from what was asked and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from simulator.events.outcomes import Outcome
from simulator.exchange.core import Core
from simulator.store.commands import WHAT, Asked

Ints = npt.NDArray[np.int64]

# Columns of ``pending``: those of the table, then the order's whole number.
ORDER, COMMAND, ACCOUNT, STRATEGY, INSTRUMENT, SIDE, PRICE, LOTS = range(8)
TIME_IN_FORCE, FLAGS, SENT, ARRIVED, STATUS, REASON, FILLED, ENDED = range(8, 16)
WHOLE = 16
COLUMNS = 17

SENT_AS = (
    (STRATEGY, 2),
    (SENT, 1),
    (INSTRUMENT, 5),
    (SIDE, 6),
    (PRICE, 7),
    (LOTS, 8),
    (TIME_IN_FORCE, 9),
    (FLAGS, 11),
)
"""Columns of an order and those of what was asked that they are."""

SEQ_BITS = 24
ENDS = (Outcome.FILLED, Outcome.CANCELED, Outcome.EXPIRED, Outcome.REJECTED)
OF_ORDERS = (*ENDS, Outcome.ACCEPTED, Outcome.TRIGGERED, Outcome.REDUCED)


def chosen_by(kinds: Sequence[Outcome]) -> npt.NDArray[np.bool_]:
    """Return of each number of an outcome whether it is one of ``kinds``: a table, which costs a
    fifth of looking through them.

    >>> np.flatnonzero(chosen_by([Outcome.FILLED, Outcome.EXPIRED])).tolist()
    [2, 4]
    """
    table = np.zeros(max(Outcome) + 1, dtype=np.bool_)
    table[list(kinds)] = True
    return table


IS_END, IS_OF_ORDERS = chosen_by(ENDS), chosen_by(OF_ORDERS)
HAS_REASON = chosen_by((Outcome.EXPIRED, Outcome.REJECTED))


class OrderRows:
    """The orders that strategies sent and that are not over; ``pending`` [column, order] int64.

    >>> OrderRows().pending.shape
    (17, 0)
    """

    def __init__(self) -> None:
        self.pending: Ints = np.zeros((COLUMNS, 0), dtype=np.int64)

    def state(self) -> list[list[int]]:
        """Return the pending orders, a list of their columns each, for `begin_with`."""
        rows: list[list[int]] = self.pending.T.tolist()
        return rows

    def begin_with(self, pending: Sequence[Sequence[int]]) -> None:
        """Go on with the pending orders of another harvest of the run."""
        rows = np.array(pending, dtype=np.int64).reshape(-1, COLUMNS)
        self.pending = np.ascontiguousarray(rows.T)

    def take(
        self, asked: Ints, commands: int, outcomes: Ints, core: Core, last: bool = False
    ) -> Ints:
        """Return the orders that have ended, [column, order], in the order in which they were sent.

        ``asked`` and ``outcomes`` are new rows of the engine's logs, [column, row], ``commands``
        the number of the first of them in its table; ``last``: those that are still open get their
        row now, with status 0.
        """
        self.pending = np.concatenate((self.pending, _placed(asked, commands)), axis=1)
        pending = self.pending
        if not pending.shape[1]:
            return pending[:WHOLE]
        self._heard(outcomes)
        over = (pending[STATUS] != 0) & core.orders.over(pending[WHOLE])
        pending[ENDED, ~over] = 0
        if last:
            pending[STATUS, ~over] = 0
            over[:] = True
        ended: Ints = pending[:WHOLE, over]
        self.pending = pending[:, ~over]
        return ended

    def _heard(self, outcomes: Ints) -> None:
        """Bring the pending orders up to date, which stand in the order of their numbers."""
        pending, orders = self.pending, self.pending[ORDER]
        chosen = np.flatnonzero(IS_OF_ORDERS[outcomes[1]])
        number = outcomes[4][chosen]
        at = np.searchsorted(orders, number)
        at[at == len(orders)] = 0
        found = orders[at] == number
        at, chosen = at[found], chosen[found]
        time, kind = outcomes[0][chosen], outcomes[1][chosen]
        # Of several rows of one order the last assignment stays; backwards that is the first row.
        first = np.zeros(len(orders), dtype=np.int64)
        first[at[::-1]] = time[::-1]
        fresh = (pending[ARRIVED] == 0) & (first != 0)
        pending[ARRIVED, fresh] = first[fresh]
        pending[ACCOUNT, at] = outcomes[2][chosen]
        filled = kind == Outcome.FILLED
        np.add.at(pending[FILLED], at[filled], outcomes[7][chosen[filled]])
        ends = np.flatnonzero(IS_END[kind])
        at, kind = at[ends], kind[ends]
        pending[STATUS, at], pending[ENDED, at] = kind, time[ends]
        named = np.flatnonzero(HAS_REASON[kind])
        pending[REASON, at[named]] = outcomes[6][chosen[ends[named]]]


def _placed(asked: Ints, commands: int) -> Ints:
    """Return the orders that were sent, [column, order]."""
    chosen = np.flatnonzero(asked[WHAT] == Asked.PLACE)
    orders = np.zeros((COLUMNS, len(chosen)), dtype=np.int64)
    orders[WHOLE] = asked[4][chosen]
    orders[ORDER], orders[COMMAND] = orders[WHOLE] >> SEQ_BITS, commands + chosen
    orders[ACCOUNT] = -1
    for column, source in SENT_AS:
        orders[column] = asked[source][chosen]
    return orders
