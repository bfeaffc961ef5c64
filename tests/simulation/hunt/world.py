"""The world of a case: rulebook, modes, markets, models and accounts; and the run that has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from simulator.accounts.crowd import Crowd
from simulator.instruments.instrument import Instrument
from simulator.liquidation.rules import InsuranceRules
from simulator.market.liquidity import Impact, Liquidity
from simulator.market.manifest import Listed, Manifest, sha256_of, write_manifest
from simulator.market.tape import SCHEMA, Kind
from simulator.market.write import write_tape
from simulator.rulebook.load import load
from simulator.simulation import Simulation
from simulator.strategy.base import Strategy
from simulator.strategy.trader import Trader
from tests.cascade import crowds
from tests.cascade.kit import crowd_of
from tests.simulation.hunt.draws import Draws

RULEBOOKS = ("textbook", "binance", "okx_pm", "deribit_pm", "bybit")
SECOND, HOUR = 10**9, 3_600 * 10**9
LONG = 10**6
"""Seeds from which on tapes are long: campaigns draw those, the suite the ones below."""

LAPS = (4, 8, 16, 32)
"""How often a long tape goes over what was drawn."""

DAY = "{day}"
"""Where the day of a contract's expiry stands in a symbol."""

# Market, symbol, base, quote, tick, lot, contract size, least and most quantity, least notional.
KNOWN: dict[str, tuple[str, ...]] = {
    "um": ("um", "BTCUSDT", "BTC", "USDT", "0.1", "0.001", "1", "0.001", "1000", "5"),
    "spot": ("spot", "BTCUSDT", "BTC", "USDT", "0.1", "0.001", "1", "0.001", "1000", "5"),
    "eth": ("um", "ETHUSDT", "ETH", "USDT", "0.01", "0.001", "1", "0.001", "10000", "5"),
    "spot eth": ("spot", "ETHUSDT", "ETH", "USDT", "0.01", "0.001", "1", "0", "0", "0"),
    "cm": ("cm", "BTCUSD_PERP", "BTC", "USD", "0.1", "1", "100", "1", "1000000", "0"),
    "dated": ("um", "BTCUSDT_" + DAY, "BTC", "USDT", "0.1", "0.001", "1", "0.001", "1000", "5"),
    "coin dated": ("cm", "BTCUSD_" + DAY, "BTC", "USD", "0.1", "1", "100", "1", "1000000", "0"),
    "call": ("option", f"BTC-{DAY}-100000-C", "BTC", "USDT", "1", "0.01", "1", "0.01", "500", "0"),
    "put": ("option", f"BTC-{DAY}-100000-P", "BTC", "USDT", "1", "0.01", "1", "0.01", "500", "0"),
    "far call": ("option", f"BTC-{DAY}-106000-C", "BTC", "USDT", "1", "0.01", "1", "0", "0", "0"),
    "spot bnb": ("spot", "BNBUSDT", "BNB", "USDT", "0.1", "0.001", "1", "0.001", "10000", "5"),
}
INSTANTS = (
    "2025-03-30T01:00:00", "2025-10-26T01:00:00", "2025-03-09T07:00:00", "2025-11-02T06:00:00",
    "2024-02-29T00:00:00", "2024-02-28T23:59:59", "2024-12-31T23:59:59", "2025-01-01T00:00:00",
    "2025-06-11T08:00:00", "2025-06-11T16:00:00", "2025-06-12T00:00:00", "2025-06-27T08:00:00",
    "2028-02-29T08:00:00", "2025-06-11T09:00:00",
)  # fmt: skip
"""Instants that a tape runs over: clock changes, leap days, ends of years, funding, expiry."""

PROFILE = {"kyc": "advanced", "age_days": 365, "futures_trades": 20, "futures_volume": 50_000}


