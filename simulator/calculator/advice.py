"""Which account mode suits a portfolio or the account of a run, and why, with every figure.

`advise` puts the parts together: margin in both modes, exposure, shocks, what an application
would find, what a run's account did, and the verdict that follows.  docs/how-to/advice.md lists
the keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from simulator.accounts.conditions import Condition
from simulator.accounts.profile import profile_of
from simulator.accounts.rules import AccountProfile
from simulator.accounts.wallets import LINES
from simulator.calculator.advice_conditions import Eligibility, conditions
from simulator.calculator.advice_exposure import Exposure, exposure, products
from simulator.calculator.advice_history import History, Ran, ran
from simulator.calculator.advice_reasons import hints, reasons, transfers_saved
from simulator.calculator.advice_shocks import Shaken, shaken
from simulator.calculator.advice_sides import Side, side
from simulator.calculator.advice_verdict import (
    CODES,
    Carried,
    Danger,
    Findings,
    amounts,
    rule_of,
    sentence,
)
from simulator.calculator.advice_wallets import apart
from simulator.calculator.document import Document, written
from simulator.calculator.figures import Figures, plain
from simulator.calculator.read import read
from simulator.calculator.rules import rules_of
from simulator.errors import InputError
from simulator.risk.state import ZERO


def advise(
    source: str | Path | Mapping[str, Any] | Document,
    rulebook: str | None = None,
    profile: AccountProfile | Mapping[str, Any] | None = None,
) -> Figures:
    """Return which account mode suits an account, and why.

    ``source`` is a portfolio document (path, YAML or JSON text, mapping) or the folder that a run
    was written to; ``profile`` is what is known of the owner (``kyc``, ``age_days``,
    ``futures_trades``, ``futures_volume``); without one, and without a run, experience is not
    judged.  Raises InputError for what is wrong in either, in one line.
    """
    run = _run(source)
    given = run.portfolio if run else read(source)
    chosen = rulebook or (run.rulebook if run else given.rulebook)
    owner = _owner(profile, run)
    separated = rules_of(given, "separated", chosen)
    unified = rules_of(given, "unified", chosen)
    notes: list[str] = []
    if run and given.mode == "unified":
        given = apart(given, separated, notes)
    try:
        sides = {"separated": side(given, separated), "unified": side(given, unified)}
    except InputError as error:
        raise InputError(f"rulebook {separated.name}: {error}") from None
    held = exposure(given, separated)
    after = shaken(given, held, {"separated": separated, "unified": unified})
    lived = run.lived if run else None
    found = conditions(sides["separated"], sides["unified"], unified, owner, lived)
    findings = _findings(given, sides, held, after, found, lived)
    rule = rule_of(findings)
    return Figures(
        source=str(run.folder) if run else None,
        rulebook=separated.name,
        time=None if given.time is None else written(given.time),
        verdict=Figures(
            code=CODES[rule],
            mode="unified" if CODES[rule] == "unified" else "separated",
            rule=rule,
            says=sentence(findings, rule),
            reasons=reasons(findings, held, after, found, run),
            hints=hints(findings, found, lived),
        ),
        margin=_margin(sides, findings),
        exposure=_exposure(held, findings),
        transfers=_transfers(after, run),
        shocks=[_shock(one, sides) for one in after],
        eligibility=_eligibility(found),
        history=_history(run),
        notes=[*notes, *dict.fromkeys(sides["separated"].held.notes + sides["unified"].held.notes)],
    )


def _run(source: Any) -> Ran | None:
    """Return the run that a source names, None where it is a document."""
    if not isinstance(source, str | Path):
        return None
    try:
        folder = Path(source)
        there = folder.is_dir()
    except (OSError, ValueError):  # a document's text, too long for a name
        return None
    return ran(folder) if there else None


def _owner(
    given: AccountProfile | Mapping[str, Any] | None, run: Ran | None
) -> AccountProfile | None:
    if given is None and run is None:
        return None
    return profile_of(given if given is not None or run is None else run.profile)


def _findings(
    given: Document,
    sides: Mapping[str, Side],
    held: Exposure,
    after: tuple[Shaken, ...],
    found: Eligibility,
    lived: History | None,
) -> Findings:
    traded = set(products(given)) | set(lived.products if lived else ())
    whole = sides["separated"].left
    by_size = sorted(after, key=lambda one: abs(one.shock.size))
    return Findings(
        products=tuple(name for name in LINES if name in traded),
        net_assets=found.net_assets,
        asked=found.asked,
        separated=sides["separated"].initial_margin,
        unified=sides["unified"].initial_margin,
        merged=found.merged,
        hedged=held.hedged,
        largest=held.largest,
        dangers=tuple(
            Danger(
                one.shock.name,
                one.hedged,
                one.stake,
                one.stake / whole if whole > 0 else ZERO,
                amounts(one.endangered),
            )
            for one in by_size
            if one.stake
        ),
        carried=tuple(
            Carried(one.shock.name, one.separated.liquidated(), _ratio(one.unified))
            for one in by_size
            if one.rescue
        ),
        lacking=found.lacking,
        liquidations=lived.liquidations if lived else 0,
    )


def _ratio(held: Side) -> Decimal | None:
    worst = held.worst
    return worst[1].ratio if worst else None


def _margin(sides: Mapping[str, Side], found: Findings) -> Figures:
    made = Figures({mode: _side(one) for mode, one in sides.items()})
    made["saved"] = plain(found.saved)
    made["saved_share"] = plain(found.saved_share)
    return made


def _side(one: Side) -> Figures:
    return Figures(
        equity=plain(one.equity),
        initial_margin=plain(one.initial_margin),
        maintenance_margin=plain(one.maintenance_margin),
        available=plain(one.available),
        outside=plain(one.outside),
        level=one.level.name,
        pools=[
            Figures(
                pool=pool.name,
                equity=plain(figures.equity),
                initial_margin=plain(figures.initial_margin),
                maintenance_margin=plain(figures.maintenance_margin),
                equity_over_maintenance=plain(figures.ratio),
                level=figures.level.name,
            )
            for pool, figures in one.pools
        ],
    )


def _exposure(held: Exposure, found: Findings) -> Figures:
    coin, share = held.largest
    return Figures(
        products=list(found.products),
        gross=plain(held.gross),
        net=plain(held.net),
        hedged=plain(held.hedged),
        hedged_in_coin=plain(held.hedged_in_coin),
        largest=coin or None,
        largest_share=plain(share),
        by_coin={name: plain(usd) for name, usd in held.by_coin.items()},
    )


def _transfers(after: tuple[Shaken, ...], run: Ran | None) -> Figures:
    """Transfers that a run made, and the top-ups that every shock would ask for."""
    worst = max(after, key=lambda one: sum(one.separated.lacking().values(), ZERO))
    made = {mode: one.transfers for mode, one in run.history.items()} if run else {}
    return Figures(
        counted=made or None,
        saved=transfers_saved(run) if run else None,
        shock=worst.shock.name,
        separated=_lacking(worst.separated),
        unified=_lacking(worst.unified),
    )


def _lacking(one: Side) -> Figures:
    short = one.lacking()
    return Figures(
        wallets=[Figures(pool=name, usd=plain(usd)) for name, usd in short.items()],
        usd=plain(sum(short.values(), ZERO)),
    )


def _shock(one: Shaken, before: Mapping[str, Side]) -> Figures:
    return Figures(
        shock=one.shock.name,
        separated=_after(one.separated, before["separated"]),
        unified=_after(one.unified, before["unified"]),
        unified_only_at_risk=_assets(one.unified, one.endangered) if one.stake else [],
        unified_only_at_risk_usd=plain(one.stake),
    )


def _after(one: Side, before: Side) -> Figures:
    return Figures(
        equity=plain(one.left),
        lost=plain(before.left - one.left),
        shortfall=plain(one.shortfall),
        level=one.level.name,
        equity_over_maintenance=plain(_ratio(one)),
        liquidated=list(one.liquidated()),
        at_risk=_assets(one, one.at_risk()),
        at_risk_usd=plain(one.value(one.at_risk())),
        top_up=_lacking(one),
    )


def _assets(one: Side, held: Mapping[str, Decimal]) -> list[Figures]:
    index = one.held.market.index
    return [
        Figures(asset=asset, amount=plain(amount), usd=plain(amount * index[asset]))
        for asset, amount in held.items()
    ]


def _eligibility(found: Eligibility) -> Figures:
    return Figures(
        eligible=found.eligible,
        net_assets=plain(found.net_assets),
        conditions=[_condition(one) for one in (*found.conditions, found.merged)],
        unknown=list(found.unknown),
    )


def _condition(one: Condition) -> Figures:
    return Figures(name=one.name, met=one.met, have=one.have, need=one.need, items=list(one.items))


def _history(run: Ran | None) -> Figures | None:
    if run is None:
        return None
    made = Figures()
    for mode, lived in run.history.items():
        one = Figures(asdict(lived))
        one["futures_volume"] = plain(lived.futures_volume)
        one["products"] = list(lived.products)
        one["rushed"] = plain(lived.rushed)
        made[mode] = one
    return made
