"""From a finished run, its result: exact columns become the frames and figures that are shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from simulator.events import fills
from simulator.exchange.roster import TRADER
from simulator.exchange.samples import figures_of, held_by
from simulator.report.account import account_frame, funds_frame, story_frame
from simulator.report.accounts import begun_in, called, strategies_of
from simulator.report.cascade_collect import cascade_of
from simulator.report.moves import moves
from simulator.report.portfolio import portfolio, profile_of_owner
from simulator.report.result import ALERTS, RunResult, Summary
from simulator.risk.levels import RiskLevel
from simulator.strategy.life import Owner

if TYPE_CHECKING:
    from simulator.exchange.account_desk import AccountDesk
    from simulator.simulation import Simulation

UNIT = 1e-8
NO_RATIO = 1e299


def collect(run: Simulation, seconds: float) -> RunResult:
    """Return the result of a run that has ended; where several accounts trade, each has one."""
    first, *others = (_of_account(run, desk, seconds) for desk in run.desk.accounts.values())
    return replace(first, accounts=tuple(others), notes=_notes(run), cascade=cascade_of(run))


def _of_account(run: Simulation, desk: AccountDesk, seconds: float) -> RunResult:
    """Return the result of one account that trades."""
    core, number = run.core, desk.account
    samples = _with_end(desk, desk.samples())
    own = strategies_of(run, number)
    mode = begun_in(run, number)
    return RunResult(
        scenario=run.scenario,
        mode=mode,
        rulebook=run.rules.name,
        strategies=tuple(type(strategy).__name__ for strategy in own),
        data=run.data,
        seed=run.seed,
        start_ns=run.span[0],
        end_ns=core.now,
        events=core.events,
        wall_seconds=seconds,
        digest=core.records.digest(),
        summary=_summary(run, desk),
        thresholds=(run.ladder if number == TRADER else run.margins[mode].ladder).thresholds(),
        fills=_fills(run, number),
        history=_history(desk, samples),
        prices=_prices(run, samples),
        inventory=_inventory(run, samples),
        liquidations=_liquidations(desk),
        alerts=_alerts(run, desk),
        moves=moves(desk.snapshots, run.margins),
        account_events=account_frame(desk.modes.events),
        funds=funds_frame(desk.funds.events),
        story=story_frame([s for s in own if isinstance(s, Owner)]),
        portfolio=portfolio(run, desk),
        profile=profile_of_owner(desk.modes.facts.profile),
        account=called(run, number),
        number=number,
        run_mode=run.mode,
    )


def _liquidations(desk: AccountDesk) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (e.time_ns, e.pool, e.equity, e.maintenance_margin, e.lost)
            for e in desk.venue.liquidator.events_of[desk.account]
        ],
        schema={
            "time_ns": pl.Int64,
            "pool": pl.String,
            "equity": pl.Float64,
            "maintenance_margin": pl.Float64,
            "lost": pl.Float64,
        },
        orient="row",
    )


def _summary(run: Simulation, desk: AccountDesk) -> Summary:
    core, venue, account = run.core, desk.venue, desk.account
    engine, negative = venue.liquidator.engine, venue.negative
    start, end = desk.start_equity(), desk.account_equity()
    # A loss beyond an isolated margin is counted of the first account only.
    cover = float(engine.losses_of(account)) + (core.shortfall if account == TRADER else 0.0)
    pnl = {"price": 0.0, "fees": -desk.fees_paid(), "funding": -venue.funding.paid_by[account]}
    if clearance := float(engine.fees_of(account)):
        pnl["clearance fees"] = -clearance
    interest = desk.loans.charged + negative.charged_to[account]
    if interest:
        pnl["interest"] = -interest
    if negative.given_up_by[account]:
        pnl["conversions"] = -negative.given_up_by[account]
    if cover:
        pnl["insurance fund"] = cover
    pnl["price"] = end - start - desk.added() - sum(pnl.values())
    used = available = 0.0
    for _, name, _, _ in desk.partition.live_pools:
        figures = desk.pool_figures(name)
        used += figures.initial_margin
        available += figures.available
    worst, initial, maintenance = venue.upkeep.extremes_of(account)
    alone = not run.traders
    return Summary(
        start_equity=start,
        end_equity=end,
        pnl=pnl,
        used_margin=used,
        available=available,
        peak_initial_margin=initial,
        peak_maintenance_margin=maintenance,
        worst_ratio=worst if worst < NO_RATIO else None,
        ratio_name="uniMMR"
        if begun_in(run, account) == "unified"
        else "equity / maintenance margin",
        orders=core.n_orders if alone else core.orders_sent(account),
        fills=core.n_fills if run.roster.fund == TRADER + 1 else len(_own_fills(run, account)),
        rejections=run.rejections() if alone else run.rejections(account),
        transfers=desk.transfers.count,
        liquidations=len(venue.liquidator.events_of[account]),
        paid_in=desk.added(),
    )


def _own_fills(run: Simulation, account: int) -> np.ndarray:
    """Rows of the fills of an account."""
    rows: np.ndarray = run.core.fills()
    own: np.ndarray = rows[rows[:, fills.ACCOUNT] == account]
    return own


def _fills(run: Simulation, account: int) -> pl.DataFrame:
    rows = _own_fills(run, account)
    names = np.array([one.name for one in run.player.instruments])
    ticks = np.array([float(one.tick) for one in run.player.instruments])
    lots = np.array([float(one.lot) for one in run.player.instruments])
    assets = np.array(run.assets)
    number = rows[:, fills.INSTRUMENT]
    return pl.DataFrame(
        {
            "time_ns": rows[:, fills.TIME],
            "instrument": pl.Series(names[number], dtype=pl.String),
            "order": rows[:, fills.ORDER],
            "side": rows[:, fills.SIDE],
            "price": _units(rows[:, fills.PRICE], ticks[number]),
            "quantity": _units(rows[:, fills.LOTS], lots[number]),
            "fee": rows[:, fills.FEE] * UNIT,
            "fee_asset": pl.Series(assets[rows[:, fills.FEE_ASSET]], dtype=pl.String),
            "liquidity": pl.Series(
                np.where(rows[:, fills.MAKER] == 1, "maker", "taker"), dtype=pl.String
            ),
            "realized_pnl": rows[:, fills.REALIZED] * UNIT,
            "reason": pl.Series(
                np.select(
                    [rows[:, fills.FORCED] == fills.DELEVERAGED, rows[:, fills.FORCED] != 0],
                    ["deleveraging", "liquidation"],
                    "order",
                ),
                dtype=pl.String,
            ),
        }
    )


def _with_end(desk: AccountDesk, samples: dict[str, Any]) -> dict[str, Any]:
    """Return the samples, and after them the account as it stands at the end."""
    now = desk.core.now
    if samples["time"].size and samples["time"][-1] >= now:
        return samples
    last = {
        "time": now,
        "equity": desk.account_equity(),
        "pools": figures_of(desk),
        "unified": desk.partition.mode == "unified",
        "prices": [desk.mark_of(i) for i in range(len(desk.listed))],
        "lots": held_by(desk),
    }
    return {
        name: np.concatenate(
            [kept.reshape(len(kept), *np.shape(last[name])), np.array([last[name]], kept.dtype)]
        )
        for name, kept in samples.items()
    }


def _units(steps: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Steps in whole units, by dividing: x 0.1 would miss the float nearest to the decimal."""
    whole = np.rint(1 / step)
    return np.where(np.abs(whole * step - 1) < 1e-12, steps / np.maximum(whole, 1), steps * step)


