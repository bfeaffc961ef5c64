"""What an instrument's name says, and what the document's ``instruments`` add to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from simulator.calculator.document import Described, Document
from simulator.errors import InputError
from simulator.instruments import catalogue
from simulator.instruments.symbols import COIN_MARGINED, OPTION, terms_of
from simulator.risk.state import Product

MARKET: dict[Product, Literal["um", "cm", "option"]] = {
    "linear": "um",
    "inverse": "cm",
    "option": "option",
}
WALLET: dict[Product, Literal["um", "cm", "options"]] = {
    "linear": "um",
    "inverse": "cm",
    "option": "options",
}
"""Wallet that holds the margin of a product in the separated mode."""


@dataclass(frozen=True, slots=True)
class Contract:
    """A futures contract or option; ``expiry_ns`` 0 = perpetual, ``contract_size`` USD of an
    inverse contract, base asset of an option.
    """

    symbol: str
    product: Product
    underlying: str
    settle: str
    contract_size: Decimal = Decimal(1)
    expiry_ns: int = 0
    strike: Decimal = Decimal(0)
    right: Literal["", "C", "P"] = ""


def contracts(document: Document) -> dict[str, Contract]:
    """Return every contract that the document speaks of, by name.

    Raises InputError naming the place for a name that says nothing and is not described.
    """
    found: dict[str, Contract] = {}
    for symbol in document.instruments:
        found[symbol] = contract(symbol, document.instruments, f"instruments.{symbol}")
    for number, held in enumerate(document.positions):
        if held.instrument not in found:
            where = f"positions[{number}].instrument"
            found[held.instrument] = contract(held.instrument, document.instruments, where)
    for symbol in document.prices.mark:
        if symbol not in found:
            found[symbol] = contract(symbol, document.instruments, f"prices.mark.{symbol}")
    return found


def contract(symbol: str, described: Mapping[str, Described], where: str) -> Contract:
    """Return what a name is; the document's description of it stands above the name's."""
    given = described.get(symbol, Described())
    by_name = _by_name(symbol, where) if given.product is None else None
    if by_name is not None:
        base = by_name
    elif given.product is None or given.underlying is None:
        if symbol in described:
            raise InputError(
                f"{where}: needs product (linear, inverse or option) and underlying, because the "
                "name does not tell them"
            )
        raise InputError(
            f"{where}: {symbol!r:.60} is no instrument's name (BTCUSDT, BTCUSDT_261225, "
            "BTCUSD_PERP, BTC-261225-50000-C); describe it under instruments"
        )
    else:
        settle = given.underlying if given.product == "inverse" else "USDT"
        base = Contract(symbol, given.product, given.underlying, settle)
        if given.product == "inverse":
            base = Contract(
                symbol, "inverse", given.underlying, settle, _face_value(given.underlying)
            )
    made = Contract(
        symbol=symbol,
        product=base.product,
        underlying=given.underlying or base.underlying,
        settle=given.settle or base.settle,
        contract_size=given.contract_size or base.contract_size,
        expiry_ns=base.expiry_ns if given.expiry is None else given.expiry,
        strike=base.strike if given.strike is None else given.strike,
        right=given.right or base.right,
    )
    if made.product == "option" and not (made.expiry_ns and made.strike and made.right):
        raise InputError(f"{where}: an option needs expiry, strike and right (C or P)")
    if made.product != "option" and (made.strike or made.right):
        raise InputError(f"{where}: strike and right are an option's")
    if made.product == "inverse" and made.settle != made.underlying:
        raise InputError(f"{where}: an inverse contract settles in its underlying coin")
    return made


def _by_name(symbol: str, where: str) -> Contract | None:
    product: Product = "linear"
    if OPTION.match(symbol):
        product = "option"
    elif COIN_MARGINED.match(symbol):
        product = "inverse"
    elif "-" in symbol or "_PERP" in symbol:
        return None
    market = MARKET[product]
    try:
        base, quote = catalogue.assets(market, symbol)
        terms = terms_of(market, symbol)
    except InputError:
        return None
    except ValueError as error:
        raise InputError(f"{where}: {symbol}: {error}") from None
    return Contract(
        symbol=symbol,
        product=product,
        underlying=base,
        settle=base if product == "inverse" else quote,
        contract_size=_face_value(base) if product == "inverse" else Decimal(1),
        expiry_ns=terms.expiry_ns,
        strike=terms.strike,
        right=terms.right,
    )


def _face_value(coin: str) -> Decimal:
    """USD of one coin-margined contract."""
    return catalogue.BTC_CONTRACT_USD if coin == "BTC" else catalogue.CONTRACT_USD
