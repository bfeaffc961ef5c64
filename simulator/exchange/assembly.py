"""Make a venue: instruments, rules, a partition and models become the columns of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from simulator.accounts.wallets import VENUE_WALLETS, Partition
from simulator.book.columns import Book
from simulator.errors import InputError
from simulator.events.records import Records
from simulator.exchange.core import Core
from simulator.exchange.desk import Desk
from simulator.exchange.latency import Latency
from simulator.instruments.instrument import Instrument
from simulator.ledger.columns import Ledger
from simulator.risk.brackets import bracket_columns
from simulator.risk.pools import Pools
from simulator.risk.rules import MarginRules
from simulator.risk.scenario import scenario_columns

E8 = 10**8
PRODUCTS = {"spot": 0, "um": 1, "cm": 2}
CASH = ("USDT", "USDC", "FDUSD", "BUSD", "USD")
"""Assets valued at 1 USDT where the data give them no price (docs/assumptions.md)."""

NO_LIMIT = 2**52


@dataclass(frozen=True, slots=True)
class VenueRules:
    """The rules of one run beside margin, as the exchange uses them; rates in 1e-8."""

    margin: MarginRules
    spot_fees: tuple[int, int, int]
    um_fees: tuple[int, int, int]
    liquidation_fee_e8: int
    mark_points: int
    mark_step_ns: int
    mark_basis_hours: int


@dataclass(frozen=True, slots=True)
class Made:
    """A venue ready to run."""

    core: Core
    desk: Desk
    assets: list[str]


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
    leverage: int | None = None,
    keep_records: bool = False,
) -> Made:
    """Build ledger, books, pools, core and desk for one trading account.

    Raises ``InputError`` where an instrument's filters cannot be represented.
    """
    listed = list(instruments)
    assets = _assets(listed, deposits)
    number = {name: at for at, name in enumerate(assets)}
    chosen = [_leverage(one, rules.margin, leverage) for one in listed]
    # The lender comes after the account's wallets: their numbers are part of digests.
    lender = len(partition.wallets)
    ledger = Ledger(2, [_unit(one) for one in listed], lender + 1, len(assets))
    columns: dict[str, Any] = {
        "ledger": ledger,
        "pools": _pools(ledger, listed, partition, rules.margin, assets, chosen),
        "records": Records(keep_records),
        "books": [Book(queue_model, queue_power) for _ in listed],
        "strategies": strategies + 1,  # the last one is the venue itself
        "account_of": [1] * (strategies + 1),
        "product": [PRODUCTS[one.market] for one in listed],
        "base": [number[one.base] for one in listed],
        "quote": [number[one.quote] for one in listed],
        "base_unit": [_whole(one, one.lot * E8, "lot") for one in listed],
        "tick_e8": [_whole(one, one.tick * E8, "tick") for one in listed],
        "min_lots": [max(1, int(one.min_quantity / one.lot)) for one in listed],
        "max_lots": [int(one.max_quantity / one.lot) or NO_LIMIT for one in listed],
        "min_value": [int(one.min_notional * E8) for one in listed],
        "max_notional": [
            _max_notional(one, rules.margin, most) for one, most in zip(listed, chosen, strict=True)
        ],
        "cash_wallet": [partition.cash, partition.cash],
        "margin_wallet": [partition.margin, partition.margin],
        "cash_pool": [partition.cash_pool, partition.cash_pool],
        "fee_e8": [rules.spot_fees, rules.um_fees, rules.um_fees],
        "bnb": number["BNB"] if bnb_fees and "BNB" in number else -1,
        "latency_from_feed": latency.from_feed,
        "entry_latency": latency.entry,
        "response_latency": latency.response,
        "mark_step": rules.mark_step_ns,
        "mark_points": rules.mark_points,
        "mark_basis_hours": float(rules.mark_basis_hours),
        "index_from": _index_sources(listed, assets),
        "sample_step": sample_step_ns,
        "sampled_account": 1,
        "first_wallet": len(VENUE_WALLETS),
        "lender": lender,
        "liquidation_target": float(rules.margin.ladder.target),
        "liquidation_fee_e8": rules.liquidation_fee_e8,
    }
    for asset in assets:
        if asset in CASH:
            columns["pools"].set_index(number[asset], 1.0)
    core = Core(columns)
    desk = Desk(core, columns, partition, listed, assets)
    core.set_desk(desk)
    return Made(core, desk, assets)


def _assets(listed: list[Instrument], deposits: Sequence[str]) -> list[str]:
    found = ["USDT"]
    for name in [n for one in listed for n in (one.base, one.quote)] + list(deposits):
        if name not in found:
            found.append(name)
    return found


def _whole(one: Instrument, value: Decimal, what: str) -> int:
    if value != int(value) or value < 1:
        raise InputError(f"{one.name}: {what} must be a multiple of 0.00000001, not {value / E8}")
    return int(value)


def _unit(one: Instrument) -> int:
    """Quote units that a lot is worth per tick."""
    exact = one.tick * one.lot * E8
    if exact != int(exact) or exact < 1:
        raise InputError(
            f"{one.name}: tick {one.tick} x lot {one.lot} must be a multiple of "
            f"0.00000001 {one.quote}"
        )
    return int(exact)


def _index_sources(listed: list[Instrument], assets: list[str]) -> list[int]:
    """For each asset the instrument whose mid is its index: spot before perpetual, -2 for none."""
    sources = []
    for asset in assets:
        found = -2
        if asset not in CASH:
            for market in ("um", "spot"):
                for at, one in enumerate(listed):
                    if one.market == market and one.base == asset and one.quote in CASH:
                        found = at
                        break
        sources.append(found)
    return sources


def _leverage(one: Instrument, margin: MarginRules, asked: int | None) -> Fraction:
    """Return an instrument's leverage: the one asked for, else the rulebook's default."""
    if one.market != "um":
        return Fraction(1)
    default = Fraction(margin.leverage_of(one.symbol, one.base, Decimal(0)))
    if asked is None:
        return default
    if margin.model != "brackets":
        raise InputError(
            f"leverage {asked}: this rulebook's margin follows from price ranges, not from leverage"
        )
    if one.symbol in margin.brackets:
        most = max(bracket.max_leverage for bracket in margin.brackets[one.symbol])
        if not 1 <= asked <= most:
            raise InputError(f"leverage {asked}: {one.name} allows 1 to {most}")
    return Fraction(asked)


def _max_notional(one: Instrument, margin: MarginRules, leverage: Fraction) -> float:
    """Largest position that the leverage allows, by the brackets; infinite without them."""
    if margin.model != "brackets" or one.market != "um" or one.symbol not in margin.brackets:
        return float("inf")
    allowed = [b.cap for b in margin.brackets[one.symbol] if b.max_leverage >= leverage]
    return float(allowed[-1]) if allowed else 0.0


def _pools(
    ledger: Ledger,
    listed: list[Instrument],
    partition: Partition,
    margin: MarginRules,
    assets: list[str],
    leverage: list[Fraction],
) -> Pools:
    underlyings = list(dict.fromkeys(one.base for one in listed)) or ["BTC"]
    scenario = scenario_columns(margin.scenario, underlyings)
    by_brackets = margin.model == "brackets"
    tables = {one.name: margin.brackets.get(one.symbol, ()) for one in listed}
    for one in listed:
        if one.market != "um":
            tables[one.name] = ()
        elif by_brackets and not tables[one.name]:
            known = ", ".join(sorted(margin.brackets))
            raise InputError(f"{one.name}: the rulebook has no brackets for it; it has {known}")
    brackets = bracket_columns(tables, [one.name for one in listed])
    rules = {
        "brackets": by_brackets,
        "haircut": margin.collateral.applied,
        "ladder": margin.ladder.to_array(),
        "ratio": [float(margin.collateral.ratio_of(asset)) for asset in assets],
        "initial_over_maintenance": scenario.initial_over_maintenance,
        "price_range": scenario.price_range,
        "credit": scenario.credit,
        "cap": brackets.cap,
        "rate": brackets.rate,
        "cum": brackets.cum,
        "bracket_first": brackets.first,
        "leverage": [float(number) for number in leverage],
        "product": [PRODUCTS[one.market] for one in listed],
        "underlying": [underlyings.index(one.base) for one in listed],
        "quote": [assets.index(one.quote) for one in listed],
        "asset_underlying": [underlyings.index(a) if a in underlyings else -1 for a in assets],
        "lot": [float(one.lot) for one in listed],
    }
    pools = [(1, wallet, isolated) for _, wallet, isolated in partition.pools]
    none = [-1] * len(listed)
    return Pools(ledger, pools, [none, partition.pool_of], rules)