def _history(desk: AccountDesk, samples: dict[str, Any]) -> pl.DataFrame:
    """Figures of the pools, each while it existed, and of the account as a whole."""
    frames, shown = [], []
    levels = np.array([level.name for level in RiskLevel])
    for pool, (name, _, _) in enumerate(desk.partition.pools):
        number = pool + desk.partition.pool_shift
        live = _while_live(desk, number, samples["unified"])
        if not live.any() and number not in desk.partition.live:
            continue
        part = samples["pools"][:, 4 * pool : 4 * pool + 4]
        equity, initial, maintenance = part[:, 0], part[:, 1], part[:, 2]
        needed = maintenance > 0
        with np.errstate(over="ignore"):  # next to nothing is needed: infinite
            ratio = np.divide(equity, maintenance, out=np.full_like(equity, np.nan), where=needed)
        frames.append(
            pl.DataFrame(
                {
                    "time_ns": samples["time"],
                    "pool": pl.Series([name] * len(equity), dtype=pl.String),
                    "equity": equity,
                    "initial_margin": initial,
                    "maintenance_margin": maintenance,
                    "ratio": pl.Series(ratio, nan_to_null=True),
                    "level": pl.Series(levels[part[:, 3].astype(int)], dtype=pl.String),
                }
            )
        )
        shown.append(frames[-1].filter(live))
    shown.append(
        frames[0].with_columns(
            pool=pl.lit("account"),
            equity=pl.Series(samples["equity"]),
            initial_margin=_total(frames, "initial_margin"),
            maintenance_margin=_total(frames, "maintenance_margin"),
            ratio=pl.lit(None, dtype=pl.Float64),
            level=pl.lit(None, dtype=pl.String),
        )
    )
    return pl.concat(shown).sort("time_ns", maintain_order=True)


