"""Make a venue: instruments, rules, a partition and models become the columns of one run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

from simulator.accounts.conditions import ratio_needed
from simulator.accounts.crowd import Crowd
from simulator.accounts.rules import AccountProfile
from simulator.accounts.states import AccountMode
from simulator.accounts.wallets import LINES, Partition
from simulator.book.columns import Book
from simulator.errors import InputError
from simulator.events.records import Records
from simulator.exchange.core import Core
from simulator.exchange.desk import Desk
from simulator.exchange.entrants import Entrants, enrol
from simulator.exchange.impact import impact_columns
from simulator.exchange.latency import Latency
from simulator.exchange.layout import (
    Choice,
    Layout,
    margins_of,
    mode_columns,
    not_margined,
    pools_of,
)
from simulator.exchange.leverage import Asked, chosen, highest, with_brackets_of
from simulator.exchange.roster import Roster
from simulator.exchange.rules import VenueRules
from simulator.exchange.traders import Seat, choices_of, margined, seated, strategy_columns
from simulator.instruments.instrument import Instrument
from simulator.ledger.columns import Ledger
from simulator.market.liquidity import Impact
from simulator.risk.pools import Pools
from simulator.risk.rules import MarginRules

E8 = 10**8
CASH = ("USDT", "USDC", "FDUSD", "BUSD", "USD")
"""Assets valued at 1 USDT where the data give them no price (docs/assumptions.md)."""

NO_LIMIT = 2**52

MOST = 2**62
"""Largest figure of an instrument in units, lots or steps; int64 holds twice that."""

PREMIUM_STEP_NS = 5 * 10**9
"""Between points of the premium index: Binance's 5,760 points in 8 hours."""

PLAIN_LEVERAGE = 20
"""Largest leverage where there are no brackets: 200 of margin make Binance's 4,000 by default."""

INDEX_ORDER = (("cm", True), ("um", True), ("cm", False), ("um", False), ("spot", False))
"""Kinds of book that an index can be taken from, market and whether it expires; the last is best.
"""


@dataclass(frozen=True, slots=True)
class Made:
    """A venue ready to run."""

    core: Core
    desk: Desk
    assets: list[str]
    entrants: Entrants


def assemble(
    instruments: Sequence[Instrument],
    partition: Partition,
    rules: VenueRules,
    *,
    strategies: int,
    queue_model: int,
    queue_power: float,
    latency: Latency,
    deposits: Sequence[str],
    sample_step_ns: int,
    bnb_fees: bool,
    leverage: Asked = None,
    keep_records: bool = False,
    funding_on_tape: Collection[str] | None = None,
    volatility: Mapping[str, float] | None = None,
    profile: AccountProfile | None = None,
    seed: int = 0,
    other: Layout | None = None,
    crowd: Crowd | None = None,
    members: Sequence[str] = LINES,
    impact: Impact | None = None,
    seats: Sequence[Seat] = (),
) -> Made:
    """Build ledger, books, pools, core and desk for the accounts that trade, or for one and a crowd
    beside it.

    ``other`` is the account mode that it can switch to, its partition of the same numbering
    (`simulator.accounts.wallets.layouts`); None: it stays in its mode.
    ``funding_on_tape`` names the contracts whose funding the tapes tell, None: all.  ``volatility``
    is the annual one of options by underlying, until the tapes tell one of the option itself.
    ``impact`` lets large orders move the books (None: each row of the tape restates its level).
    ``profile`` is of the account's owner, ``seed`` draws the questions of the questionnaire.
    ``crowd`` is a population, and ``members`` what its unified accounts share; with one the account
    stays in its mode, and ``rules.margin`` are of both modes if the crowd's accounts are.
    ``seats`` are further accounts that trade, numbered from 2 on; ``rules.margin`` are of both
    modes then too, and ``strategies`` are those of the first account.
    Raises ``InputError`` where an instrument's filters cannot be represented.
    """
    listed = list(instruments)
    here = Layout(partition, with_brackets_of(rules.margin, listed))
    margin = here.margin
    assets = assets_of(listed, [*deposits, *(crowd.assets if crowd else ())])
    number = {name: at for at, name in enumerate(assets)}
    start = chosen(listed, margin, leverage)
    # The lender comes after the account's wallets: their numbers are part of digests.
    lender = len(partition.wallets)
    entrants = _entrants(crowd, listed, assets, partition, members, lender)
    seats = [margined(seat, listed) for seat in seats]
    roster = entrants.roster = seated(entrants.roster, seats, partition, assets)
    others = choices_of(seats, listed)
    ledger = _ledger(listed, assets, partition.hedge, entrants)
    layouts = _layouts(here, other if crowd is None else None, listed)
    columns: dict[str, Any] = {
        "ledger": ledger,
        "pools": _pools(ledger, listed, here, assets, start, roster, others),
        "records": Records(keep_records),
        "books": [Book(queue_model, queue_power) for _ in listed],
        **strategy_columns(strategies, seats, others),
        **_instrument_columns(listed, number),
        **mode_columns(here, listed, assets, start, rules.interest, roster, others),
        "roster": roster,
        "fund_account": roster.fund,
        "layouts": layouts,
        "split_to": rules.modes.split_to,
        "funds": rules.funds,
        "outflow": rules.outflow,
        "hedge": partition.hedge,
        "fee_e8": rules.fee_table(),
        **_price_columns(listed, margin, rules, funding_on_tape, volatility or {}),
        "margin": margin,
        "start_leverage": start,
        "bnb": number["BNB"] if bnb_fees and "BNB" in number else -1,
        "latency_from_feed": latency.from_feed,
        "entry_latency": latency.entry,
        "response_latency": latency.response,
        "mark_step": rules.mark_step_ns,
        "mark_points": rules.mark_points,
        "mark_basis_hours": float(rules.mark_basis_hours),
        "index_from": index_sources(listed, assets),
        "sample_step": sample_step_ns,
        "sampled_account": 1,
        "lender": lender,
        "interest": rules.interest,
        "liquidation": rules.liquidation,
        "impact": None if impact is None else impact_columns(impact, listed, assets),
        **_step_columns(rules, layouts, profile or AccountProfile(), seed),
    }
    _set_known(columns["pools"], assets, columns["volatility"])
    core = Core(columns)
    desk = Desk(core, columns, partition, listed, assets)
    core.set_desk(desk)
    desk.liquidator.endow()
    return Made(core, desk, assets, entrants)


