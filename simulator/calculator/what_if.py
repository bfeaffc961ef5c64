"""Move a document's prices: ``BTC=-10%,ETH=-15%,vol=+30%`` and what else may move.

    BTC=-10%       index of BTC and the marks of all instruments on it, by a share
    BTC=35000      the same, to an index price
    BTCUSDT=35000  the mark of one instrument alone, to a price or by a share
    vol=+30%       every volatility, by a share; vol=0.8 sets them
    +7d            time, by days (d) or hours (h)
    corr=0.2       every correlation that was given or not; BTC/ETH=0.2 one of them
    rate=0.05      the annual rate of forwards

Options are repriced by Black-76 with the volatility that their mark implies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from simulator.calculator.contracts import Contract, contracts
from simulator.calculator.document import Document, Holds
from simulator.calculator.options import forward, premium
from simulator.calculator.prices import Market, forwards, market
from simulator.calculator.values import nearest, number
from simulator.errors import InputError

STEP = re.compile(r"^(?P<name>[A-Za-z0-9_./-]+)\s*=\s*(?P<value>[+-]?[0-9._eE]+)(?P<share>%?)$")
FORWARD = re.compile(r"^\+(?P<amount>[0-9.]+)(?P<unit>[dh])$")
UNIT_NS = {"d": 86_400 * 10**9, "h": 3_600 * 10**9}

TIMES_LARGEST = Decimal(1000)

RATES = (-1, 10)
"""Annual rates that a document may have, see `AnnualRate`."""

DAYS_MOST = 36_525
"""Days that time may move: a hundred years."""


@dataclass(slots=True)
class Moves:
    """What is to move; prices as (factor, absolute), one of them None."""

    price: dict[str, tuple[Decimal | None, Decimal | None]] = field(default_factory=dict)
    volatility: tuple[Decimal | None, Decimal | None] = (None, None)
    correlation: dict[str, Decimal] = field(default_factory=dict)
    rate: Decimal | None = None
    time_ns: int = 0


def parse(text: str) -> Moves:
    """Return the moves that a text such as ``BTC=-10%,vol=+30%`` names; InputError for others."""
    moves = Moves()
    for part in filter(None, (part.strip() for part in text.split(","))):
        later = FORWARD.match(part)
        if later:
            moves.time_ns += int(_value(later["amount"], part) * UNIT_NS[later["unit"]])
            if moves.time_ns > DAYS_MOST * UNIT_NS["d"]:
                raise InputError(f"what-if {part!r:.60}: time may move by {DAYS_MOST:,} days")
            continue
        step = STEP.match(part)
        if step is None:
            raise InputError(
                f"what-if {part!r:.60}: write it as BTC=-10%, BTC=35000, vol=+30%, +7d, corr=0.2 "
                "or rate=0.05"
            )
        _take(step["name"], _value(step["value"], part), bool(step["share"]), moves, part)
    return moves


def _value(text: str, part: str) -> Decimal:
    try:
        return number(text)
    except ValueError as error:
        raise InputError(f"what-if {part!r:.60}: {error}") from None


def _take(name: str, value: Decimal, share: bool, moves: Moves, part: str) -> None:
    if name == "rate" and not share:
        if not RATES[0] <= value <= RATES[1]:
            raise InputError(f"what-if {part!r:.60}: a rate lies from {RATES[0]} to {RATES[1]}")
        moves.rate = value
    elif (name == "corr" or "/" in name) and not share:
        if abs(value) > 1:
            raise InputError(f"what-if {part!r:.60}: a correlation lies from -1 to 1")
        moves.correlation[name] = value
    elif name in ("rate", "corr") or "/" in name:
        raise InputError(f"what-if {part!r:.60}: give the value itself, without %")
    else:
        factor: Decimal | None = 1 + value / 100 if share else None
        if (
            not 0
            < (value if factor is None else factor)
            <= (TIMES_LARGEST if factor is not None else Decimal("1e12"))
        ):
            raise InputError(f"what-if {part!r:.60}: leaves no price above 0 that makes sense")
        moved = (factor, None if share else value)
        if name == "vol":
            moves.volatility = moved
        else:
            moves.price[name] = moved


def moved(document: Document, moves: Moves) -> Document:
    """Return the document after the moves, with every price it needs given.

    Raises InputError for a name that the document does not have.
    """
    known = contracts(document)
    before = market(document, known)
    after = Market(dict(before.index), dict(before.mark), {})
    factors = _factors(moves, before.index, known)
    for asset, factor in factors.items():
        after.index[asset] *= factor
    for symbol, contract in known.items():
        if contract.product != "option" and symbol in after.mark:
            after.mark[symbol] *= factors.get(contract.underlying, Decimal(1))
    after.forwards = forwards(known, after.mark)
    given = {**document.volatility, **before.volatility}
    after.volatility = {n: max(_applied(v, moves.volatility), TINY) for n, v in given.items()}
    if moves.time_ns and document.time is None:
        raise InputError("what-if: time can only move where the document gives it")
    then = document.model_copy(
        update={
            "time": None if document.time is None else document.time + moves.time_ns,
            "rate": document.rate if moves.rate is None else moves.rate,
            "volatility": after.volatility,
            "correlation": _correlation(document, moves, after.index),
            "positions": _entered(document, before),
        }
    )
    reprices = moves.volatility != (None, None) or moves.time_ns or moves.rate is not None
    for symbol, contract in known.items():
        marked = contract.product == "option" and symbol in after.mark
        if marked and (reprices or contract.underlying in factors):
            _reprice(contract, (document, before), (then, after))
    for name, (share, absolute) in moves.price.items():
        if name in known and name not in before.index:
            if name not in after.mark:
                raise InputError(f"what-if {name}: the document has no mark of it")
            after.mark[name] = after.mark[name] * share if share is not None else absolute or TINY
    prices = document.prices.model_copy(update={"index": after.index, "mark": after.mark})
    return then.model_copy(update={"prices": prices})


def _entered(document: Document, before: Market) -> tuple[Holds, ...]:
    """Return the positions with their entry prices; one without was entered at the mark before."""
    return tuple(
        held
        if held.entry_price is not None
        else held.model_copy(update={"entry_price": before.mark[held.instrument]})
        for held in document.positions
    )


def _reprice(
    contract: Contract, before: tuple[Document, Market], after: tuple[Document, Market]
) -> None:
    """Move an option's mark by what Black-76 says it gains, at the volatility it is margined with.

    Where that volatility is the one that the mark implies, the new mark is the model's.
    """
    symbol = contract.symbol
    values = []
    for document, prices in (before, after):
        volatility = prices.volatility.get(symbol)
        if document.time is None or volatility is None or contract.underlying not in prices.index:
            if symbol in {p.instrument for p in document.positions}:
                raise InputError(
                    f"what-if: {symbol} cannot be repriced; give time, and a volatility or a "
                    "mark that some volatility gives"
                )
            return
        ahead = forward(contract, prices.index, prices.forwards, document.rate, document.time)
        usd = premium(contract, ahead, volatility, document.rate, document.time)
        values.append(usd / prices.index.get(contract.settle, Decimal(1)))
    mark = after[1].mark[symbol] + values[1] - values[0]
    after[1].mark[symbol] = max(mark, TINY)


TINY = Decimal("1e-12")
"""Least volatility and premium after a move: both must stay above 0."""


def _factors(
    moves: Moves, index: Mapping[str, Decimal], known: Mapping[str, Contract]
) -> dict[str, Decimal]:
    """Return the factor of every index that moves."""
    factors = {}
    for name, (factor, absolute) in moves.price.items():
        if name in index:
            factors[name] = factor if absolute is None else absolute / index[name]
        elif name not in known:
            names = [*index, *known, "vol", "corr", "rate"]
            raise InputError(
                f"what-if {name}: the document has no such asset or instrument"
                f"{nearest(name, names)}; it has {', '.join(index)}"
            )
    return {name: factor for name, factor in factors.items() if factor is not None}


def _applied(value: Decimal, move: tuple[Decimal | None, Decimal | None]) -> Decimal:
    factor, absolute = move
    if absolute is not None:
        return absolute
    return value if factor is None else value * factor


def _correlation(
    document: Document, moves: Moves, index: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    made = dict(document.correlation)
    if "corr" in moves.correlation:
        names = sorted(index)
        made = {f"{a}/{b}": moves.correlation["corr"] for a in names for b in names if a < b}
    for pair, value in moves.correlation.items():
        if pair == "corr":
            continue
        one, _, other = pair.partition("/")
        if one not in index or other not in index:
            raise InputError(
                f"what-if {pair}: the document has no such assets; it has {', '.join(index)}"
            )
        made = {p: v for p, v in made.items() if set(p.split("/")) != {one, other}}
        made[pair] = value
    return made
