"""Margin rules and instruments as the columns that the compiled pools read.

One place turns exact rules into floats: `margin_columns` for a run's instruments,
`simulator.risk.figures` for a document's positions.  Order of underlyings: as the instruments name
them, then every other asset that has a price range (loans of it are a risk too).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from simulator.instruments.instrument import Instrument
from simulator.risk.brackets import Bracket, bracket_columns
from simulator.risk.components import OptionMarginRules
from simulator.risk.part_columns import (
    ComponentColumns,
    Floats,
    Ints,
    ScenarioRows,
    component_columns,
    floats,
    ints,
    linear_scan,
    scenario_rows,
)
from simulator.risk.rules import MarginRules
from simulator.risk.scenario import Correlations, ScenarioRules, scenario_columns

KINDS = ("unified", "margin", "um", "cm", "options")
"""Kinds of pool by number."""

SPOT, LINEAR, INVERSE, OPTION = range(4)
"""Products by number."""


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument as margin sees it.

    - ``product``: SPOT, LINEAR, INVERSE or OPTION; ``settle`` the asset of its profit
    - ``lot``: units of the underlying in a lot, of an inverse contract USD
    - ``leverage``: > 0 chosen; < 0 the default of that size, lowered to what a bracket allows
    """

    name: str
    symbol: str
    product: int
    underlying: str
    settle: str
    lot: float
    leverage: float = 1.0
    expiry_ns: int = 0
    strike: float = 0.0
    right: Literal["", "C", "P"] = ""


def listing(one: Instrument, leverage: float) -> Listing:
    """Return an instrument as margin sees it."""
    return Listing(
        name=one.name,
        symbol=one.symbol,
        product=one.product,
        underlying=one.base,
        settle=one.settle,
        lot=float(one.lot * one.contract_size),
        leverage=leverage,
        expiry_ns=one.expiry_ns,
        strike=float(one.strike),
        right=one.right,
    )


@dataclass(frozen=True, slots=True)
class MarginColumns:
    """All that `simulator.risk.pools.Pools` wants to know of rules and instruments."""

    rules: MarginRules
    assets: tuple[str, ...]
    underlyings: tuple[str, ...]
    # a kind of pool
    ladder: Floats
    by_brackets: Ints
    haircut: Ints
    ratio: Floats
    ratio_first: npt.NDArray[np.intp]
    ratio_floor: Floats
    ratio_factor: Floats
    # an instrument
    product: Ints
    underlying: Ints
    settle: Ints
    lot: Floats
    leverage: Floats
    expiry_ns: npt.NDArray[np.int64]
    strike: Floats
    call: Ints
    bucket: Ints
    group: Ints
    forward_from: Ints
    instrument_of: Ints
    # an expiry of an underlying
    bucket_first: npt.NDArray[np.intp]
    bucket_expiry: npt.NDArray[np.int64]
    groups: int
    # brackets
    cap: Floats
    bracket_rate: Floats
    cum: Floats
    max_leverage: Floats
    bracket_first: npt.NDArray[np.intp]
    option_margin: Floats
    loan_tiers: tuple[int, ...]
    loan_initial: Floats
    loan_maintenance: Floats
    default_loan_tier: int
    # scenarios
    asset_underlying: Ints
    asset_of: Ints
    price_range: Floats
    credit: Floats
    credit_name: str
    has_credit: bool
    initial_over_maintenance: float
    total_is_maintenance: bool
    moved_index: bool
    floor_by_unit: bool
    factor_on_worst: bool
    rows: ScenarioRows
    components: ComponentColumns
    unit: Floats = field(default_factory=lambda: np.full(0, 1e-8))
    rate: float = 0.0


