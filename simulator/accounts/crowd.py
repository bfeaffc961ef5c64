"""A population of accounts as columns: who holds what when a run begins.

One row an account.  The rows stand in the order of their ids, so that nothing in a run depends on
the order in which the accounts were made; the account of row ``r`` is number ``FIRST + r`` in the
ledger.  Accounts of a crowd trade nothing by themselves: they hold, and are margined, liquidated
and auto-deleveraged like the account that trades.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

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
