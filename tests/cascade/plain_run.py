"""The plain model on the same tape and the same accounts as the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from simulator.instruments.instrument import Instrument
from simulator.liquidation.rules import LiquidationRules
from simulator.market.liquidity import Impact
from simulator.market.tape import Kind
from simulator.rulebook.load import load
from simulator.rulebook.schema import Rulebook
from tests.cascade.kit import Cascade, Holder, units
from tests.cascade.plain_accounts import PlainRules, Pool, Position
from tests.cascade.plain_market import SECOND, Contract, PlainBook, PlainMarket
from tests.cascade.plain_venue import PlainVenue


def rules_of(book: Rulebook, liquidation: LiquidationRules, price_range: str = "0.1") -> PlainRules:
    """The numbers of a rulebook that the plain model knows."""
    modes = {"um": book.margin_rules("separated"), "unified": book.margin_rules("unified")}
    tables = book.brackets.plain() if book.brackets else {}
    brackets = {
        f"um:{symbol}": [
            (Fraction(row.cap), Fraction(row.mmr), Fraction(row.cum)) for row in tables[symbol]
        ]
        for symbol in ("BTCUSDT", "ETHUSDT")
        if symbol in tables
    }
    ratio = {}
    if book.collateral:
        ratio = {name: Fraction(str(value)) for name, value in book.collateral.ratio.items()}
    return PlainRules(
        brackets,
        Fraction(price_range),
        {kind: Fraction(one.ladder_of(kind).liquidation.at) for kind, one in modes.items()},
        {kind: Fraction(one.ladder_of(kind).target) for kind, one in modes.items()},
        liquidation,
        ratio,
    )


def market_of(instruments: Sequence[Instrument], impact: Impact) -> PlainMarket:
    """Books of the instruments by the impact model."""
    return PlainMarket(
        {
            one.name: PlainBook(
                Contract(one.name, one.base, float(one.tick), float(one.lot), one.market == "spot"),
                impact.of(one.name),
                impact.feedback,
            )
            for one in instruments
        }
    )


def pools_of(holders: Sequence[Holder], venue: PlainVenue) -> Iterator[Pool]:
    """Pools in the order of accounts; a wallet before the isolated positions that it feeds."""
    for one in sorted(holders, key=lambda holder: holder.id):
        line = "unified" if one.unified else "um"
        wallet: dict[str, int] = {}
        loan: dict[str, int] = {}
        for own, held in one.balance.items():
            if one.unified or own == line:
                for asset, amount in held.items():
                    wallet[asset] = wallet.get(asset, 0) + units(amount)
        for held in one.loan.values():
            for asset, amount in held.items():
                loan[asset] = loan.get(asset, 0) + units(amount)
        names = [name for name in venue.market.books if one.lots.get(name)]
        apart = [name for name in names if name in one.isolated and not one.unified]
        pool = Pool(one.id, line, wallet, loan=loan)
        pool.positions = {n: position(venue, one, n) for n in names if n not in apart}
        yield pool
        for name in apart:
            yield Pool(
                one.id,
                name,
                {"USDT": units(one.isolated[name])},
                {name: position(venue, one, name)},
                home=wallet,
            )


def position(venue: PlainVenue, one: Holder, name: str) -> Position:
    """A holder's position at its entry price."""
    ticks = round(one.entry[name] / venue.contract(name).tick)
    return Position(one.lots[name], one.lots[name] * ticks * venue.unit(name))


def plain_run(
    cascade: Cascade, impact: Impact, rulebook: str, liquidation: LiquidationRules
) -> PlainVenue:
    """Play a cascade's tape to the plain model."""
    instruments = cascade.instruments
    venue = PlainVenue(market_of(instruments, impact), rules_of(load(rulebook), liquidation))
    venue.pools = list(pools_of(cascade.holders, venue))
    start = liquidation.insurance.balance
    venue.fund = {asset: int(amount * 10**8) for asset, amount in start.items()}
    names = [one.name for one in instruments]
    seconds = 0
    for block in cascade.sim.player.blocks():
        columns = (block.time_ns, block.instrument, block.kind, block.side, block.price)
        rows = zip(*(c.tolist() for c in (*columns, block.quantity)), strict=True)
        for time, instrument, kind, side, price, lots in rows:
            while seconds and time > seconds:
                venue.step(seconds)
                seconds += SECOND
            seconds = seconds or (time // SECOND + 1) * SECOND
            book = venue.market.books[names[instrument]]
            if kind == Kind.DEPTH:
                book.show(side, price, lots)
            elif kind == Kind.TRADE:
                book.last = price
    venue.step(seconds)
    return venue


def totals(venue: PlainVenue, holders: Sequence[Holder]) -> Mapping[int, int]:
    """USDT of each account's pools at the end, units."""
    found = {one.id: 0 for one in holders}
    for pool in venue.pools:
        found[pool.account] += pool.wallet.get("USDT", 0)
    return found
