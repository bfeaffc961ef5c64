"""What a cascade comes to: figures from its frames, each a sum, a count or a quotient of columns.

docs/report.md says in words how each is computed.  Amounts in USDT, shares from 0 to 1, times ns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import polars as pl

from simulator.report.cascade_moves import OF_CROWD, Fall, Rise, falls, rises
from simulator.report.cascade_result import STAGES, Cascade
from simulator.report.result import RunResult
from simulator.report.values import finite

MINUTE_NS = 60 * 10**9


@dataclass(frozen=True, slots=True)
class FundFigures:
    """The insurance fund's balance of one asset, whole units; ``drawdown_usdt`` at the low."""

    asset: str
    start: float
    low: float
    end: float
    drawdown: float
    drawdown_usdt: float
    inventory_peak: float
    unlimited: bool


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """What a type of account lost: ``lost`` of what it had, at the prices of start and end."""

    group: str
    mode: str
    accounts: int
    liquidated: int
    bankrupt: int
    deleveraged: int
    wealth_start: float
    wealth_end: float
    fees: float
    quiet_wealth_end: float | None = None

    @property
    def lost(self) -> float | None:
        """Share of its wealth that the type lost; None where it had none."""
        return share(self.wealth_start - self.wealth_end, self.wealth_start)

    @property
    def quiet_lost(self) -> float | None:
        """The same of the run without feedback."""
        if self.quiet_wealth_end is None:
            return None
        return share(self.wealth_start - self.quiet_wealth_end, self.wealth_start)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a cascade; ``minutes`` has a row a UTC minute of the run.

    ``closed``: notional of derivatives closed for accounts in liquidation, in any way; it is
    ``closed_long`` + ``closed_short``, and ``on_book`` + ``taken_over`` + ``deleveraged``.
    ``bankruptcies``: accounts of which a position was handed over at its bankruptcy price, so that
    nothing of a margin pool was left; ``beyond``: of which others bore a loss besides.
    ``fund_drawdown``: see the function of that name.
    ``first_deleveraging_ns``: from the first liquidation to the first deleveraging.
    """

    accounts: int
    liquidated: int
    liquidations: int
    open_interest: float
    closed: float
    closed_long: float
    closed_short: float
    on_book: float
    taken_over: float
    deleveraged: float
    deleveraged_accounts: int
    first_deleveraging_ns: int | None
    spot_sold: float
    spot_bought: float
    fees: float
    bankruptcies: int
    beyond: int
    minutes: pl.DataFrame
    falls: tuple[Fall, ...]
    rises: tuple[Rise, ...]
    fund: tuple[FundFigures, ...]
    fund_drawdown: float
    groups: tuple[GroupFigures, ...]
    quiet: Figures | None = None

    @property
    def peak(self) -> dict[str, Any] | None:
        """The row of the minute with the most notional, the first of equals; None without any."""
        if not self.closed:
            return None
        return self.minutes.row(int(self.minutes["notional"].arg_max() or 0), named=True)

    @property
    def headline(self) -> Fall | None:
        """The fall to speak of first: of the instrument with the most closed, else the deepest."""
        return self.falls[0] if self.falls else None

    @property
    def squeeze(self) -> Rise | None:
        """The rise to speak of first; None where not most of what was closed was short."""
        return self.rises[0] if self.rises and self.closed_short > self.closed_long else None

    @property
    def spoken(self) -> Fall | Rise | None:
        """The move of the instrument that pictures show first."""
        return self.squeeze or self.headline

    @property
    def wealth_start(self) -> float:
        """What all accounts had at the start."""
        return sum(one.wealth_start for one in self.groups)

    @property
    def lost(self) -> float | None:
        """Share of it that all accounts together lost."""
        return share(sum(one.wealth_start - one.wealth_end for one in self.groups),
                     self.wealth_start)  # fmt: skip


def figures(run: RunResult) -> Figures | None:
    """Return the figures of a run; None where it had no population."""
    if run.cascade is None:
        return None
    return figures_of(run.cascade, run.quiet, run.start_ns, run.end_ns)


def figures_of(cascade: Cascade, quiet: Cascade | None, start_ns: int, end_ns: int) -> Figures:
    """Return the figures of a cascade beside those of its twin without feedback."""
    closings, calls = cascade.closings.filter(OF_CROWD), cascade.calls.filter(OF_CROWD)
    closed = closings.filter(pl.col("stage").is_in(STAGES))
    spot = closings.filter(pl.col("stage") == "spot")
    other = cascade.closings.filter(pl.col("stage") == "counterparty")
    return Figures(
        accounts=cascade.accounts,
        liquidated=calls["account"].n_unique(),
        liquidations=calls.height,
        open_interest=cascade.open_interest,
        closed=_sum(closed),
        closed_long=_sum(closed, pl.col("side") < 0),
        closed_short=_sum(closed, pl.col("side") > 0),
        on_book=_sum(closed, pl.col("stage") == "order"),
        taken_over=_sum(closed, pl.col("stage") == "takeover"),
        deleveraged=_sum(closed, pl.col("stage") == "deleverage"),
        deleveraged_accounts=other["account"].n_unique(),
        first_deleveraging_ns=_first_deleveraging(calls, closed),
        spot_sold=_sum(spot, pl.col("side") < 0),
        spot_bought=_sum(spot, pl.col("side") > 0),
        fees=float(closings["fee"].sum()),
        bankruptcies=bankrupt_accounts(closings, calls).height,
        beyond=calls.filter(pl.col("bankrupt"))["account"].n_unique(),
        minutes=by_minute(cascade, start_ns, end_ns),
        falls=falls(cascade, quiet),
        rises=rises(cascade, quiet),
        fund=fund_figures(cascade),
        fund_drawdown=fund_drawdown(cascade),
        groups=group_figures(cascade, quiet),
        quiet=None if quiet is None else figures_of(quiet, None, start_ns, end_ns),
    )


def bankrupt_accounts(closings: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Return account, group and mode of who lost a whole margin pool, or more; each once."""
    return _bankruptcies(closings, calls).drop("time_ns").unique()


