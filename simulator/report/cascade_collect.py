"""From a finished run with a population, its cascade: logs of the engine become frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from simulator.accounts.crowd import FIRST
from simulator.exchange.census import PERCENTILES
from simulator.exchange.roster import FUND_ID, MARKET, MODES, TRADER, TRADER_ID, Roster
from simulator.exchange.waterfall import STAGES as LOGGED
from simulator.report.cascade_figures import bankrupt_accounts
from simulator.report.cascade_result import (
    CALLS,
    CLOSINGS,
    CORRELATIONS,
    FAN,
    FUND,
    GROUPS,
    HEAT,
    HEDGES,
    LEGS,
    PATHS,
    STAGES,
    Cascade,
)

if TYPE_CHECKING:
    from simulator.instruments.instrument import Instrument
    from simulator.simulation import Simulation

UNIT = 1e-8
Table = npt.NDArray[Any]
Columns = Mapping[str, Table]


def cascade_of(run: Simulation) -> Cascade | None:
    """Return what the population went through; None of a run without one."""
    roster: Roster = run.roster
    if not roster.size:
        return None
    census, engine = run.desk.census, run.desk.liquidator.engine
    census.end()
    run.desk.hedges.end()
    who = _Names(run)
    closings = _closings(run, who, engine.closing_columns())
    calls = _calls(who, engine.call_columns())
    liquidities = run.desk.upkeep.liquidities
    limited = run.desk.liquidator.rules.insurance.balance
    fund = _fund(run, engine.fund_history())
    return Cascade(
        accounts=roster.size,
        open_interest=census.open_interest,
        feedback=liquidities is not None and bool(liquidities.feedback),
        closings=closings,
        calls=calls,
        groups=_groups(run, closings, calls),
        fund=fund,
        fan=_fan(run),
        heat=pl.DataFrame(census.heat, schema=HEAT, orient="row"),
        paths=_paths(run),
        legs=_legs(run),
        hedges=_hedges(run),
        correlations=_correlations(run),
        unlimited=tuple(
            asset
            for asset in fund["asset"].unique(maintain_order=True).to_list()
            if asset not in limited
        ),
    )


class _Names:
    """Who and what stands behind the engine's numbers, as columns to look up in.

    Texts are told by number and taken from short columns: a million rows of numpy's texts, four
    bytes a character, would be most of the memory that a run needs.
    """

    def __init__(self, run: Simulation) -> None:
        roster: Roster = run.roster
        texts = [*roster.groups, "account", "fund", ""]
        group = np.full(roster.accounts, len(texts) - 1, dtype=np.int32)
        group[FIRST : roster.fund] = roster.group
        group[TRADER], group[roster.fund] = len(texts) - 3, len(texts) - 2
        mode = np.full(roster.accounts, len(MODES), dtype=np.int32)
        mode[FIRST : roster.fund] = roster.unified
        mode[TRADER] = MODES.index(roster.trader)
        self.ids = np.zeros(roster.accounts, dtype=np.int64)
        self.ids[FIRST : roster.fund] = roster.ids
        self.ids[TRADER], self.ids[roster.fund] = TRADER_ID, FUND_ID
        own = [name for name, _, _ in run.partition.pools]
        pools = [*own, *roster.names, ""]
        pool = np.arange(roster.own_pools + len(roster.pool_name) + 1, dtype=np.int32)
        pool[roster.own_pools : -1] = roster.pool_name
        pool[roster.own_pools : -1] += len(own)
        pool[-1] = len(pools) - 1
        self._groups, self._group = pl.Series(texts, dtype=pl.String), group
        self._modes, self._mode = pl.Series([*MODES, ""], dtype=pl.String), mode
        self._pools, self._pool = pl.Series(pools, dtype=pl.String), pool

    def of(self, account: Table, pool: Table) -> dict[str, Any]:
        """Columns ``account``, ``group``, ``mode`` and ``pool``; a number below 0 is no pool."""
        return {
            "account": pl.Series(self.ids[account]),
            "group": self._groups.gather(self._group[account]),
            "mode": self._modes.gather(self._mode[account]),
            "pool": self._pools.gather(self._pool[pool]),
        }


def _closings(run: Simulation, who: _Names, rows: Columns) -> pl.DataFrame:
    """Return the frame of closings; each column is one of polars' as soon as it is made."""
    listed = run.player.instruments
    one = (rows["slot"] % len(listed)).astype(np.int32)
    columns = {
        "time_ns": pl.Series(rows["time_ns"]),
        **who.of(rows["account"], rows["pool"]),
        "instrument": pl.Series([item.name for item in listed], dtype=pl.String).gather(one),
        "stage": pl.Series(LOGGED, dtype=pl.String).gather(rows["stage"]),
        "side": pl.Series(rows["side"].astype(np.int8)),
        **_prices(listed, one, rows),
        "notional": pl.Series(rows["notional"]),
        "fee": pl.Series(rows["fee_usd"]),
        "against": _against(who, rows["against"]),
    }
    return pl.DataFrame(columns, schema=CLOSINGS)