def margin_columns(
    rules: MarginRules,
    listings: Sequence[Listing],
    assets: Sequence[str],
    *,
    hedge: bool = False,
    correlation: Correlations | None = None,
    measured_volatility: Mapping[str, Decimal] | None = None,
    unit: Sequence[float] | None = None,
    rate: float = 0.0,
) -> MarginColumns:
    """Return the columns of ``listings`` and ``assets``, in their order.

    ``hedge``: two position slots an instrument, first all long ones, then all short ones.
    ``unit`` [asset]: what an integer of the ledger is worth, 1e-8 by default.  Raises
    ``KeyError`` for a futures contract that the bracket model has no brackets for and
    ``ValueError`` for too many underlyings.
    """
    underlyings = _underlyings(rules.scenario, listings, assets)
    widened = widened_ranges(rules.scenario, underlyings, measured_volatility or {})
    scenario = scenario_columns(rules.scenario, underlyings, correlation)
    number = {name: at for at, name in enumerate(underlyings)}
    instruments = [number[one.underlying] for one in listings]
    loans = _loans(rules)
    parts = rules.scenario.components or (linear_scan(rules.scenario),)
    slots = list(range(len(listings))) * (2 if hedge else 1)
    return MarginColumns(
        rules=rules,
        assets=tuple(assets),
        underlyings=tuple(underlyings),
        # By margin leverage, kind and rung.
        ladder=np.array(
            [
                [rules.ladder_of(kind, tier or None).to_array() for kind in KINDS]
                for tier in loans["loan_tiers"]
            ]
        ),
        by_brackets=ints(rules.model_of(kind) == "brackets" for kind in KINDS),
        **_collateral(rules, assets),
        product=ints(one.product for one in listings),
        underlying=ints(instruments),
        settle=ints(assets.index(one.settle) for one in listings),
        lot=floats(one.lot for one in listings),
        leverage=floats(one.leverage for one in listings),
        expiry_ns=np.array([one.expiry_ns for one in listings], dtype=np.int64),
        strike=floats(one.strike for one in listings),
        call=ints(one.right == "C" for one in listings),
        instrument_of=ints(slots),
        **_expiries(listings, instruments, len(underlyings)),
        **_brackets(rules, listings),
        option_margin=_option_margin(rules.options),
        **loans,
        # What has no price range is cash, and no risk unit.
        asset_underlying=ints(
            number.get(asset, -1) if rules.scenario.range_of(asset) > 0 else -1 for asset in assets
        ),
        asset_of=ints(assets.index(u) if u in assets else -1 for u in underlyings),
        price_range=widened,
        credit=scenario.credit,
        credit_name=rules.scenario.credit_name,
        has_credit=rules.scenario.credit_rate > 0,
        initial_over_maintenance=scenario.initial_over_maintenance,
        total_is_maintenance=rules.scenario.total_is == "maintenance",
        moved_index=rules.scenario.moved_price == "index",
        floor_by_unit=rules.scenario.floor_scope == "unit",
        factor_on_worst=rules.scenario.factor_scope == "worst",
        rows=scenario_rows(
            parts,
            underlyings,
            rules.scenario.volatility,
            widened,
            any(one.product == OPTION for one in listings),
        ),
        components=component_columns(parts, underlyings, assets),
        unit=floats(unit if unit is not None else [1e-8] * len(assets)),
        rate=rate,
    )


def widened_ranges(
    rules: ScenarioRules, underlyings: Sequence[str], measured: Mapping[str, Decimal]
) -> Floats:
    """Return the price ranges as measured volatility widens them, [underlying].

    Above ``reference_volatility`` a range grows in proportion, up to ``widest_range`` times.
    """
    ranges = []
    for name in underlyings:
        share = float(rules.range_of(name))
        if rules.reference_volatility and name in measured:
            ratio = float(measured[name]) / float(rules.reference_volatility)
            share *= min(max(ratio, 1.0), float(rules.widest_range))
        ranges.append(share)
    return np.array(ranges, dtype=np.float64)


def pool_rows(pools: Sequence[tuple[str, int, int]], assets: Sequence[str], account: int) -> Ints:
    """Return ``[pool, 5]`` (account, wallet, isolated slot or -1, kind, currency asset or -1) of
    pools named ``kind`` or ``kind:what``: ``um``, ``um:BTCUSDT``, ``cm:BTC``, ``unified``.

    A ``cm`` pool's currency is its coin.  Raises ``ValueError`` for an unknown kind.
    """
    rows = []
    for name, wallet, isolated in pools:
        kind, _, what = name.partition(":")
        coin = assets.index(what) if kind == "cm" and what in assets else -1
        rows.append((account, wallet, isolated, KINDS.index(kind), coin))
    return np.array(rows, dtype=np.int32).reshape(len(rows), 5)