def _bankruptcies(closings: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Positions handed over and calls that others bore a loss of: whose, and when."""
    keys = ("time_ns", "account", "group", "mode")
    handed = closings.filter(pl.col("stage").is_in(["takeover", "deleverage"])).select(keys)
    return pl.concat([handed, calls.filter(pl.col("bankrupt")).select(keys)])


def by_minute(cascade: Cascade, start_ns: int, end_ns: int) -> pl.DataFrame:
    """Return a row a UTC minute from that of the start to that of the end.

    Columns: minute_ns (its first instant, which belongs to it), notional, long, short (of which
    kind the closed positions were), order, takeover, deleverage (how), spot (sold or bought),
    liquidations, accounts (liquidated in that minute, each once), bankrupt (`bankrupt_accounts`
    likewise).
    """
    first, last = (at // MINUTE_NS * MINUTE_NS for at in (start_ns, end_ns))
    made = pl.DataFrame({"minute_ns": pl.int_range(first, last + 1, MINUTE_NS, eager=True)})
    minute = (pl.col("time_ns") // MINUTE_NS * MINUTE_NS).alias("minute_ns")
    notional, stage = pl.col("notional"), pl.col("stage")
    closed = stage.is_in(STAGES)
    closings = cascade.closings.filter(OF_CROWD).group_by(minute).agg(
        notional=notional.filter(closed).sum(),
        long=notional.filter(closed & (pl.col("side") < 0)).sum(),
        short=notional.filter(closed & (pl.col("side") > 0)).sum(),
        **{one: notional.filter(stage == one).sum() for one in (*STAGES, "spot")},
    )  # fmt: skip
    account = pl.col("account")
    calls = cascade.calls.filter(OF_CROWD).group_by(minute).agg(
        liquidations=pl.len().cast(pl.Int64), accounts=account.n_unique().cast(pl.Int64)
    )  # fmt: skip
    bankrupt = _bankruptcies(cascade.closings, cascade.calls).filter(OF_CROWD).group_by(minute).agg(
        bankrupt=account.n_unique().cast(pl.Int64)
    )  # fmt: skip
    for part in (closings, calls, bankrupt):
        made = made.join(part, on="minute_ns", how="left", maintain_order="left")
    return made.fill_null(0)


def fund_figures(cascade: Cascade) -> tuple[FundFigures, ...]:
    """Return the fund's figures by asset; a drawdown is from the highest balance so far."""
    made = []
    for (asset,), part in cascade.fund.sort("time_ns", maintain_order=True).group_by(
        "asset", maintain_order=True
    ):
        balance = part["balance"]
        below = balance.cum_max() - balance
        at = int(below.arg_max() or 0)
        drawdown = float(below[at])
        low = balance.to_numpy().min()
        made.append(
            FundFigures(
                asset=str(asset),
                start=float(balance[0]),
                low=float(low),
                end=float(balance[-1]),
                drawdown=drawdown,
                drawdown_usdt=drawdown * float(part["price"][at]),
                inventory_peak=float(part["inventory"].abs().to_numpy().max()),
                unlimited=asset in cascade.unlimited,
            )
        )
    return tuple(sorted(made, key=lambda one: (-one.drawdown_usdt, one.asset)))


def fund_drawdown(cascade: Cascade) -> float:
    """Return how far the fund fell from its highest, USDT, all its assets together.

    A change counts at the price of its instant: coins that come with a debt make up for it, and a
    price that moves alone is no loss.
    """
    gained = pl.col("balance").diff().over("asset").fill_null(0.0) * pl.col("price")
    worth = (
        cascade.fund.sort("time_ns", maintain_order=True)
        .with_columns(gained=gained)
        .group_by("time_ns", maintain_order=True)
        .agg(pl.col("gained").sum())["gained"]
        .cum_sum()
    )
    return float((worth.cum_max() - worth).max() or 0.0)  # type: ignore[arg-type]


def group_figures(cascade: Cascade, quiet: Cascade | None) -> tuple[GroupFigures, ...]:
    """Return the figures of each type of account in each mode, in the order of the frame."""
    calm = {}
    if quiet is not None:
        names = quiet.groups.select("group", "mode", "wealth_end")
        calm = {(group, mode): end for group, mode, end in names.iter_rows()}
    kept = [one.name for one in fields(GroupFigures) if one.name in cascade.groups.columns]
    return tuple(
        GroupFigures(**row, quiet_wealth_end=calm.get((row["group"], row["mode"])))
        for row in cascade.groups.select(kept).iter_rows(named=True)
    )


def share(part: float, whole: float) -> float | None:
    """Return a part of a whole; None of nothing.

    >>> share(1.0, 4.0), share(1.0, 0.0)
    (0.25, None)
    """
    return part / whole if whole > 0 else None


def _sum(closings: pl.DataFrame, which: pl.Expr | None = None) -> float:
    chosen = closings if which is None else closings.filter(which)
    return float(chosen["notional"].sum())


def _first_deleveraging(calls: pl.DataFrame, closed: pl.DataFrame) -> int | None:
    at = closed.filter(pl.col("stage") == "deleverage")["time_ns"]
    if not at.len() or not calls.height:
        return None
    return int(at.to_numpy().min() - calls["time_ns"].to_numpy().min())


def as_document(found: Figures) -> dict[str, Any]:
    """Return figures as JSON holds them, those without feedback under ``without_feedback``."""
    peak = found.peak
    return {
        "accounts": found.accounts,
        "liquidated_accounts": found.liquidated,
        "liquidated_accounts_share": share(found.liquidated, found.accounts),
        "liquidations": found.liquidations,
        "open_interest": finite(found.open_interest),
        "closed": finite(found.closed),
        "closed_share": share(found.closed, found.open_interest),
        "closed_long": finite(found.closed_long),
        "closed_short": finite(found.closed_short),
        "closed_on_book": finite(found.on_book),
        "taken_over": finite(found.taken_over),
        "deleveraged": finite(found.deleveraged),
        "deleveraged_accounts": found.deleveraged_accounts,
        "first_deleveraging_ns": found.first_deleveraging_ns,
        "spot_sold": finite(found.spot_sold),
        "spot_bought": finite(found.spot_bought),
        "clearance_fees": finite(found.fees),
        "bankruptcies": found.bankruptcies,
        "bankruptcies_beyond": found.beyond,
        "peak_minute_ns": None if peak is None else peak["minute_ns"],
        "peak_minute_notional": None if peak is None else peak["notional"],
        "fund_drawdown": finite(found.fund_drawdown),
        "fund": [
            {one.name: getattr(item, one.name) for one in fields(item)} for item in found.fund
        ],
        "falls": [
            {one.name: getattr(item, one.name) for one in fields(item)}
            | {"amplification": item.amplification}
            for item in found.falls
        ],
        "rises": [
            {one.name: getattr(item, one.name) for one in fields(item)}
            | {"amplification": item.amplification}
            for item in found.rises
        ],
        "wealth_start": finite(found.wealth_start),
        "lost_share": finite(found.lost),
        "groups": [
            {one.name: getattr(item, one.name) for one in fields(item)}
            | {"lost_share": item.lost, "quiet_lost_share": item.quiet_lost}
            for item in found.groups
        ],
        "by_minute": found.minutes.to_dicts(),
        "without_feedback": None if found.quiet is None else as_document(found.quiet),
    }
