"""The prices of a document, completed where one follows from another; what was filled in is noted.

- index of USD is 1; of a stablecoin 1 unless given
- index of an underlying: from a perpetual's or other future's mark
- mark of a future: its index; of an option: Black-76 with the volatility given
- volatility of an option: its own, its underlying's, else what its mark implies
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from simulator.calculator.contracts import Contract
from simulator.calculator.document import Document, written
from simulator.calculator.options import forward, implied_volatility, premium, years_between
from simulator.errors import InputError

USD_PEGGED = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "DAI")


@dataclass(slots=True)
class Market:
    """Prices at the valuation instant: ``index`` USD per asset, ``mark`` and ``volatility`` by
    instrument; ``notes`` say what the document did not give; ``forwards`` are
    marks of delivery futures by underlying and expiry.
    """

    index: dict[str, Decimal]
    mark: dict[str, Decimal]
    volatility: dict[str, Decimal]
    notes: list[str] = field(default_factory=list)
    forwards: dict[tuple[str, int], Decimal] = field(default_factory=dict)


def market(document: Document, contracts: Mapping[str, Contract]) -> Market:
    """Return the prices that the document's balances and positions need.

    Raises InputError for a price that is missing and follows from nothing, and for a contract that
    has expired.
    """
    made = Market(dict(document.prices.index), dict(document.prices.mark), {})
    for number, held in enumerate(document.positions):
        contract = contracts[held.instrument]
        if contract.expiry_ns and document.time is not None and document.time >= contract.expiry_ns:
            raise InputError(
                f"positions[{number}]: {contract.symbol} expired {written(contract.expiry_ns)}, "
                f"not after the document's time {written(document.time)}"
            )
    for asset, where in _priced_assets(document, contracts):
        _index(asset, where, document, contracts, made)
    for options in (False, True):  # an option's forward may be a future's mark
        for number, held in enumerate(document.positions):
            contract = contracts[held.instrument]
            if (contract.product == "option") == options:
                _mark(contract, f"positions[{number}]", document, made)
        made.forwards = forwards(contracts, made.mark)
    for contract in contracts.values():
        if contract.product == "option" and contract.symbol in made.mark:
            _volatility(contract, document, made)
    return made


def forwards(
    contracts: Mapping[str, Contract], mark: Mapping[str, Decimal]
) -> dict[tuple[str, int], Decimal]:
    """Return the marks of linear delivery futures by underlying and expiry."""
    return {
        (c.underlying, c.expiry_ns): mark[c.symbol]
        for c in contracts.values()
        if c.product == "linear" and c.expiry_ns and c.symbol in mark
    }


def _priced_assets(
    document: Document, contracts: Mapping[str, Contract]
) -> Iterable[tuple[str, str]]:
    for number, held in enumerate(document.positions):
        contract = contracts[held.instrument]
        yield contract.settle, f"positions[{number}]"
        yield contract.underlying, f"positions[{number}]"
    for name, wallet in document.balances.wallets().items():
        for asset, holding in wallet.items():
            if holding.asset or holding.loan or holding.interest:
                yield asset, f"balances.{name}.{asset}"


def _index(
    asset: str,
    where: str,
    document: Document,
    contracts: Mapping[str, Contract],
    made: Market,
) -> None:
    if asset in made.index:
        return
    if asset == "USD":
        made.index[asset] = Decimal(1)
        return
    if asset in USD_PEGGED:
        made.index[asset] = Decimal(1)
        made.notes.append(f"prices.index.{asset} is not given: taken as 1 USD")
        return
    futures = sorted(
        (c for c in contracts.values() if c.underlying == asset and c.product != "option"),
        key=lambda c: (c.expiry_ns, c.product != "linear", c.symbol),
    )
    for contract in futures:
        mark = document.prices.mark.get(contract.symbol)
        if mark is not None:
            usd = Decimal(1)
            if contract.product == "linear":
                _index(contract.settle, where, document, contracts, made)
                usd = made.index[contract.settle]
            made.index[asset] = mark * usd
            made.notes.append(
                f"prices.index.{asset} is not given: taken from the mark of {contract.symbol}"
            )
            return
    raise InputError(f"prices.index.{asset}: missing; {where} needs it (USD per {asset})")


def _mark(contract: Contract, where: str, document: Document, made: Market) -> None:
    symbol = contract.symbol
    if symbol in made.mark:
        return
    if contract.product == "option":
        volatility = document.volatility.get(symbol, document.volatility.get(contract.underlying))
        if volatility is None or document.time is None:
            raise InputError(
                f"{where}: prices.mark.{symbol} is missing; give it, or volatility and time for a "
                "Black-76 mark"
            )
        ahead = forward(contract, made.index, made.forwards, document.rate, document.time)
        usd = premium(contract, ahead, volatility, document.rate, document.time)
        made.mark[symbol] = usd / made.index[contract.settle]
        made.notes.append(f"prices.mark.{symbol} is not given: Black-76 at {volatility}")
        return
    usd = made.index[contract.settle] if contract.product == "linear" else Decimal(1)
    made.mark[symbol] = made.index[contract.underlying] / usd
    made.notes.append(
        f"prices.mark.{symbol} is not given: taken from the index of {contract.underlying}"
    )


def _volatility(contract: Contract, document: Document, made: Market) -> None:
    given = document.volatility.get(contract.symbol, document.volatility.get(contract.underlying))
    if given is not None:
        made.volatility[contract.symbol] = given
        return
    if document.time is None or contract.underlying not in made.index:
        return
    if document.time >= contract.expiry_ns:
        return
    usd = made.mark[contract.symbol] * made.index.get(contract.settle, Decimal(1))
    ahead = forward(contract, made.index, made.forwards, document.rate, document.time)
    found = implied_volatility(contract, ahead, usd, document.rate, document.time)
    if found is not None:
        made.volatility[contract.symbol] = found
        years = years_between(document.time, contract.expiry_ns)
        made.notes.append(
            f"volatility of {contract.symbol} is not given: its mark implies {found:.4f} "
            f"({float(years) * 365:.1f} days)"
        )
