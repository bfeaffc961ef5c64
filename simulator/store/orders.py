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
    """The orders that strategies sent and that are not over; ``pending`` [order, column] int64.

    >>> OrderRows().pending.shape
    (0, 17)
    """

    def __init__(self) -> None:
        self.pending: Ints = np.zeros((0, COLUMNS), dtype=np.int64)

    def begin_with(self, pending: Sequence[Sequence[int]]) -> None:
        """Go on with the pending orders of another harvest of the run."""
        self.pending = np.array(pending, dtype=np.int64).reshape(-1, COLUMNS)

    def take(
        self, asked: Ints, commands: int, outcomes: Ints, core: Core, last: bool = False
    ) -> Ints:
        """Return the rows of the orders that have ended, in the order in which they were sent.

        ``asked`` and ``outcomes`` are new rows of the engine's logs, ``commands`` the number of the
        first of them in its table; ``last``: those that are still open get their row now, with
        status 0.
        """
        self.pending = np.concatenate((self.pending, _placed(asked, commands)))
        if not len(self.pending):
            return self.pending[:, :WHOLE]
        self._heard(outcomes)
        over = (self.pending[:, STATUS] != 0) & core.orders.over(self.pending[:, WHOLE])
        self.pending[~over, ENDED] = 0
        if last:
            self.pending[~over, STATUS] = 0
            over[:] = True
        ended: Ints = self.pending[over, :WHOLE]
        self.pending = self.pending[~over]
        return ended

    def _heard(self, outcomes: Ints) -> None:
        """Bring the pending orders up to date, which stand in the order of their numbers."""
        pending = self.pending
        mine = outcomes[IS_OF_ORDERS[outcomes[:, 1]]]
        at = np.searchsorted(pending[:, ORDER], mine[:, 4])
        at[at == len(pending)] = 0
        found = pending[at, ORDER] == mine[:, 4]
        at, mine = at[found], mine[found]
        kind = mine[:, 1]
        # Of several rows of one order the last assignment stays; backwards that is the first row.
        first = np.zeros(len(pending), dtype=np.int64)
        first[at[::-1]] = mine[::-1, 0]
        fresh = (pending[:, ARRIVED] == 0) & (first != 0)
        pending[fresh, ARRIVED] = first[fresh]
        pending[at, ACCOUNT] = mine[:, 2]
        np.add.at(pending[:, FILLED], at[kind == Outcome.FILLED], mine[kind == Outcome.FILLED, 7])
        ends = IS_END[kind]
        at, mine = at[ends], mine[ends]
        pending[at, STATUS], pending[at, ENDED] = mine[:, 1], mine[:, 0]
        named = HAS_REASON[mine[:, 1]]
        pending[at[named], REASON] = mine[named, 6]


def _placed(asked: Ints, commands: int) -> Ints:
    """Return rows of the orders that were sent."""
    chosen = np.flatnonzero(asked[:, WHAT] == Asked.PLACE)
    sent = asked[chosen]
    rows = np.zeros((len(sent), COLUMNS), dtype=np.int64)
    rows[:, ORDER], rows[:, COMMAND] = sent[:, 4] >> SEQ_BITS, commands + chosen
    rows[:, ACCOUNT], rows[:, STRATEGY], rows[:, SENT] = -1, sent[:, 2], sent[:, 1]
    for column, source in ((INSTRUMENT, 5), (SIDE, 6), (PRICE, 7), (LOTS, 8), (TIME_IN_FORCE, 9)):
        rows[:, column] = sent[:, source]
    rows[:, FLAGS], rows[:, WHOLE] = sent[:, 11], sent[:, 4]
    return rows