def _ledger(listed: list[Instrument], assets: list[str], hedge: bool, entrants: Entrants) -> Ledger:
    """Make the ledger, with what a crowd begins with in it."""
    ledger = Ledger(
        entrants.roster.accounts,
        [_unit(one) for one in listed],
        entrants.roster.wallets,
        len(assets),
        [one.product for one in listed],
        hedge,
    )
    entrants.book(ledger)
    return ledger


def _entrants(
    crowd: Crowd | None,
    listed: list[Instrument],
    assets: list[str],
    partition: Partition,
    members: Sequence[str],
    lender: int,
) -> Entrants:
    """Number the accounts of a crowd, none without one."""
    if crowd is None:
        roster = Roster(
            partition.mode, len(partition.pools), lender + 1, len(partition.margin), len(listed)
        )
        return Entrants(roster)
    return enrol(crowd, listed, assets, partition, members, lender)


def _instrument_columns(listed: list[Instrument], number: dict[str, int]) -> dict[str, Any]:
    """Columns by instrument that only the instruments tell; ``number`` is of assets."""
    return {
        "product": [one.product for one in listed],
        "base": [number[one.base] for one in listed],
        "quote": [number[one.quote] for one in listed],
        "settled_in": [number[one.settle] for one in listed],
        "base_unit": [_whole(one, one.lot * _size(one) * E8, "lot") for one in listed],
        "lot_size": [float(one.lot * one.contract_size) for one in listed],
        "tick_e8": [_whole(one, one.tick * E8, "tick") for one in listed],
        "min_lots": [_min_lots(one) for one in listed],
        "max_lots": [min(int(one.max_quantity / one.lot), NO_LIMIT) or NO_LIMIT for one in listed],
        "min_value": [0 if one.inverse else _min_value(one) for one in listed],
    }


def _set_known(pools: Pools, assets: list[str], volatility: list[float]) -> None:
    """Tell the pools what is known before the first row: cash is worth 1, given volatilities."""
    for number, asset in enumerate(assets):
        if asset in CASH:
            pools.set_index(number, 1.0)
    for instrument, own in enumerate(volatility):
        pools.set_volatility(instrument, own)


def _price_columns(
    listed: list[Instrument],
    margin: MarginRules,
    rules: VenueRules,
    funding_on_tape: Collection[str] | None,
    volatility: Mapping[str, float],
) -> dict[str, Any]:
    """Columns by instrument that marks, funding and settlement need."""
    from_books = frozenset(
        i
        for i, one in enumerate(listed)
        if one.perpetual and funding_on_tape is not None and one.name not in funding_on_tape
    )
    return {
        "expiry_ns": [one.expiry_ns for one in listed],
        "strike": [float(one.strike) for one in listed],
        "call": [int(one.right == "C") for one in listed],
        "forward_from": [_forward(one, listed) for one in listed],
        "volatility": [
            volatility.get(one.base, 0.0) if one.market == "option" else 0.0 for one in listed
        ],
        "impact_notional": [
            rules.funding[one.market].impact_margin * float(highest(one, margin) or PLAIN_LEVERAGE)
            if i in from_books
            else 0.0
            for i, one in enumerate(listed)
        ],
        "premium_step": PREMIUM_STEP_NS,
        "funding": rules.funding,
        "funding_from_books": from_books,
        "delivery": rules.delivery,
    }