def _prices(listed: Sequence[Instrument], one: Table, rows: Columns) -> dict[str, pl.Series]:
    """Quantities, average prices and marks; ``one`` numbers the instrument of each row."""
    spot = np.array([item.market == "spot" for item in listed])[one]
    inverse = np.array([item.inverse for item in listed])[one]
    sizes = [float(item.lot * (1 if item.inverse else item.contract_size)) for item in listed]
    quantity = rows["lots"] * np.array(sizes)[one]
    amount = rows["amount"] * UNIT
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.where(inverse, quantity / amount, amount / quantity)
    return {
        "quantity": pl.Series(quantity),
        "price": pl.Series(np.where(np.isfinite(price), price, np.nan), nan_to_null=True),
        "mark": pl.Series(_mark(rows["mark"], spot, price)),
    }


def _against(who: _Names, against: Table) -> pl.Series:
    """Ids of the other accounts, null for the market."""
    nobody = (against < 0) | (against == MARKET)
    other = pl.Series(who.ids[np.where(nobody, MARKET, against)])
    return pl.select(pl.when(pl.Series(nobody)).then(None).otherwise(other)).to_series()


def _mark(mark: Table, spot: Table, price: Table) -> Table:
    """Marks; of a spot pair that has none, what was paid."""
    return np.where(spot & (mark <= 0.0) & np.isfinite(price), price, mark)


def _calls(who: _Names, rows: Columns) -> pl.DataFrame:
    needed = rows["maintenance"] > 0
    ratio = np.divide(
        rows["equity"], rows["maintenance"], out=np.full(len(needed), np.nan), where=needed
    )
    columns = {
        "time_ns": pl.Series(rows["time_ns"]),
        **who.of(rows["account"], rows["pool"]),
        "ratio": pl.Series(ratio, nan_to_null=True),
        "equity": pl.Series(rows["equity"]),
        "maintenance_margin": pl.Series(rows["maintenance"]),
        "equity_after": pl.Series(rows["equity_after"]),
        "bankrupt": rows["bankrupt"] != 0,
    }
    return pl.DataFrame(columns, schema=CALLS)


