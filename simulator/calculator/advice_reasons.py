"""Why a verdict is what it is: one sentence a reason, each with its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.calculator.advice_conditions import Eligibility
from simulator.calculator.advice_exposure import Exposure
from simulator.calculator.advice_history import RUSH_NS, History, Ran
from simulator.calculator.advice_shocks import Shaken
from simulator.calculator.advice_verdict import (
    LABELS,
    LIMITS,
    Findings,
    Limits,
    percent,
    rule_of,
    unmet,
    usd,
)
from simulator.calculator.figures import Figures
from simulator.report.values import MISSING, amount
from simulator.risk.state import ZERO
from simulator.units.text import counted


def reasons(
    found: Findings,
    held: Exposure,
    after: Sequence[Shaken],
    eligibility: Eligibility,
    run: Ran | None,
) -> list[Figures]:
    """Return the reasons as ``name`` and ``says``, in a fixed order."""
    said = [
        ("margin", _margin(found)),
        ("transfers", _transfers(after, run)),
        ("shocks", _shocks(after)),
        ("risk", _risk(found, after)),
        ("exposure", _exposure(held)),
        ("eligibility", _eligible(eligibility)),
    ]
    if run is not None:
        said += [("history", _lived(run.lived)), ("run", _ended(run))]
    return [Figures(name=name, says=text) for name, text in said]


def _margin(found: Findings) -> str:
    difference = f"{usd(abs(found.saved))} {'less' if found.saved >= 0 else 'more'}"
    return (
        f"Initial margin: {usd(found.separated)} separated, {usd(found.unified)} unified, "
        f"{difference} ({percent(abs(found.saved_share))})."
    )


def _transfers(after: Sequence[Shaken], run: Ran | None) -> str:
    worst = max(after, key=lambda one: sum(one.separated.lacking().values(), ZERO))
    short, pooled = worst.separated.lacking(), worst.unified.lacking()
    need = (
        f"at {worst.shock.name} {counted(len(short), 'wallet')} ({', '.join(short)}) would lack "
        f"{usd(sum(short.values(), ZERO))} to the initial margin, the pool "
        f"{usd(sum(pooled.values(), ZERO))}."
        if short
        else f"none of {len(after)} shocks leaves a separate wallet below its initial margin "
        "(0.00 USD lacking)."
    )
    if run is None:
        return f"Transfers: {need}"
    made = ", ".join(f"{one.transfers:,} {mode}" for mode, one in run.history.items())
    kept = transfers_saved(run)
    spared = "" if kept is None else f", {kept:,} saved"
    return f"Transfers: the run made {made}{spared}; {need}"


def transfers_saved(run: Ran) -> int | None:
    """Return the transfers between wallets that the unified mode spares; None where the run was
    unified, so that there were none.
    """
    if "separated" not in run.history:
        return None
    made = run.history["unified"].transfers if "unified" in run.history else 0
    return run.history["separated"].transfers - made


def _shocks(after: Sequence[Shaken]) -> str:
    apart = [one.shock.name for one in after if one.separated.liquidated()]
    pooled = [one.shock.name for one in after if one.unified.liquidated()]
    return (
        f"Shocks: {len(apart)} of {len(after)} liquidate a separate wallet{_listed(apart)}, "
        f"{len(pooled)} the pool{_listed(pooled)}."
    )


def _risk(found: Findings, after: Sequence[Shaken]) -> str:
    if not found.dangers:
        return (
            f"Assets at risk: none of {len(after)} shocks takes from the pool what separate "
            f"wallets keep ({usd(ZERO)})."
        )
    mildest = found.dangers[0]
    return (
        f"Assets at risk: at {mildest.shock} the pool is liquidated with {mildest.assets}; "
        f"separate wallets keep {usd(mildest.value)} of equity."
    )


def _exposure(held: Exposure) -> str:
    coin, share = held.largest
    most = f"; largest {coin} with {percent(share)} of the net" if coin else ""
    return (
        f"Exposure: {usd(held.gross)} gross, {usd(held.net)} net; hedged to "
        f"{percent(held.hedged)} if all coins move together, {percent(held.hedged_in_coin)} coin "
        f"by coin{most}."
    )


def _eligible(one: Eligibility) -> str:
    every = (*one.conditions, one.merged)
    missing = [unmet(c) for c in every if not c.met]
    text = f"Eligibility: {len(every) - len(missing)} of {len(every)} known conditions are met"
    if missing:
        text += f"; missing: {', '.join(missing)}"
    if one.unknown:
        names = ", ".join(LABELS.get(name, name) for name in one.unknown)
        text += f"; {len(one.unknown)} not known ({names}): give a profile"
    return f"{text}."


def _lived(one: History) -> str:
    where = f" in {', '.join(one.products)}" if one.products else ""
    return (
        f"History ({one.mode}): {one.trades:,} trades{where}, "
        f"{one.futures_trades:,} of futures with {amount(one.futures_volume)} USDT; "
        f"{counted(one.margin_calls, 'margin call')}, {counted(one.liquidations, 'liquidation')}; "
        f"{one.after_loss:,} of {counted(one.opened, 'position')} opened within "
        f"{RUSH_NS // (60 * 10**9)} minutes after {counted(one.losses, 'loss', 'losses')}."
    )


def _ended(run: Ran) -> str:
    said = [
        f"{mode} from {amount(one.start_equity)} to {amount(one.end_equity)} USDT, lowest equity / "
        f"maintenance {amount(one.worst_ratio, 4) if one.worst_ratio is not None else MISSING}"
        for mode, one in run.history.items()
    ]
    return f"The run itself: {'; '.join(said)}."


def hints(
    found: Findings,
    eligibility: Eligibility,
    lived: History | None,
    limits: Limits = LIMITS,
) -> list[str]:
    """Return what else the figures suggest."""
    return list(_hints(found, eligibility, lived, limits))


def _hints(
    found: Findings, eligibility: Eligibility, lived: History | None, limits: Limits
) -> Iterator[str]:
    if lived is not None and rushes(lived, limits):
        yield (
            f"Cool off after a loss: {lived.after_loss:,} of {lived.opened:,} positions "
            f"({percent(lived.rushed)}) were opened within {RUSH_NS // (60 * 10**9)} minutes after "
            f"one of {lived.losses:,} realized losses."
        )
    if found.dangers and not any(one.unhedged(limits) for one in found.dangers):
        one = found.dangers[0]
        yield (
            f"Keep a wall: at {one.shock} the pool would be liquidated with {one.assets} although "
            f"{percent(one.hedged)} is hedged; {usd(one.value)} of equity would be safe outside."
        )
    missing = [unmet(c) for c in eligibility.conditions if not c.met]
    if missing and rule_of(found, limits) in ("hedged", "carries"):
        yield f"An application would be refused now: {'; '.join(missing)}."


def rushes(lived: History, limits: Limits = LIMITS) -> bool:
    """Whether an account opens positions right after losses: so many, and so large a share."""
    return lived.after_loss >= limits.after_losses and lived.rushed >= limits.after_losses_share


def _listed(names: Sequence[str]) -> str:
    return f" ({', '.join(names)})" if names else ""
