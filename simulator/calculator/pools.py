"""From a document and a rulebook to margin pools: which wallet margins what (DESIGN 2.2).

Separated: a pool a wallet (``um``, ``cm:COIN``, ``margin``, ``options``) and one an isolated
position.  Unified: the wallets in the rulebook's ``members`` are one pool, isolated wallets merged
into it; other wallets stay as they are in the separated mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from simulator.calculator.contracts import WALLET, Contract, contracts
from simulator.calculator.document import Document, Holding, Holds
from simulator.calculator.prices import Market, market
from simulator.calculator.rules import Rules
from simulator.errors import InputError
from simulator.risk.brackets import bracket_of
from simulator.risk.rules import CollateralRules, MarginRules
from simulator.risk.state import ZERO, PoolKind, PoolState, Position


@dataclass(frozen=True, slots=True)
class Pool:
    """One margin pool; ``currency`` is that of its figures, ``where`` names each position's
    entry in the document.
    """

    name: str
    kind: PoolKind
    currency: str
    state: PoolState
    rules: MarginRules
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """What a document comes to: pools, plain spot outside of them, prices, notes."""

    pools: tuple[Pool, ...]
    outside: Mapping[str, Decimal]
    market: Market
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A position as the document holds it, entries of one side merged."""

    contract: Contract
    held: Holds
    where: str
    isolated: Decimal | None


def _note_leverage(entry: Entry, rules: MarginRules, prices: Market, notes: list[str]) -> None:
    """Note a leverage above what the instrument's bracket at this notional has."""
    leverage, contract = entry.held.leverage, entry.contract
    table = rules.brackets.get(contract.symbol)
    if leverage is None or not table:
        return
    mark, size = prices.mark[contract.symbol], abs(entry.held.quantity)
    inverse = contract.product == "inverse"
    notional = size * contract.contract_size / mark if inverse else size * mark
    most = bracket_of(notional, table).max_leverage
    if leverage > most:
        notes.append(
            f"{entry.where}.leverage {leverage}: the brackets allow at most {most:.0f} at a "
            f"notional of {float(notional):,.10g} {contract.settle}"
        )


def account(document: Document, rules: Rules) -> Account:
    """Return the pools of a document; InputError for what cannot be computed, with its place."""
    known = contracts(document)
    prices = market(document, known)
    notes = [*rules.notes, *prices.notes]
    entries = merged(document, known, notes)
    members = rules.unified.members if rules.mode == "unified" else ()
    for entry in entries:
        _note_leverage(entry, rules.unified, prices, notes)
    return Account(
        pools=tuple(_pools(document, rules, prices, entries, members, notes)),
        outside=_outside(document, members),
        market=prices,
        notes=tuple(notes),
    )


def _outside(document: Document, members: tuple[str, ...]) -> dict[str, Decimal]:
    """Return plain spot: what the account owns outside of every pool."""
    if "spot" in members:
        return {}
    for asset, holding in document.balances.spot.items():
        if holding.asset < 0:
            raise InputError(f"balances.spot.{asset}: plain spot cannot be below 0")
    return {asset: holding.asset for asset, holding in document.balances.spot.items()}


def merged(document: Document, known: Mapping[str, Contract], notes: list[str]) -> list[Entry]:
    """Return the positions; entries of the same instrument, side and margin type as one."""
    made: dict[tuple[str, bool, bool], Entry] = {}
    for number, held in enumerate(document.positions):
        where = f"positions[{number}]"
        contract = known[held.instrument]
        if held.isolated_wallet is not None and contract.product == "option":
            raise InputError(f"{where}.isolated_wallet: options have no isolated margin")
        if held.quantity == 0:
            notes.append(f"{where}: {held.instrument} has quantity 0 and is left out")
            continue
        key = (held.instrument, held.quantity > 0, held.isolated_wallet is not None)
        before = made.get(key)
        if before is None:
            made[key] = Entry(contract, held, where, held.isolated_wallet)
            continue
        if held.leverage is not None and before.held.leverage not in (None, held.leverage):
            raise InputError(
                f"{where}.leverage: {held.instrument} stands with another in {before.where}"
            )
        made[key] = replace(before, held=_together(before.held, held, contract, where))
    return list(made.values())


