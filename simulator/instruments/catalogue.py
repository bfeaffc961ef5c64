"""Known instruments and their filters, and what a symbol alone tells of an unknown one.

The filters stand in ``catalogue.toml``, each with its source.  They change over the years, so a
tape carries its own in the manifest; the catalogue only fills in what the data cannot say (minimum
notional, contract size) and a tick that happens not to show.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from decimal import Decimal
from functools import cache
from importlib import resources

from simulator.errors import InputError
from simulator.instruments.instrument import MARKETS, Instrument, Market
from simulator.instruments.symbols import COIN_MARGINED, DATED, OPTION, terms_of

INFERRED = "inferred"
"""Where filters come from that only the data told."""

STABLE = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USDP", "DAI", "USD")
FIAT = ("EUR", "GBP", "TRY", "BRL", "AUD", "JPY", "UAH", "RUB", "PLN", "ZAR")
QUOTES = (*STABLE, *FIAT, "BTC", "ETH", "BNB")
"""Quote assets by which a symbol is split, tried in this order."""

AMOUNTS = ("tick", "lot", "contract_size", "min_quantity", "min_notional", "max_quantity")

BTC_CONTRACT_USD, CONTRACT_USD = Decimal(100), Decimal(10)
"""Face value of a coin-margined contract: BTC's, and that of every other coin."""


@cache
def known() -> dict[str, tuple[Instrument, str]]:
    """Return the catalogue: full name → instrument and the source of its filters."""
    text = resources.files("simulator.instruments").joinpath("catalogue.toml").read_text("utf-8")
    found = {}
    for entry in tomllib.loads(text)["instrument"]:
        amount = {name: Decimal(entry.get(name, "0")) for name in AMOUNTS}
        instrument = Instrument(
            market=entry["market"],
            symbol=entry["symbol"],
            base=entry["base"],
            quote=entry["quote"],
            tick=amount["tick"],
            lot=amount["lot"],
            contract_size=amount["contract_size"] or Decimal(1),
            min_quantity=amount["min_quantity"],
            min_notional=amount["min_notional"],
            max_quantity=amount["max_quantity"],
        )
        found[instrument.name] = (instrument, entry["source"])
    return found


def assets(market: Market, symbol: str) -> tuple[str, str]:
    """Return base and quote asset of a symbol.

    Raises ``InputError`` if the symbol ends in no quote asset known here.

    >>> assets("um", "1000PEPEUSDT"), assets("cm", "BTCUSD_PERP"), assets("um", "ETHUSDT_250328")
    (('1000PEPE', 'USDT'), ('BTC', 'USD'), ('ETH', 'USDT'))
    >>> assets("option", "BTC-261225-50000-C")
    ('BTC', 'USDT')
    """
    option = OPTION.match(symbol) if market == "option" else None
    if option:
        return option["base"], "USDT"
    coin = COIN_MARGINED.match(symbol)
    if coin:
        return coin["base"], "USD"
    pair = DATED.sub("", symbol)
    for quote in QUOTES:
        if pair.endswith(quote) and len(pair) > len(quote):
            return pair.removesuffix(quote), quote
    raise InputError(
        f"{market}:{symbol}: its quote asset is none of {', '.join(QUOTES)}; "
        "name its assets with --base and --quote"
    )


def instrument(
    name: str, tick: Decimal, lot: Decimal, pair: tuple[str, str] | None = None
) -> tuple[Instrument, str]:
    """Return the instrument ``market:symbol`` for data in multiples of ``tick`` and ``lot``.

    A step of 0 means that the data told none.  Its filters are the catalogue's where the data fit
    them, else what the data told; the second value says where they come from.  ``pair`` is base and
    quote asset of one that is not in the catalogue, where its symbol does not tell them.
    """
    market, _, symbol = name.partition(":")
    if market not in MARKETS or not symbol:
        raise InputError(
            f"instrument {name!r} must be spot:SYMBOL, um:SYMBOL, cm:SYMBOL or option:SYMBOL"
        )
    try:
        terms_of(market, symbol)
    except ValueError as error:  # a day that is not in the calendar, or no option's symbol
        raise InputError(f"{name}: {error}") from None
    entry = _listed(name)
    if entry is not None:
        listed, source = entry
        fits = tick % listed.tick == 0 and lot % listed.lot == 0
        if fits:
            return listed, source
        finer = {
            "tick": listed.tick if tick % listed.tick == 0 else tick,
            "lot": listed.lot if lot % listed.lot == 0 else lot,
        }
        return _with(listed, **finer), f"{INFERRED} (finer than {source}), the rest from there"
    base, quote = pair or assets(market, symbol)
    tick, lot = tick or Decimal(1), lot or Decimal(1)
    size = Decimal(1)
    if market == "cm":
        size = BTC_CONTRACT_USD if base == "BTC" else CONTRACT_USD
    unknown = Instrument(
        market=market,
        symbol=symbol,
        base=base,
        quote=quote,
        tick=tick,
        lot=lot,
        contract_size=size,
        min_quantity=lot,
    )
    return unknown, INFERRED


def _listed(name: str) -> tuple[Instrument, str] | None:
    """Return the catalogue's entry; a delivery future that it lacks has its perpetual's filters."""
    entry = known().get(name)
    if entry is not None or not DATED.search(name):
        return entry
    pair = DATED.sub("", name)
    perpetual = known().get(f"{pair}_PERP" if name.startswith("cm:") else pair)
    if perpetual is None:
        return None
    future = replace(perpetual[0], symbol=name.partition(":")[2])
    return future, f"{perpetual[0].name} in {perpetual[1]}"


def _with(listed: Instrument, tick: Decimal, lot: Decimal) -> Instrument:
    return replace(listed, tick=tick, lot=lot)
