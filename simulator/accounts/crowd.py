"""A population of accounts as columns: who holds what when a run begins.

One row an account.  The rows stand in the order of their ids, so that nothing in a run depends on
the order in which the accounts were made; the account of row ``r`` is number ``FIRST + r`` in the
ledger.  Accounts of a crowd trade nothing by themselves: they hold, and are margined, liquidated
and auto-deleveraged like the account that trades.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.accounts.states import AccountMode
from simulator.accounts.wallets import LINES
from simulator.errors import InputError
from simulator.instruments.instrument import Instrument
from simulator.risk.rules import MarginRules

FIRST = 2
"""Number of a crowd's first account; 0 is the market's, 1 the one that trades."""

Amounts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Accounts in columns; ``n`` accounts, ``m`` instruments, ``k`` assets.

    - ``ids`` [n]: ascending, each once
    - ``group`` [n]: number of the account's type in ``groups``
    - ``unified`` [n]: whether the account is in the unified mode
    - ``balance``: by line (``spot``, ``margin``, ``um``, ``cm``, ``options``) [n, k], 1e-8 of the
      asset; a unified account holds the sum of those of its members in one wallet
    - ``loan``: by line [n, k] likewise, what it owes (of ``margin``, or of the unified wallet)
    - ``lots`` [n, m]: signed lots of derivatives, ``entry`` [n, m]: entry price in quote units
    - ``isolated`` [n, m]: margin of the position in 1e-8 of its settlement asset, beside
      ``balance``; 0: cross.  Unified accounts hold it in their pool

    ``instruments`` and ``assets`` name the columns as the run has them.
    """

    ids: Amounts
    group: npt.NDArray[np.int32]
    groups: tuple[str, ...]
    unified: npt.NDArray[np.bool_]
    instruments: tuple[str, ...]
    assets: tuple[str, ...]
    lots: Amounts
    entry: npt.NDArray[np.float64]
    isolated: Amounts
    balance: Mapping[str, Amounts] = field(default_factory=dict)
    loan: Mapping[str, Amounts] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of accounts."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a population is drawn for: the first moment of a run.

    ``prices`` by name of the instrument, quote units, and ``index`` by asset, USDT, are those that
    the data begin with; what has none yet is missing.  ``margins`` are the run's margin rules by
    mode, ``mode`` the one that the run is in.
    """

    instruments: Sequence[Instrument]
    assets: tuple[str, ...]
    prices: Mapping[str, float]
    index: Mapping[str, float]
    margins: Mapping[AccountMode, MarginRules]
    mode: AccountMode
    seed: int = 0


Population = Crowd | Callable[[Setting], Crowd]
"""What a run takes for its population: the accounts, or a function that makes them."""


def crowd_of(population: Population, setting: Setting) -> Crowd:
    """Return the accounts of a population at the first moment of a run.

    Raises ``InputError`` for what is neither a crowd nor a function that makes one.
    """
    crowd = population(setting) if callable(population) else population
    if not isinstance(crowd, Crowd):
        what = "what its function returns" if callable(population) else "population"
        raise InputError(
            f"population: {what} must be a Crowd, not {type(crowd).__name__}; accounts of a "
            "Parquet file are simulator.population.parquet.population(FILE)"
        )
    return crowd


def fitted(crowd: Crowd, instruments: Sequence[str], assets: Sequence[str]) -> Crowd:
    """Return a crowd with its rows by id and its columns as a run has them.

    Raises ``InputError`` for what cannot be: an id below 1 or twice, columns of another length,
    something held of an instrument or asset that the run does not have.
    """
    ids = np.asarray(crowd.ids, dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    if len(ids) and (int(ids[order[0]]) < 1 or not np.all(np.diff(ids[order]) > 0)):
        raise InputError("population: account ids must be 1 or more, each once")
    if np.array_equal(order, np.arange(len(ids))):
        order = np.arange(0)  # already in order: nothing is copied
    for name in (*crowd.balance, *crowd.loan):
        if name not in LINES:
            raise InputError(f"population: no product line {name}; there are {', '.join(LINES)}")

    def rows(name: str, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if len(column) != len(ids):
            raise InputError(f"population: {name} has {len(column)} rows, ids have {len(ids)}")
        return column[order] if len(order) else column

    def table(
        name: str, column: npt.NDArray[Any], own: Sequence[str], wanted: Sequence[str]
    ) -> npt.NDArray[Any]:
        column = np.asarray(column)
        if column.shape != (len(ids), len(own)):
            shape = f"({len(ids)}, {len(own)})"
            raise InputError(f"population: {name} must be {shape}, not {column.shape}")
        known = [one for one in wanted if one in own]
        for at, one in enumerate(own):
            if one not in wanted and column[:, at].any():
                raise InputError(f"population: {name} has {one}, which the run's data do not have")
        column = rows(name, column)
        if list(own) == list(wanted):
            return column
        found = np.zeros((len(ids), len(wanted)), dtype=column.dtype)
        for one in known:
            found[:, list(wanted).index(one)] = column[:, list(own).index(one)]
        return found

    return replace(
        crowd,
        ids=rows("ids", ids),
        group=rows("group", np.asarray(crowd.group, dtype=np.int32)),
        unified=rows("unified", np.asarray(crowd.unified, dtype=np.bool_)),
        lots=table("lots", crowd.lots, crowd.instruments, instruments),
        entry=table("entry", crowd.entry, crowd.instruments, instruments),
        isolated=table("isolated", crowd.isolated, crowd.instruments, instruments),
        balance={
            n: table(f"balance.{n}", c, crowd.assets, assets) for n, c in crowd.balance.items()
        },
        loan={n: table(f"loan.{n}", c, crowd.assets, assets) for n, c in crowd.loan.items()},
        instruments=tuple(instruments),
        assets=tuple(assets),
    )