def draw_world(draws: Draws, seed: int) -> dict[str, Any]:
    """Return all that a run is told beside its tape and its strategies, as plain data."""
    names = ["um", *draws.some([name for name in KNOWN if name != "um"], draws.pick((0.2, 0.5)))]
    instant = _ns(draws.pick(INSTANTS))
    crowded = draws.chance(0.15)
    world: dict[str, Any] = {
        "seed": seed,
        "rulebook": draws.pick(RULEBOOKS),
        "mode": draws.pick(("separated", "separated", "unified")),
        "margin_type": draws.pick((None, "isolated", "cross")),
        "position_mode": draws.pick(("one_way", "one_way", "hedge")),
        "leverage": draws.pick((None, 1, 3, 10, 20)),
        "latency": draws.pick((None, None, "1", "20/80/40", "recorded", "sampled:30:0.8")),
        "queue_model": draws.pick(("risk_averse", "power:2", "log", "fifo")),
        "bnb_fees": False,
        "multi_assets": False,
        "profile": PROFILE if draws.chance(0.85) else None,
        "instant": instant,
        "mean_ns": draws.pick((3e6, 30e6, 200e6, 1e9)),
        "rows": int(draws.scale(300, 12_000)),
        "traders": draws.pick((1, 1, 2, 3)),
        "crowd": None,
        "impact": None,
        "insurance": draws.pick((None, 1_000, 1_000_000)),
    }
    if crowded:
        world["crowd"] = {
            "seed": draws.whole(0, 10**6),
            "count": draws.whole(3, 30),
            "kind": draws.pick(("separated", "mixed")),
        }
        names = list(dict.fromkeys([*names, "eth", "spot", "spot eth"]))
    if draws.chance(0.15):
        world["impact"] = {
            "depth": draws.scale(1e5, 1e8),
            "permanent": draws.share(),
            "feedback": draws.chance(0.8),
        }
    _fit(world, draws)
    world["laps"] = Draws(seed, 6).pick(LAPS) if seed >= LONG else 1
    world["listed"] = [_listed(name, world, draws) for name in names]
    world["deposits"] = _deposits(world, draws)
    others = 0 if crowded else draws.pick((0, 0, 1, 2, 3, 5))
    world["others"] = [_other(number, world, draws) for number in range(others)]
    return world


def _other(number: int, world: dict[str, Any], draws: Draws) -> dict[str, Any]:
    """A further account that trades."""
    mode = draws.pick(("separated", "separated", "unified"))
    chosen = rulebook(world["rulebook"]).margin_rules(mode).model == "brackets"
    return {
        "name": f"other{number + 1}",
        "mode": mode,
        "strategies": draws.pick((1, 1, 2)),
        "deposits": _deposits(world, draws),
        "leverage": draws.pick((None, 2, 10)) if chosen else None,
        "profile": PROFILE if draws.chance(0.85) else None,
    }


def accounts_of(world: dict[str, Any]) -> list[int]:
    """Return the account of each strategy."""
    found = [1] * world["traders"]
    for account, one in enumerate(world["others"], start=2):
        found += [account] * one["strategies"]
    return found


def deposits_of(world: dict[str, Any]) -> list[dict[str, str]]:
    """Return what each account begins with."""
    return [world["deposits"], *(one["deposits"] for one in world["others"])]


def _fit(world: dict[str, Any], draws: Draws) -> None:
    """Leave out choices that do not go together."""
    rules = rulebook(world["rulebook"])
    if world["mode"] == "unified" and world["margin_type"] == "isolated":
        world["margin_type"] = None
    if rules.margin_rules(world["mode"]).model != "brackets":
        world["leverage"] = None
    cross = world["mode"] == "separated" and world["margin_type"] == "cross"
    if cross and rules.multi_assets and draws.chance(0.4):
        world["multi_assets"] = True
    world["bnb_fees"] = draws.chance(0.3)