def _underlyings(
    rules: ScenarioRules, listings: Sequence[Listing], assets: Sequence[str]
) -> list[str]:
    names = dict.fromkeys(one.underlying for one in listings)
    names.update(dict.fromkeys(asset for asset in assets if rules.range_of(asset) > 0))
    return list(names) or ["BTC"]


def _collateral(rules: MarginRules, assets: Sequence[str]) -> dict[str, Any]:
    """Haircuts by kind of pool and asset; tiers of ``kind * assets + asset`` by value in USD."""
    by_kind = [rules.collateral_of(kind) for kind in KINDS]
    first, floors, factors = [0], [], []
    for one in by_kind:
        tiers = one.tiers if one.applied else {}
        for asset in assets:
            for floor, ratio in tiers.get(asset, ()):
                floors.append(float(floor))
                factors.append(float(ratio))
            first.append(len(floors))
    return {
        "haircut": ints(one.applied for one in by_kind),
        "ratio": np.array([[float(one.ratio_of(a)) for a in assets] for one in by_kind]),
        "ratio_first": np.array(first, dtype=np.intp),
        "ratio_floor": floats(floors),
        "ratio_factor": floats(factors),
    }


def _expiries(listings: Sequence[Listing], number: Sequence[int], count: int) -> dict[str, Any]:
    """Buckets (underlying, expiry), groups that net, and where a forward comes from."""
    derivatives = [
        (u, one.expiry_ns) for u, one in zip(number, listings, strict=True) if one.product != SPOT
    ]
    buckets = sorted(set(derivatives))
    at = {key: place for place, key in enumerate(buckets)}
    first = np.zeros(count + 1, dtype=np.intp)
    for u, _ in buckets:
        first[u + 1] += 1
    groups: dict[tuple[int, int, float, str], int] = {}
    bucket, group, forward = [], [], []
    for u, one in zip(number, listings, strict=True):
        bucket.append(at.get((u, one.expiry_ns), -1))
        key = (u, one.expiry_ns, one.strike, one.right)
        group.append(groups.setdefault(key, len(groups)))
        found = -1
        for place, other in enumerate(listings):
            if (
                one.product == OPTION
                and other.product == LINEAR
                and other.underlying == one.underlying
                and other.expiry_ns == one.expiry_ns != 0
            ):
                found = place
                break
        forward.append(found)
    return {
        "bucket": ints(bucket),
        "group": ints(group),
        "forward_from": ints(forward),
        "bucket_first": np.cumsum(first),
        "bucket_expiry": np.array([expiry for _, expiry in buckets], dtype=np.int64),
        "groups": len(groups),
    }


def _brackets(rules: MarginRules, listings: Sequence[Listing]) -> dict[str, Any]:
    needed = any(rules.model_of(kind) == "brackets" for kind in KINDS)
    tables: dict[str, Sequence[Bracket]] = {}
    for one in listings:
        contract = one.product in (LINEAR, INVERSE)
        tables[one.name] = rules.brackets.get(one.symbol, ()) if contract and needed else ()
    made = bracket_columns(tables, [one.name for one in listings])
    return {
        "cap": made.cap,
        "bracket_rate": made.rate,
        "cum": made.cum,
        "max_leverage": made.max_leverage,
        "bracket_first": made.first,
    }


def _option_margin(rules: OptionMarginRules | None) -> Floats:
    if rules is None:
        return np.zeros(0)
    return floats((rules.initial, rules.initial_minimum, rules.maintenance, rules.liquidation_fee))


def _loans(rules: MarginRules) -> dict[str, Any]:
    """Loan rates by margin leverage; without loan rules one tier that asks for nothing."""
    if rules.loans is None:
        return {
            "loan_tiers": (0,),
            "loan_initial": np.zeros(1),
            "loan_maintenance": np.zeros(1),
            "default_loan_tier": 0,
        }
    tiers = tuple(sorted(rules.loans.maintenance_rate))
    return {
        "loan_tiers": tiers,
        "loan_initial": floats(1 / (Decimal(tier) - 1) for tier in tiers),
        "loan_maintenance": floats(rules.loans.maintenance_rate[tier] for tier in tiers),
        "default_loan_tier": tiers.index(rules.loans.default_leverage),
    }
