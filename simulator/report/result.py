"""What a run leaves behind: the figures that tables, pictures and files are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from simulator.report.cascade_result import Cascade

ALERTS = {
    "time_ns": pl.Int64,
    "pool": pl.String,
    "condition": pl.String,
    "asked_by": pl.String,
    "ratio": pl.Float64,
    "level": pl.String,
}
"""Columns of ``RunResult.alerts``."""

MOVES = {
    "pool": pl.String,
    "start_ns": pl.Int64,
    "end_ns": pl.Int64,
    "factor": pl.String,
    "item": pl.String,
    "equity": pl.Float64,
    "initial_margin": pl.Float64,
    "maintenance_margin": pl.Float64,
}
"""Columns of ``RunResult.moves``."""

ACCOUNT_EVENTS = {
    "time_ns": pl.Int64,
    "account": pl.Int64,
    "actor": pl.String,
    "step": pl.String,
    "before": pl.String,
    "after": pl.String,
    "refusal": pl.String,
    "suspended_until_ns": pl.Int64,
    "conditions": pl.String,
    "balances_before": pl.String,
    "balances_after": pl.String,
    "note": pl.String,
}
"""Columns of ``RunResult.account_events``."""

FUNDS = {
    "time_ns": pl.Int64,
    "account": pl.Int64,
    "actor": pl.String,
    "operation": pl.String,
    "asset": pl.String,
    "quantity": pl.Float64,
    "source": pl.String,
    "target": pl.String,
    "refusal": pl.String,
}
"""Columns of ``RunResult.funds``."""

STORY = {"time_ns": pl.Int64, "actor": pl.String, "text": pl.String, "result": pl.String}
"""Columns of ``RunResult.story``."""


ACCOUNTS = "accounts"
"""Folder of the accounts that trade beside the first one, under that of a run."""


def as_name(text: str) -> str:
    """Write a text so that it can name a file or a place in a page.

    >>> as_name("own spot: 100/0")
    'own-spot-100-0'
    """
    return re.sub(r"[^\w.+-]+", "-", text)


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of one run in ``currency`` (USDT), for the table side by side.

    ``pnl`` is by source (``price``, ``fees``, ``funding``, ...), gains positive; its sum is
    ``end_equity - start_equity - paid_in``, the last being deposits less withdrawals while it ran.
    ``worst_ratio`` is the lowest equity / maintenance margin of any pool, ``None`` where no pool
    ever had a requirement.
    """

    start_equity: float
    end_equity: float
    pnl: dict[str, float]
    used_margin: float
    available: float
    peak_initial_margin: float
    peak_maintenance_margin: float
    worst_ratio: float | None
    ratio_name: str
    orders: int
    fills: int
    rejections: dict[str, int]
    transfers: int
    liquidations: int
    paid_in: float = 0.0