def _listed(name: str, world: dict[str, Any], draws: Draws) -> dict[str, Any]:
    market, symbol, base, quote, *amounts = KNOWN[name]
    expiry = 0
    if DAY in symbol:
        # At the instant itself, near it, or long after the run.
        expiry = world["instant"] + draws.pick((0, 0, 0, 7, 200, 30 * 86_400)) * SECOND
        day = datetime.fromtimestamp(expiry // SECOND, UTC).strftime("%y%m%d")
        symbol = symbol.replace(DAY, day)
    return {
        "market": market,
        "symbol": symbol,
        "base": base,
        "quote": quote,
        "amounts": amounts,
        "expiry_ns": expiry,
    }


def _deposits(world: dict[str, Any], draws: Draws) -> dict[str, str]:
    known = {one["base"] for one in world["listed"]}
    given = {"USDT": f"{draws.scale(2_000, 3_000_000):.2f}"}
    for asset, low, high in (("BTC", 0.01, 20), ("ETH", 0.1, 300), ("BNB", 0.01, 50)):
        if asset in known and draws.chance(0.6):
            given[asset] = f"{draws.scale(low, high):.8f}"
    return given


def _ns(text: str) -> int:
    at = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(at.timestamp()) * SECOND


@cache
def rulebook(name: str) -> Any:
    """A rulebook is frozen, and reading one takes longer than many a run."""
    return load(name)


def instruments(world: dict[str, Any]) -> list[Instrument]:
    """Instruments of a world by number."""
    return [_of(one).instrument() for one in world["listed"]]


def _of(one: dict[str, Any], rows: dict[str, int] | None = None) -> Listed:
    tick, lot, size, least, most, notional = one["amounts"]
    return Listed(
        market=one["market"],
        symbol=one["symbol"],
        base=one["base"],
        quote=one["quote"],
        tick=Decimal(tick),
        lot=Decimal(lot),
        contract_size=Decimal(size),
        min_quantity=Decimal(least),
        min_notional=Decimal(notional),
        max_quantity=Decimal(most),
        filters_from="drawn",
        book="depth",
        rows=rows or {},
        expiry_ns=one["expiry_ns"],
    )


def tape(world: dict[str, Any], rows: np.ndarray, folder: Path) -> Path:
    """Write rows as a tape and return its path."""
    path = folder / "case.parquet"
    frame = pl.DataFrame(
        [
            pl.Series(name, rows[:, column]).cast(kind)
            for column, (name, kind) in enumerate(SCHEMA.items())
        ]
    )
    write_tape(iter([frame]), path)
    listed = []
    for number, one in enumerate(world["listed"]):
        kinds = Counter(rows[rows[:, 2] == number, 3].tolist())
        listed.append(_of(one, {Kind(kind).name: count for kind, count in kinds.items()}))
    manifest = Manifest(
        tape=path.name,
        sha256=sha256_of(path),
        rows=len(rows),
        first_ns=int(rows[0, 0]),
        last_ns=int(rows[-1, 0]),
        instruments=listed,
        sources=[],
        on_gap="stop",
    )
    write_manifest(path, manifest)
    return path


def crowd(world: dict[str, Any]) -> Crowd | None:
    """The population of a world."""
    told = world["crowd"]
    if told is None:
        return None
    listed = instruments(world)
    assets = list(dict.fromkeys(["USDT", *(a for one in listed for a in (one.base, one.quote))]))
    make = crowds.separated_crowd if told["kind"] == "separated" else crowds.mixed_crowd
    return crowd_of(make(told["seed"], told["count"]), listed, assets)


def simulation(
    world: dict[str, Any],
    path: Path,
    strategies: Sequence[Strategy],
) -> Simulation:
    """Return the run of a world, ready to go."""
    owned = list(zip(strategies, accounts_of(world), strict=True))
    others = [
        Trader(
            one["name"],
            one["mode"],
            [mine for mine, account in owned if account == number],
            one["deposits"],
            one["leverage"],
            one["profile"],
        )
        for number, one in enumerate(world["others"], start=2)
    ]
    told = world["impact"]
    impact = None
    if told is not None:
        book = Liquidity(depth=told["depth"], permanent=told["permanent"])
        impact = Impact(other=book, feedback=told["feedback"])
    insurance = None
    if world["insurance"] is not None:
        insurance = InsuranceRules({"USDT": Decimal(world["insurance"]), "BTC": Decimal(1)})
    return Simulation(
        data=[path],
        mode=world["mode"],
        strategies=[one for one, account in owned if account == 1],
        rulebook=rulebook(world["rulebook"]),
        seed=world["seed"],
        deposits=world["deposits"],
        latency=world["latency"],
        queue_model=world["queue_model"],
        bnb_fees=world["bnb_fees"],
        margin_type=world["margin_type"],
        leverage=world["leverage"],
        position_mode=world["position_mode"],
        multi_assets=world["multi_assets"],
        profile=world["profile"],
        population=crowd(world),
        traders=others,
        impact=impact,
        insurance=insurance,
    )
