"""Tables that liquidations leave: what was closed for whom, which pools, what the fund had (hot
module, because the waterfall imports it; nothing in it is called while a run goes on).
"""

from __future__ import annotations

from typing import Any

import numpy as np

CLOSING = np.dtype(
    [
        ("time_ns", "i8"),
        ("account", "i8"),
        ("pool", "i8"),
        ("slot", "i8"),
        ("stage", "i8"),
        ("side", "i8"),
        ("lots", "i8"),
        ("amount", "i8"),
        ("fee", "i8"),
        ("against", "i8"),
        ("mark", "f8"),
        ("notional", "f8"),
        ("fee_usd", "f8"),
    ]
)
"""A row of `Waterfall.closings`: ``slot`` is the position slot, of a spot order the instrument;
``stage`` a number of ``STAGES``; ``side`` +1 buys; ``amount`` (at least 0) and ``fee`` in units of
the settlement asset, ``against`` the other account (-1: the market); ``mark`` in quote units,
``notional`` and ``fee_usd`` in USD."""

CALL = np.dtype(
    [
        ("time_ns", "i8"),
        ("account", "i8"),
        ("pool", "i8"),
        ("bankrupt", "i8"),
        ("equity", "f8"),
        ("maintenance", "f8"),
        ("equity_after", "f8"),
    ]
)
"""A row of `Waterfall.calls`: one liquidation of a pool, from the check that found it at its
threshold until it was above it or empty; USD."""

FUND = np.dtype([("time_ns", "i8"), ("asset", "i8"), ("balance", "i8"), ("inventory", "f8")])
"""A row of `Waterfall.fund_history`: after a step that changed it, the fund's balance of an asset
in 1e-8 and what it holds of positions settled in it, USD at the marks, long and short added up."""


def twice(columns: Any) -> Any:
    """Return columns twice as long."""
    old = np.asarray(columns)
    return np.concatenate((old, np.zeros_like(old)))


def views(kind: Any, whole: Any, real: Any) -> dict[str, Any]:
    """Return int and float columns by name, without copying: a million rows are 100 MB."""
    columns = [whole[:, at] for at in range(whole.shape[1])]
    columns += [real[:, at] for at in range(real.shape[1])]
    return dict(zip(kind.names, columns, strict=True))


def table(kind: Any, whole: Any, real: Any) -> Any:
    """Return int and float columns as one table with names."""
    made = np.zeros(len(whole), dtype=kind)
    for name, column in views(kind, whole, real).items():
        made[name] = column
    return made