@dataclass(frozen=True, slots=True)
class RunResult:
    """One strategy set over one stretch of market data in one mode.

    Frames (times are ns since 1970 UTC, amounts floats in whole units, for showing; the ledger
    keeps the exact ones):

    - ``fills``: time_ns, instrument, order, side (+1 buy), price, quantity, fee, fee_asset,
      liquidity (``maker`` or ``taker``), realized_pnl, reason (``order``,
      ``liquidation`` or ``deleveraging``)
    - ``history``: time_ns, pool, equity, initial_margin, maintenance_margin, ratio (null without
      requirement), level
    - ``prices``: time_ns, instrument, price (sampled)
    - ``inventory``: time_ns, instrument, quantity (signed position or spot balance of the base
      asset, sampled)
    - ``liquidations``: time_ns, pool, equity, maintenance_margin, lost (equity of the pool before,
      less after)

    - ``alerts``: time_ns, pool, condition, asked_by, ratio, level
    - ``moves``: what the fall of each pool's ratio to its lowest was made of: pool, start_ns,
      end_ns, factor, item (null: the whole factor), equity, initial_margin, maintenance_margin
      (of a whole factor only)
    - ``account_events``: steps between the modes, taken or refused: time_ns, account, actor, step,
      before, after (states), refusal (empty: taken), suspended_until_ns (0: trading does not rest),
      conditions, balances_before, balances_after, note; nested ones as JSON text, exact amounts in
      it as text, see ``simulator.report.account``
    - ``funds``: operations on funds: time_ns, account, actor, operation, asset, quantity, source,
      target (wallets), refusal (empty: done)
    - ``story``: of a scripted life: time_ns, actor, text, result (empty: a remark of the script)

    ``notes`` are sentences for the reader, such as "no data for funding".  ``portfolio`` is the
    account as a portfolio document when its maintenance margin was largest, ``profile`` what was
    told of its owner.

    Of a run in which several accounts trade (docs/concepts/accounts.md) this is the result of the
    first one and ``accounts`` are those of the others, each with frames and figures of its own, its
    orders, fills and refusals among them.  ``account`` and ``number`` say whose a result is,
    ``mode`` is its own and ``run_mode`` the run's, which is the first account's; ``called`` is what
    `by_account` calls it.

    Of a run with a population, ``cascade`` is what it went through, ``quiet`` the same run with the
    feedback of liquidations on prices off, and ``variant`` the name of the scenario's variant.
    """

    scenario: str
    mode: str
    rulebook: str
    strategies: tuple[str, ...]
    data: tuple[str, ...]
    seed: int
    start_ns: int
    end_ns: int
    events: int
    wall_seconds: float
    digest: str
    summary: Summary
    thresholds: dict[str, float]
    fills: pl.DataFrame
    history: pl.DataFrame
    prices: pl.DataFrame
    inventory: pl.DataFrame
    liquidations: pl.DataFrame
    alerts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ALERTS))
    moves: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MOVES))
    account_events: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=ACCOUNT_EVENTS)
    )
    funds: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FUNDS))
    story: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STORY))
    notes: tuple[str, ...] = field(default=())
    portfolio: Mapping[str, Any] | None = None
    profile: Mapping[str, Any] | None = None
    currency: str = "USDT"
    variant: str = ""
    cascade: Cascade | None = None
    run_id: int | None = None
    quiet: Cascade | None = None
    account: str = ""
    number: int = 1
    accounts: tuple[RunResult, ...] = ()
    run_mode: str = ""
    called: str = ""

    @property
    def label(self) -> str:
        """What the run is called beside others: its variant, if there are any, and its mode; of
        results `by_account` its account too.
        """
        return f"{self.variant} {self.name}".strip()

    @property
    def name(self) -> str:
        """What it is called among those of a variant: its mode, `by_account` its account too."""
        return f"{self.called} {self.mode}".strip()

    @property
    def place(self) -> str:
        """Folder of the run's own files under the output folder; those of further accounts are
        in one of their name below it.
        """
        mode = self.run_mode or self.mode
        place = f"{as_name(self.variant)}/{mode}" if self.variant else mode
        return place if self.number == 1 else f"{place}/{ACCOUNTS}/{self.account}"

    def in_variant(self, variant: str) -> RunResult:
        """Return the result as that of a scenario's variant, its accounts' too."""
        others = tuple(one.in_variant(variant) for one in self.accounts)
        return replace(self, variant=variant, accounts=others)

    @property
    def has_trader(self) -> bool:
        """Whether the account that trades is worth telling of beside a population: it has
        strategies, or began with something.
        """
        return self.cascade is None or bool(self.strategies) or self.summary.start_equity != 0.0


def by_account(results: Sequence[RunResult]) -> list[RunResult]:
    """Return the results of all accounts that trade, run by run, the first one's before the others,
    each called after its account; results of runs in which one account trades as they are.
    """
    found = []
    for run in results:
        if not run.accounts:
            found.append(run)
            continue
        which = f"{run.mode} run: " if len(results) > 1 else ""
        found += [replace(one, called=f"{which}{one.account}") for one in (run, *run.accounts)]
    return found