def _together(one: Holds, other: Holds, contract: Contract, where: str) -> Holds:
    if (one.entry_price is None) != (other.entry_price is None):
        raise InputError(f"{where}: entry_price stands in one entry of {contract.symbol} only")
    quantity = one.quantity + other.quantity
    entry = None
    if one.entry_price is not None and other.entry_price is not None:
        if contract.product == "inverse":
            entry = quantity / (one.quantity / one.entry_price + other.quantity / other.entry_price)
        else:
            entry = (one.quantity * one.entry_price + other.quantity * other.entry_price) / quantity
    wallet = None
    if one.isolated_wallet is not None and other.isolated_wallet is not None:
        wallet = one.isolated_wallet + other.isolated_wallet
    return one.model_copy(
        update={
            "quantity": quantity,
            "entry_price": entry,
            "isolated_wallet": wallet,
            "leverage": one.leverage or other.leverage,
        }
    )


def _pools(
    document: Document,
    rules: Rules,
    prices: Market,
    entries: list[Entry],
    members: tuple[str, ...],
    notes: list[str],
) -> list[Pool]:
    made: list[Pool] = []
    wallets = document.balances.wallets()

    def pool(
        name: str,
        kind: PoolKind,
        holdings: list[Mapping[str, Holding]],
        inside: list[Entry],
        currency: str = "USD",
        own: Mapping[str, Decimal] | None = None,
    ) -> None:
        if holdings or inside:
            made.append(
                _pool(document, rules, prices, (name, kind, currency), holdings, inside, own or {})
            )

    if members:
        inside = [e for e in entries if WALLET[e.contract.product] in members]
        own: dict[str, Decimal] = {}
        for entry in inside:
            if entry.isolated is not None:
                settle = entry.contract.settle
                own[settle] = own.get(settle, ZERO) + entry.isolated
                notes.append(f"{entry.where}.isolated_wallet joins the unified pool")
        made.append(
            _pool(
                document,
                rules,
                prices,
                ("unified", "unified", "USD"),
                [wallets[name] for name in members if wallets[name]],
                inside,
                own,
            )
        )
    left = [e for e in entries if WALLET[e.contract.product] not in members]
    crossed = [e for e in left if e.isolated is None]
    if "um" not in members:
        um = [e for e in crossed if e.contract.product == "linear"]
        pool("um", "um", _given(wallets["um"]), um)
    if "cm" not in members:
        cm = [e for e in crossed if e.contract.product == "inverse"]
        coins = dict.fromkeys([*wallets["cm"], *(e.contract.settle for e in cm)])
        for coin in coins:
            held = {coin: wallets["cm"][coin]} if coin in wallets["cm"] else {}
            mine = [e for e in cm if e.contract.settle == coin]
            pool(f"cm:{coin}", "cm", _given(held), mine, coin)
    for entry in left:
        if entry.isolated is not None:
            _isolated(pool, entry, left)
    if "margin" not in members:
        pool("margin", "margin", _given(wallets["margin"]), [])
    if "options" not in members:
        options = [e for e in crossed if e.contract.product == "option"]
        pool("options", "options", _given(wallets["options"]), options)
    return made


def _given(wallet: Mapping[str, Holding]) -> list[Mapping[str, Holding]]:
    return [wallet] if wallet else []


def _isolated(pool: object, entry: Entry, left: list[Entry]) -> None:
    assert callable(pool)
    contract = entry.contract
    legs = [e for e in left if e.contract is contract and e.isolated is not None]
    side = (":LONG" if entry.held.quantity > 0 else ":SHORT") if len(legs) > 1 else ""
    assert entry.isolated is not None
    inverse = contract.product == "inverse"
    pool(
        f"{'cm' if inverse else 'um'}:{contract.symbol}{side}",
        "cm" if inverse else "um",
        [],
        [entry],
        contract.settle if inverse else "USD",
        {contract.settle: entry.isolated},
    )


