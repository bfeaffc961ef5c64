"""Where the assets of a unified pool would stand if they were separate.

A run in the unified mode leaves one wallet.  To compare, its cash is divided so that every wallet
stands at the same equity / initial margin, coins go where a coin-margined pool needs them, and the
rest is spot; what is owed stays in cross margin with the coins.  No other division keeps the
weakest wallet stronger, so what the unified mode saves is understated rather than overstated.
"""

from __future__ import annotations

from decimal import Decimal

from simulator.calculator.advice_sides import Side, side
from simulator.calculator.document import Balances, Document, Holding
from simulator.calculator.prices import USD_PEGGED
from simulator.calculator.rules import Rules
from simulator.risk.state import ZERO

CASH = ("USD", *USD_PEGGED)
NOTE = (
    "the run was unified: its assets are divided among separate wallets so that each has the same "
    "equity over initial margin"
)


def apart(document: Document, separated: Rules, notes: list[str]) -> Document:
    """Return the document with what its wallets hold together divided among separate ones."""
    held: dict[str, Decimal] = {}
    loans: dict[str, Holding] = {}
    for wallet in document.balances.wallets().values():
        for asset, one in wallet.items():
            held[asset] = held.get(asset, ZERO) + one.asset
            if one.loan or one.interest:
                loans[asset] = Holding(loan=one.loan, interest=one.interest)
    owes = bool(loans) or any(amount < 0 for amount in held.values())
    notes.append(NOTE)
    # Requirements are those of the positions alone, with the coins where they would stand.
    wallets = _coins(document, held, owes)
    for asset, one in loans.items():
        kept = wallets["margin"].get(asset, Holding()).asset
        wallets["margin"][asset] = one.model_copy(update={"asset": kept})
    for asset in [name for name in held if name in CASH]:
        now = document.model_copy(update={"balances": Balances(**wallets)})
        parts = _divided(side(now, separated), asset, held[asset], owes)
        for name, amount in parts.items():
            before = wallets[name].get(asset, Holding())
            wallets[name][asset] = before.model_copy(update={"asset": before.asset + amount})
    return document.model_copy(update={"balances": Balances(**wallets)})


def _coins(
    document: Document, held: dict[str, Decimal], owes: bool
) -> dict[str, dict[str, Holding]]:
    """Return wallets with the coins in them: to coin-margined positions, else margin or spot."""
    wallets: dict[str, dict[str, Holding]] = {
        name: {} for name in ("spot", "margin", "um", "cm", "options")
    }
    inverse = {one.instrument.partition("USD_")[0] for one in document.positions}
    for asset, amount in held.items():
        if asset in CASH:
            continue
        line = "cm" if asset in inverse else "margin" if owes else "spot"
        wallets[line][asset] = Holding(asset=amount)
    return wallets


def _divided(now: Side, asset: str, amount: Decimal, owes: bool) -> dict[str, Decimal]:
    """Return cash by wallet, so that each has the same equity over initial margin."""
    usd = now.held.market.index.get(asset, Decimal(1))
    rest = "margin" if owes else "spot"
    takes = {
        pool.name: (figures.initial_margin, figures.equity)
        for pool, figures in now.pools
        if pool.name in ("um", "options", "margin") and figures.initial_margin > 0
    }
    needed = sum((need for need, _ in takes.values()), ZERO)
    if not takes or asset != "USDT":
        return {rest: amount}
    whole = amount * usd + sum((equity for _, equity in takes.values()), ZERO)
    return {name: (whole * need / needed - equity) / usd for name, (need, equity) in takes.items()}
