"""Where the assets of a unified pool would stand if they were separate.

A run in the unified mode leaves one wallet, written as ``margin``.  To compare, its cash is divided
so that every wallet stands at the same equity / initial margin, coins go where a coin-margined pool
needs them, and the rest is spot; what is owed stays in cross margin with the other coins.  USD-M
positions are isolated where that is the rulebook's default, each with a share of the cash.  No
other division of the cash keeps the weakest wallet stronger, so what the unified mode spares is
rather understated than overstated.
"""

from __future__ import annotations

from decimal import Decimal

from simulator.calculator.advice_sides import Side, side
from simulator.calculator.contracts import contracts
from simulator.calculator.document import Document, Holding
from simulator.calculator.prices import USD_PEGGED
from simulator.calculator.rules import Rules
from simulator.risk.state import ZERO

CASH = ("USD", *USD_PEGGED)
NOTE = (
    "the account was unified: what its wallet held is divided among separate wallets so that each "
    "has the same equity over initial margin"
)

ISOLATED = (
    "separate USD-M positions are isolated, as the rulebook has them by default, each with a share "
    "of the cash"
)

Wallets = dict[str, dict[str, Holding]]


def apart(document: Document, separated: Rules, notes: list[str]) -> Document:
    """Return the document with what the unified wallet holds divided among separate ones."""
    members = separated.unified.members
    if separated.separated.margin_type == "isolated" and "um" in members:
        document = _isolated(document)
        notes.append(ISOLATED)
    pooled = document.balances.margin
    owes = any(one.loan or one.interest or one.asset < 0 for one in pooled.values())
    rest = "spot" if "spot" in members and not owes else "margin"
    notes.append(NOTE)
    wallets: Wallets = {
        name: {} if name == "margin" else dict(held)
        for name, held in document.balances.wallets().items()
    }
    known = contracts(document)
    held = [known[position.instrument] for position in document.positions]
    inverse = {one.underlying for one in held if one.product == "inverse"}
    for asset, one in pooled.items():
        if one.loan or one.interest:
            _add(wallets, "margin", asset, one.model_copy(update={"asset": ZERO}))
        if asset not in CASH:
            _add(wallets, "cm" if asset in inverse else rest, asset, Holding(asset=one.asset))
    # Requirements are those of the positions with the coins where they now stand.
    for asset in [name for name in pooled if name in CASH]:
        now = _with(document, wallets)
        parts = _divided(side(now, separated), members, asset, pooled[asset].asset)
        for name, amount in (parts or {rest: pooled[asset].asset}).items():
            if ":" in name:
                document = _endowed(document, name, amount)
            else:
                _add(wallets, name, asset, Holding(asset=amount))
    return _with(document, wallets)


def _isolated(document: Document) -> Document:
    """Return the document with every USD-M position isolated, nothing in their wallets yet."""
    known = contracts(document)
    positions = [
        one.model_copy(update={"isolated_wallet": ZERO})
        if known[one.instrument].product == "linear"
        else one
        for one in document.positions
    ]
    return document.model_copy(update={"positions": type(document.positions)(positions)})


def _endowed(document: Document, pool: str, amount: Decimal) -> Document:
    """Return the document with an amount in the wallet of one isolated position.

    ``pool`` is such as ``um:BTCUSDT``, or ``um:BTCUSDT:LONG`` where there are both sides.
    """
    _, symbol, side = (*pool.split(":"), "")[:3]
    signs = {"LONG": (1,), "SHORT": (-1,), "": (1, -1)}[side]
    positions = list(document.positions)
    at = next(
        n
        for n, one in enumerate(positions)
        if contracts(document)[one.instrument].symbol == symbol
        and (1 if one.quantity > 0 else -1) in signs
    )
    positions[at] = positions[at].model_copy(update={"isolated_wallet": amount})
    return document.model_copy(update={"positions": type(document.positions)(positions)})


def _with(document: Document, wallets: Wallets) -> Document:
    balances = document.balances.model_copy(update=dict(wallets))
    return document.model_copy(update={"balances": balances})


def _add(wallets: Wallets, name: str, asset: str, more: Holding) -> None:
    had = wallets[name].get(asset, Holding())
    wallets[name][asset] = Holding(
        asset=had.asset + more.asset,
        loan=had.loan + more.loan,
        interest=had.interest + more.interest,
    )


def _divided(
    now: Side, members: tuple[str, ...], asset: str, amount: Decimal
) -> dict[str, Decimal]:
    """Return cash by wallet, so that each has the same equity over initial margin; nothing where
    no wallet needs any.
    """
    usd = now.held.market.index.get(asset, Decimal(1))
    takes = {
        pool.name: (figures.initial_margin, figures.equity)
        for pool, figures in now.pools
        if pool.name.partition(":")[0] in ("um", "options", "margin")
        and pool.name.partition(":")[0] in members
        and figures.initial_margin > 0
    }
    if asset != "USDT" or not takes:
        return {}
    needed = sum((need for need, _ in takes.values()), ZERO)
    whole = amount * usd + sum((equity for _, equity in takes.values()), ZERO)
    return {name: (whole * need / needed - equity) / usd for name, (need, equity) in takes.items()}