def _pool(
    document: Document,
    rules: Rules,
    prices: Market,
    identity: tuple[str, PoolKind, str],
    holdings: list[Mapping[str, Holding]],
    inside: list[Entry],
    own: Mapping[str, Decimal],
) -> Pool:
    name, kind, currency = identity
    margin_rules = rules.unified if kind == "unified" else rules.separated
    assets = dict(own)
    loans: dict[str, Decimal] = {}
    interest: dict[str, Decimal] = {}
    for wallet in holdings:
        for asset, held in wallet.items():
            if asset in prices.index:
                assets[asset] = assets.get(asset, ZERO) + held.asset
            if held.loan:
                loans[asset] = held.loan
            if held.interest:
                interest[asset] = held.interest
    positions = tuple(_position(entry, document, prices, margin_rules, kind) for entry in inside)
    borrows = kind == "margin" or (kind == "unified" and "margin" in margin_rules.members)
    state = PoolState(
        assets=assets,
        index=prices.index,
        positions=positions,
        loans=loans,
        interest=interest,
        correlation=document.correlations(),
        open_loss=document.open_loss if borrows else ZERO,
        margin_leverage=document.margin_leverage,
        kind=kind,
        currency=currency,
        time_ns=document.time or 0,
        volatility=document.volatility,
        measured_volatility=document.measured_volatility,
        rate=document.rate,
        forwards=prices.forwards,
    )
    if kind == "um" and margin_rules.model_of("um") == "brackets" and not document.multi_assets:
        margin_rules = _settling(margin_rules, positions)
    if kind == "margin":
        margin_rules = _at_leverage(margin_rules, document.margin_leverage)
    return Pool(name, kind, currency, state, margin_rules, tuple(e.where for e in inside))


def _settling(rules: MarginRules, positions: tuple[Position, ...]) -> MarginRules:
    """Return the rules of a UM wallet in single-asset mode, where only what positions settle in
    is margin.
    """
    settle = {p.settle: Decimal(1) for p in positions}
    if not settle:
        return rules
    return replace(
        rules, collaterals={**rules.collaterals, "um": CollateralRules(True, Decimal(0), settle)}
    )


def _at_leverage(rules: MarginRules, leverage: int | None) -> MarginRules:
    """Return the rules of a cross-margin wallet, whose ladder goes by the account's leverage."""
    ladder = rules.ladders.get(f"margin:{leverage}")
    return replace(rules, ladders={**rules.ladders, "margin": ladder}) if ladder else rules


def _position(
    entry: Entry, document: Document, prices: Market, rules: MarginRules, kind: PoolKind
) -> Position:
    contract, held, where = entry.contract, entry.held, entry.where
    model = rules.model_of(kind)
    mark = prices.mark[contract.symbol]
    if model == "brackets":
        _listed(contract, rules, where)
    elif contract.expiry_ns and document.time is None:
        raise InputError(
            f"time: missing; {where} ({contract.symbol}) expires, so its scenarios need the "
            "valuation instant"
        )
    volatility = prices.volatility.get(contract.symbol)
    if contract.product == "option" and model == "scenario" and volatility is None:
        raise InputError(
            f"{where}: no volatility gives {contract.symbol} its mark {mark}; check the mark or "
            "give volatility"
        )
    return Position(
        symbol=contract.symbol,
        underlying=contract.underlying,
        settle=contract.settle,
        quantity=held.quantity,
        entry_price=mark if held.entry_price is None else held.entry_price,
        mark_price=mark,
        leverage=held.leverage,
        product=contract.product,
        contract_size=contract.contract_size,
        expiry_ns=contract.expiry_ns,
        strike=contract.strike,
        right=contract.right,
        volatility=volatility,
    )


def _listed(contract: Contract, rules: MarginRules, where: str) -> None:
    if contract.product == "option":
        if rules.options is None:
            raise InputError(f"{where}: the rulebook has no margin rules for options by themselves")
    elif contract.symbol not in rules.brackets:
        raise InputError(
            f"{where}: the rulebook has no brackets for {contract.symbol}; give them under "
            f"overrides.brackets.{contract.symbol}"
        )