def _while_live(desk: AccountDesk, pool: int, unified: np.ndarray) -> np.ndarray:
    """Whether a pool existed at each sample, by whether the account was unified then."""
    layouts = desk.switching.layouts
    live = [
        mode in layouts and pool in layouts[mode].partition.live
        for mode in ("separated", "unified")
    ]
    return np.where(unified, live[1], live[0])


def _total(frames: list[pl.DataFrame], name: str) -> pl.Series:
    """Add a column up over the pools."""
    return pl.Series(np.sum([frame[name].to_numpy() for frame in frames], axis=0))


def _prices(run: Simulation, samples: dict[str, Any]) -> pl.DataFrame:
    return _long(run, samples["time"], samples["prices"], "price").filter(pl.col("price") > 0)


def _inventory(run: Simulation, samples: dict[str, Any]) -> pl.DataFrame:
    steps = [UNIT if one.market == "spot" else float(one.lot) for one in run.player.instruments]
    return _long(run, samples["time"], samples["lots"] * np.array(steps), "quantity")


def _long(run: Simulation, time: np.ndarray, values: np.ndarray, name: str) -> pl.DataFrame:
    names = [one.name for one in run.player.instruments]
    return pl.DataFrame(
        {
            "time_ns": np.repeat(time, len(names)),
            "instrument": pl.Series(names * len(time), dtype=pl.String),
            name: values.ravel(),
        }
    )


def _alerts(run: Simulation, desk: AccountDesk) -> pl.DataFrame:
    names = [type(strategy).__name__ for strategy in run.strategies]
    return pl.DataFrame(
        [
            (a.time_ns, a.pool, a.condition, names[by] if by >= 0 else "run", a.ratio, a.level.name)
            for by, a in desk.watcher.said
        ],
        schema=ALERTS,
        orient="row",
    )


def _notes(run: Simulation) -> tuple[str, ...]:
    notes = []
    perpetual = any(one.perpetual for one in run.player.instruments)
    settled = {run.player.instruments[i].name for i in run.desk.expiry.prices}
    if perpetual and run.desk.funding.rows + run.desk.funding.computed == 0:
        notes.append("no data for funding: the tapes have no funding settlement in this span")
    computed = [
        one.name
        for i, one in enumerate(run.player.instruments)
        if one.market != "spot" and one.name not in settled and not run.desk.has_tape_mark(i)
    ]
    if computed:
        notes.append(f"mark prices computed, not from the tapes: {', '.join(computed)}")
    for number, events in run.desk.liquidator.events_of.items():
        if events:
            whose = f"{called(run, number)}: " if run.traders else ""
            pools = ", ".join(sorted({e.pool for e in events}))
            notes.append(f"{whose}{len(events)} liquidation(s): {pools}")
    if run.core.shortfall + run.desk.liquidator.shortfall > 0:
        paid = run.core.shortfall + run.desk.liquidator.shortfall
        payers = "the insurance fund" + (" and deleveraged accounts" if run.roster.size else "")
        notes.append(f"{payers} paid {paid:,.2f} USDT for bankrupt positions")
    if settled:
        notes.append(f"settled at their expiry: {', '.join(sorted(settled))}")
    empty = [
        one.name
        for book, one in zip(run.core.books, run.player.instruments, strict=True)
        if not (book.best(1) or book.best(-1)) and one.name not in settled
    ]
    if empty:
        notes.append(f"no book at the end, so nothing there fills: {', '.join(empty)}")
    for owner in run.strategies:
        if isinstance(owner, Owner) and owner.left:
            notes.append(f"steps of the life after the end of the data: {', '.join(owner.left)}")
    return tuple(notes)