def _forward(one: Instrument, listed: list[Instrument]) -> int:
    """Number of the delivery future whose mark is an option's forward, -1 for none."""
    for i, other in enumerate(listed):
        same = (other.base, other.quote, other.expiry_ns) == (one.base, one.quote, one.expiry_ns)
        if one.market == "option" and other.market == "um" and same:
            return i
    return -1


def _layouts(
    here: Layout, other: Layout | None, listed: list[Instrument]
) -> dict[AccountMode, Layout]:
    """Layouts by mode; what is there now is a copy, because its partition will change in place.

    A mode by whose rules the instruments cannot be margined is none of the run.
    """
    found = {here.partition.mode: replace(here, partition=replace(here.partition))}
    if other is not None:
        other = replace(other, margin=with_brackets_of(other.margin, listed))
        if not not_margined(listed, other.margin):
            found[other.partition.mode] = other
    return found


def _step_columns(
    rules: VenueRules,
    layouts: Mapping[AccountMode, Layout],
    profile: AccountProfile,
    seed: int,
) -> dict[str, Any]:
    """What the steps between the account modes need."""
    last = layouts.get("unified") or layouts["separated"]
    return {
        "modes": rules.modes,
        "ratio_needed": ratio_needed(rules.modes, last.margin.ladder_of("unified")),
        "profile": profile,
        "seed": seed,
    }


def assets_of(listed: Sequence[Instrument], deposits: Sequence[str]) -> list[str]:
    """Return the assets of a run in order: USDT, those of the instruments, those held beside."""
    found = ["USDT"]
    for name in [n for one in listed for n in (one.base, one.quote)] + list(deposits):
        if name not in found:
            found.append(name)
    return found


def _held(one: Instrument, value: int, what: str) -> int:
    """Return a figure that the engine's columns can hold; ``InputError`` for a larger one."""
    if value > MOST:
        raise InputError(f"{one.name}: {what}: is {value:.3g} units, more than the {MOST:.3g} held")
    return value


def _whole(one: Instrument, value: Decimal, what: str) -> int:
    if value != int(value) or value < 1:
        raise InputError(f"{one.name}: {what} must be a multiple of 0.00000001, not {value / E8}")
    return _held(one, int(value), f"{what} {value / E8}")


def _unit(one: Instrument) -> int:
    """Units of the settlement asset that a lot is worth per tick (see ``simulator.ledger``)."""
    if one.inverse:
        worth = one.lot * one.contract_size * E8 / one.tick
        if worth != int(worth):
            raise InputError(
                f"{one.name}: lot {one.lot} x contract size {one.contract_size} must be a multiple "
                f"of tick {one.tick} / 100,000,000"
            )
        return _held(one, int(worth), f"lot {one.lot} x contract size {one.contract_size}")
    exact = one.tick * one.lot * one.contract_size * E8
    if exact != int(exact) or exact < 1:
        raise InputError(
            f"{one.name}: tick {one.tick} x lot {one.lot} must be a multiple of "
            f"0.00000001 {one.quote}"
        )
    terms = f"tick {one.tick} x lot {one.lot} x contract size {one.contract_size}"
    return _held(one, int(exact), terms)


def _size(one: Instrument) -> Decimal:
    """Base asset in a unit of quantity, 1 for what is counted in it or in USD."""
    return one.contract_size if one.market == "option" else Decimal(1)


def _min_lots(one: Instrument) -> int:
    """Smallest order; an inverse contract's notional in quote is its face value, at any price."""
    least = max(1, int(one.min_quantity / one.lot))
    if one.inverse:
        least = max(least, ceil(one.min_notional / (one.lot * one.contract_size)))
        return _held(one, least, f"min_notional {one.min_notional} in lots of {one.lot}")
    return _held(one, least, f"min_quantity {one.min_quantity} in lots of {one.lot}")


def _min_value(one: Instrument) -> int:
    """Smallest order in units of the quote."""
    return _held(one, int(one.min_notional * E8), f"min_notional {one.min_notional}")


def index_sources(listed: Sequence[Instrument], assets: Sequence[str]) -> list[int]:
    """For each asset the instrument whose mid is its index, -2 for none.

    A spot pair before a perpetual, that before a delivery future, linear before inverse.
    """
    sources = []
    for asset in assets:
        found = -2
        if asset not in CASH:
            for market, dated in INDEX_ORDER:
                for at, one in enumerate(listed):
                    same = (one.market, one.expiry_ns > 0) == (market, dated)
                    if same and one.base == asset and one.quote in CASH:
                        found = at
                        break
        sources.append(found)
    return sources


def _pools(
    ledger: Ledger,
    listed: list[Instrument],
    layout: Layout,
    assets: list[str],
    leverage: list[Fraction],
    roster: Roster,
    others: Sequence[Choice],
) -> Pools:
    missing = not_margined(listed, layout.margin)
    if missing:
        raise InputError(missing)
    columns = margins_of(layout, listed, assets, leverage, others)
    pools, pool_of, live = pools_of(layout.partition, assets, roster)
    return Pools(ledger, pools, pool_of, columns, live)