def _groups(run: Simulation, closings: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Sums by type of account and mode; types that nobody is of are left out."""
    roster: Roster = run.roster
    census = run.desk.census
    kinds = len(roster.groups) * len(MODES)
    of = roster.group * np.int32(len(MODES)) + roster.unified  # texts of a million would be large
    accounts = np.bincount(of, minlength=kinds)
    there = np.flatnonzero(accounts)
    keys = ["group", "mode"]
    made = pl.DataFrame(
        {
            "group": [roster.groups[kind // len(MODES)] for kind in there.tolist()],
            "number": there // len(MODES),
            "mode": [MODES[kind % len(MODES)] for kind in there.tolist()],
            "accounts": accounts[there],
            "wealth_start": np.bincount(of, census.wealth_start, kinds)[there],
            "wealth_end": np.bincount(of, census.wealth_end, kinds)[there],
        }
    )
    stage, notional = pl.col("stage"), pl.col("notional")
    account = pl.col("account")
    parts = (
        calls.group_by(keys).agg(
            liquidated=account.n_unique().cast(pl.Int64),
        ),
        bankrupt_accounts(closings, calls)
        .group_by(keys)
        .agg(bankrupt=account.n_unique().cast(pl.Int64)),
        closings.group_by(keys).agg(
            deleveraged=account.filter(stage == "counterparty").n_unique().cast(pl.Int64),
            notional_closed=notional.filter(stage.is_in(STAGES)).sum(),
            fees=pl.col("fee").sum(),
            spot_sold=notional.filter((stage == "spot") & (pl.col("side") < 0)).sum(),
        ),
    )
    for part in parts:
        made = made.join(part, on=keys, how="left")
    return made.sort("number", "mode").fill_null(0).select(list(GROUPS)).cast(GROUPS)  # type: ignore[arg-type]


def _fund(run: Simulation, rows: Table) -> pl.DataFrame:
    """Changes of the fund, before them what it began with, at the index of the sample before."""
    census = run.desk.census
    paths = census.columns()
    begun = run.desk.liquidator.rules.insurance.balance
    made = []
    for number, asset in enumerate(run.assets):
        part = rows[rows["asset"] == number]
        if not len(part) and asset not in begun:
            continue
        at = np.clip(np.searchsorted(paths["time"], part["time_ns"], side="right") - 1, 0, None)
        price = paths["index"][:, number]
        first = float(begun.get(asset, 0))
        made.append((run.span[0], asset, first, float(price[0]), 0.0))
        made += [
            (int(row["time_ns"]), asset, float(row["balance"]) * UNIT, float(price[i]),
             float(row["inventory"]))
            for row, i in zip(part, at, strict=True)
        ]  # fmt: skip
    return pl.DataFrame(made, schema=FUND, orient="row").sort("time_ns", maintain_order=True)


def _fan(run: Simulation) -> pl.DataFrame:
    rows = [(time, mode, *values) for time, mode, values in run.desk.census.fan]
    assert len(FAN) == 2 + len(PERCENTILES)
    return pl.DataFrame(rows, schema=FAN, orient="row")


def _paths(run: Simulation) -> pl.DataFrame:
    """Marks, index of the base asset, undisturbed mids and displacements, instrument by
    instrument; at an instant that was looked at twice the later one.
    """
    paths = run.desk.census.columns()
    times, keep = np.unique(paths["time"][::-1], return_index=True)
    keep = len(paths["time"]) - 1 - keep
    liquidities = run.desk.upkeep.liquidities
    kept = None if liquidities is None else liquidities.path()
    frames = []
    for i, one in enumerate(run.player.instruments):
        mark = paths["mark"][keep, i]
        index = np.zeros(len(times))
        if one.base in run.assets:
            index = paths["index"][keep, run.assets.index(one.base)]
        reference, displacement = np.full(len(times), np.nan), np.zeros(len(times))
        if kept is not None and len(kept[0]):
            at = np.searchsorted(kept[0], times, side="right") - 1
            there = at >= 0
            reference[there] = kept[1][at[there], i]
            displacement[there] = kept[2][at[there], i]
        frames.append(
            pl.DataFrame(
                {
                    "time_ns": times,
                    "instrument": pl.Series([one.name] * len(times), dtype=pl.String),
                    "mark": _known(mark),
                    "index": _known(index),
                    "reference": _known(reference),
                    "displacement": displacement,
                },
                schema=PATHS,
            )
        )
    return pl.concat(frames).sort("time_ns", maintain_order=True)


def _legs(run: Simulation) -> pl.DataFrame:
    """Legs of hedged accounts, at an instant that was looked at twice the later ones."""
    roster: Roster = run.roster
    listed = [one.name for one in run.player.instruments]
    rows = []
    for time, account, leg, quantity, exposure in run.desk.hedges.legs:
        name = listed[leg % len(listed)] if leg >= 0 else run.assets[-1 - leg]
        who = (roster.id_of(account), roster.group_of(account), roster.mode_of(account))
        rows.append((time, *who, name, quantity, exposure))
    made = pl.DataFrame(rows, schema=LEGS, orient="row")
    return made.unique(["time_ns", "account", "leg"], keep="last", maintain_order=True)


def _hedges(run: Simulation) -> pl.DataFrame:
    """Margin of hedged accounts; 0 stands for all of them together."""
    roster: Roster = run.roster
    rows: list[tuple[Any, ...]] = []
    for time, account, *amounts in run.desk.hedges.margin:
        who: tuple[int | None, str, str] = (None, "", "")
        if account:
            who = (roster.id_of(account), roster.group_of(account), roster.mode_of(account))
        rows.append((time, *who, *amounts))
    made = pl.DataFrame(rows, schema=HEDGES, orient="row")
    return made.unique(["time_ns", "account"], keep="last", maintain_order=True)


def _correlations(run: Simulation) -> pl.DataFrame:
    names = run.core.pools.columns.underlyings
    rows = [
        (time, names[one], names[other], correlation, credit)
        for time, one, other, correlation, credit in run.desk.hedges.measured
    ]
    made = pl.DataFrame(rows, schema=CORRELATIONS, orient="row")
    return made.unique(["time_ns", "one", "other"], keep="last", maintain_order=True)


def _known(values: Table) -> pl.Series:
    """Prices, null where there is none."""
    return pl.Series(np.where(values > 0, values, np.nan), nan_to_null=True)
