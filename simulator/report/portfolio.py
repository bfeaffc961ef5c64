"""The account of a run as a portfolio document, at the instant of its largest requirement.

`unimargin margin`, `unimargin advise` and `Simulation(account=...)` read it; amounts are
text, so that every digit counts.  A unified wallet becomes the ``margin`` wallet, which holds loans
too; under the rules of the unified mode that is the same pool.
"""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulator.accounts.rules import AccountProfile
from simulator.exchange.snapshots import E8, PRODUCT, Snapshot
from simulator.instruments.instrument import Instrument

if TYPE_CHECKING:
    from simulator.exchange.account_desk import AccountDesk
    from simulator.simulation import Simulation

SMALLEST = 1e-15
"""Smallest number of a portfolio document (`simulator.calculator.values`)."""

Wallets = dict[str, dict[str, Any]]


def portfolio(run: Simulation, desk: AccountDesk | None = None) -> dict[str, Any] | None:
    """Return the document of an account that trades, the first one if no desk is given; None where
    no price of the run's data ever came.
    """
    desk = desk or run.desk
    kept = [one for one in (*desk.snapshots.kept, desk.snapshots.take()) if any(one.index)]
    if not kept:
        return None
    # The first of equals, so that an account that never had a requirement is shown as it began.
    largest = max(kept, key=lambda one: sum(maintenance for _, maintenance in one.figures))
    return _document(run, desk, largest)


def profile_of_owner(profile: AccountProfile) -> dict[str, Any]:
    """Return what was told of the account's owner, as JSON holds it."""
    return asdict(profile) | {"futures_volume": str(profile.futures_volume)}


def _document(run: Simulation, desk: AccountDesk, kept: Snapshot) -> dict[str, Any]:
    listed = run.player.instruments
    wallets, isolated = _wallets(desk, kept)
    held = sorted({slot % len(listed) for slot in kept.positions})
    expiries = {listed[i].expiry_ns for i in held if listed[i].market == "option"}
    shown = [
        i
        for i, one in enumerate(listed)
        if i in held or (one.market == "um" and one.expiry_ns in expiries - {0})
    ]
    made: dict[str, Any] = {
        "mode": kept.mode,
        "rulebook": run.rules.name,
        "time": str(kept.valued_ns or kept.time_ns),
        "prices": {
            "index": {
                asset: repr(price)
                for asset, price in zip(run.assets, kept.index, strict=True)
                if price > 0
            },
            "mark": {listed[i].symbol: _mark(kept.marks[i]) for i in shown if kept.marks[i] > 0},
        },
        "balances": wallets,
        "positions": _positions(run, desk, kept, isolated),
        "instruments": {listed[i].symbol: _described(run, desk, kept, listed[i]) for i in shown},
    }
    optional = {
        "volatility": {
            listed[i].symbol: repr(kept.volatility[i]) for i in held if kept.volatility[i] > 0
        },
        "correlation": {f"{a}/{b}": _short(value) for (a, b), value in kept.correlation.items()},
        "measured_volatility": {n: _short(v) for n, v in kept.measured_volatility.items() if v > 0},
        "multi_assets": _multi_assets(run),
    }
    if kept.loans or kept.interest:
        optional["margin_leverage"] = kept.margin_leverage
    return made | {name: value for name, value in optional.items() if value}


def _mark(price: float) -> str:
    """Return a mark price as a document may hold it; an option's may be next to nothing."""
    return repr(max(price, SMALLEST))


def _short(figure: Decimal) -> str:
    """Return what was measured as its float prints, whose exact value has too many digits."""
    return repr(float(figure))


def _multi_assets(run: Simulation) -> bool:
    """Whether every asset of the separated USD-M wallet is collateral."""
    table = run.rules.multi_assets
    return table is not None and run.margins["separated"].collaterals.get("um") == table.plain()


def _wallets(desk: AccountDesk, kept: Snapshot) -> tuple[Wallets, dict[str, Decimal]]:
    """Return the balances by wallet, and the margin of isolated positions by wallet name."""
    assets = desk.assets
    margin = _slots(desk, kept)
    margined = {margin[slot] for slot in kept.positions}
    wallets: Wallets = {}
    isolated: dict[str, Decimal] = {}
    for (wallet, asset), units in kept.balances.items():
        name = desk.partition.name_of(wallet)
        line, _, own = name.partition(":")
        if line == "um" and own and wallet in margined:
            isolated[name] = units * E8
            continue
        where = wallets.setdefault("margin" if line == "unified" else line, {})
        before = Decimal(where.get(assets[asset], {"asset": "0"})["asset"])
        where[assets[asset]] = {"asset": str(before + units * E8)}
    for key, cells in (("loan", kept.loans), ("interest", kept.interest)):
        for (_, asset), units in cells.items():
            owed = wallets.setdefault("margin", {}).setdefault(assets[asset], {"asset": "0"})
            owed[key] = str(units * E8)
    return wallets, isolated


def _slots(desk: AccountDesk, kept: Snapshot) -> list[int]:
    """Return by position slot the wallet that margined it in the snapshot's mode."""
    return desk.snapshots.layouts[kept.mode].partition.margin


def _positions(
    run: Simulation, desk: AccountDesk, kept: Snapshot, isolated: dict[str, Decimal]
) -> list[dict[str, Any]]:
    listed = run.player.instruments
    margin, model = _slots(desk, kept), run.margins[kept.mode].model
    made = []
    for slot, (lots, cost) in kept.positions.items():
        number = slot % len(listed)
        one = listed[number]
        position = desk.snapshots.position(slot, lots, cost, kept)
        row: dict[str, Any] = {
            "instrument": one.symbol,
            "quantity": str(position.quantity),
            "entry_price": f"{position.entry_price:.28g}",
        }
        if one.market != "option" and model == "brackets":
            leverage = kept.leverage[number]
            row["leverage"] = str(Decimal(leverage.numerator) / leverage.denominator)
        own = desk.partition.name_of(margin[slot])
        if own in isolated:
            row["isolated_wallet"] = str(isolated[own])
        made.append(row)
    return made


def _described(
    run: Simulation, desk: AccountDesk, kept: Snapshot, one: Instrument
) -> dict[str, Any]:
    """Return what an instrument is, so that no name has to tell it; brackets that the venue took
    from another date of the contract, because the rulebook lists none.
    """
    made: dict[str, Any] = {
        "product": PRODUCT[one.market],
        "underlying": one.underlying,
        "settle": one.settle,
        "contract_size": str(one.contract_size),
    }
    if one.expiry_ns:
        made["expiry"] = str(one.expiry_ns)
    if one.market == "option":
        made |= {"strike": str(one.strike), "right": one.right}
    table = desk.snapshots.layouts[kept.mode].margin.brackets.get(one.symbol)
    if table and one.symbol not in run.margins[kept.mode].brackets:
        keys = ("floor", "cap", "mmr", "max_leverage")
        made["brackets"] = [{key: str(getattr(row, key)) for key in keys} for row in table]
    return made
