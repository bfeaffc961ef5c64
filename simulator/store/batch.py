"""What a journal holds of a run: its tables as plain data, and a batch of new rows of them.

A run is cut into batches, each of all that is new since the cut before.  Tables only grow: a row
that was written is never changed, and its place in its table, from 0 on, is its number ``n``.  An
order has its row when it is over, or with status 0 when the run ends before it does.

Columns are of one of four kinds: ``int`` (int64: engine figures, money in units of 1e-8, times in
ns), ``float`` (float64: risk figures, compared bit for bit), ``text`` and ``json`` (``str`` or
``None``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["int", "float", "text", "json"]
Column = npt.NDArray[np.int64] | npt.NDArray[np.float64] | list[str | None]
Columns = dict[str, Column]
"""Columns of a table by name, all of one length."""


def _ints(names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), "int")


def _floats(names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), "float")


TABLES: Final[Mapping[str, Mapping[str, Kind]]] = {
    # Every call of a strategy that changes something, as `Core.keep_log` says: a to g by what.
    "commands": {
        **_ints("wake time_ns strategy what order_id a b c d e f g"),
        "payload": "json",
    },
    # The rows that the digest is made of, see `simulator.events.outcomes.Outcome`.
    "outcomes": _ints("time_ns kind account instrument order_id side price quantity"),
    # Of them those that orders and fills do not tell: ``outcome`` is the number n in outcomes.
    "events": _ints("outcome time_ns kind account instrument order_id side price quantity"),
    "orders": _ints(
        "order_id command account strategy instrument side price lots time_in_force flags sent_ns "
        "arrived_ns status reason filled_lots ended_ns"
    ),
    "fills": _ints(
        "time_ns instrument order_id side price lots maker fee fee_asset realized forced account "
        "position"
    ),
    # what: 0 balance, 1 loan, 2 interest.
    "postings": _ints("entry time_ns what wallet asset amount"),
    "accounts": {"number": "int", "name": "text", "kind": "text", "mode": "text"},
    "mode_events": {
        **_ints("time_ns account step state_before state_after suspended_until_ns refusal"),
        "actor": "text",
        "details": "json",
    },
    # A liquidation that goes on gets another row of the same call; the last one counts.
    "liquidations": {
        **_ints("call time_ns account pool bankrupt"),
        **_floats("equity maintenance equity_after"),
    },
    "closings": {
        **_ints("time_ns account pool slot stage side lots amount fee against"),
        **_floats("mark notional fee_usd"),
    },
    "insurance_fund": {**_ints("time_ns asset balance"), **_floats("inventory")},
    # The account as a whole is pool -1, level -1.
    "margin_history": {
        **_ints("time_ns pool level"),
        **_floats("equity initial_margin maintenance_margin"),
    },
    # What numbers mean: kind is instrument, asset, wallet, pool, ...
    "names": {"kind": "text", "number": "int", "name": "text"},
}
"""Tables of a run, with the kinds of their columns; each has ``run`` and ``n`` too."""

PACKED: Final = frozenset({"outcomes"})
"""Tables that are kept as the packed columns of their batches only, not as rows."""


@dataclass(frozen=True, slots=True)
class Batch:
    """All that is new since the cut before.

    ``number`` counts the cuts from 0 on; ``tape_rows`` are the rows of the tape played so far and
    ``time_ns`` the engine's clock; ``digest`` is the hex digest of all outcomes so far, ``asked``
    one of all commands so far.  ``tables`` holds the new rows; a table that is not in it has none.
    """

    number: int
    tape_rows: int
    time_ns: int
    digest: str
    asked: str
    tables: Mapping[str, Columns]

    def counts(self) -> dict[str, int]:
        """Return the number of new rows of every table."""
        return {name: rows_of(self.tables.get(name, {})) for name in TABLES}


def rows_of(columns: Columns) -> int:
    """Return the number of rows.

    >>> rows_of({"time_ns": np.array([1, 2]), "name": ["a", None]}), rows_of({})
    (2, 0)
    """
    for column in columns.values():
        return len(column)
    return 0
