"""What strategies do in a case: commands drawn from its seed.

A command says how far from the market and how large in money, not at which price and how many, so
that it still means something after a case was made smaller.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from simulator.strategy.funds import UNIVERSAL_TRANSFERS
from tests.simulation.hunt.draws import Draws
from tests.simulation.hunt.world import accounts_of, deposits_of

SECOND = 10**9
KINDS = ("", "", "", "", "", "stop", "take_profit", "trailing_stop")
TIMES = ("GTC", "GTC", "GTC", "IOC", "FOK", "GTX")
SELF_TRADE = ("NONE", "NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")
EFFECTS = ("", "", "auto_borrow", "auto_repay", "auto_borrow_repay")
AWAY = (0.0, 0.0, 1e-6, 2e-4, 5e-4, 2e-3, 0.02, -5e-4, -5e-3, -0.05, 0.3, -0.6)
"""How far from the market a price is, as a share; below 0: beyond it."""

AMOUNTS = (1e-8, 0.05, 0.7, 30.0, 900.0, 4_000.0, 25_000.0, 150_000.0, 1e15, 0.0, -3.0)
Command = tuple[Any, ...]


def draw_commands(
    draws: Draws, world: dict[str, Any], times: NDArray[Any]
) -> list[tuple[Any, ...]]:
    """Return commands in order of time: ns since the start, strategy, name, arguments.

    A time below 0 marks an answer: it is given when the strategy is told of something.
    """
    start, count = int(times[0]), len(world["listed"])
    owners = accounts_of(world)
    strategies = range(len(owners))
    found: list[Command] = []
    for account, deposits in enumerate(deposits_of(world), start=1):
        first = owners.index(account)
        found += [(0, first, *one) for one in _first(draws, deposits)]
    laps = world.get("laps", 1)
    wanted = int(draws.scale(20, 400) if laps == 1 else len(times) * draws.scale(0.005, 0.12))
    for _ in range(wanted):
        at = int(times[draws.whole(0, len(times) - 1)]) - start
        at += draws.pick((0, 0, 0, 1, 500, 1_000_000))
        found.append((at, draws.pick(strategies), *_one(draws, world, count)))
    if draws.chance(0.6):
        for _ in range(max(1, laps // 4)):
            found += _lives(draws, times, start, draws.pick(strategies))
    for trader in strategies:
        if draws.chance(0.5):
            for _ in range(draws.whole(1, 5)):
                found.append((-1, trader, *_one(draws, world, count)))
    return sorted(found, key=lambda one: one[0])


def _first(draws: Draws, deposits: dict[str, str]) -> list[Command]:
    """Money goes where it is needed, as far as there is any."""
    usdt = float(deposits["USDT"])
    given: list[Command] = []
    for wallet, share in (("um", 0.4), ("margin", 0.15), ("options", 0.15)):
        if draws.chance(0.85):
            given.append(("transfer", "USDT", round(usdt * share, 2), "spot", wallet))
    if "BTC" in deposits and draws.chance(0.7):
        given.append(("transfer", "BTC", float(deposits["BTC"]) / 3, "spot", "cm:BTC"))
    return given


def _lives(draws: Draws, times: NDArray[Any], start: int, strategy: int) -> list[Command]:
    """Steps from mode to mode and back, some of them too early."""
    return [
        (int(times[at]) - start, strategy, "go_on")
        for at in sorted(draws.whole(0, len(times) - 1) for _ in range(draws.whole(3, 16)))
    ]


def _one(draws: Draws, world: dict[str, Any], count: int) -> Command:
    what = draws.share()
    if what < 0.62:
        return _order(draws, world, count)
    if what < 0.74:
        return draws.pick(
            (
                ("cancel", draws.whole(0, count - 1)),
                ("cancel", draws.whole(0, count - 1)),
                ("cancel_all", draws.whole(-1, count - 1)),
                ("close", draws.whole(0, count - 1)),
                ("flatten",),
            )
        )
    if what < 0.92:
        return _funds(draws, world)
    return _account(draws, count)


def _order(draws: Draws, world: dict[str, Any], count: int) -> Command:
    number = draws.whole(0, count - 1)
    spot = world["listed"][number]["market"] == "spot"
    hedge = world["position_mode"] == "hedge" and not spot
    kind = draws.pick(KINDS)
    flags: dict[str, Any] = {
        "time_in_force": draws.pick(TIMES),
        "self_trade": draws.pick(SELF_TRADE),
        "reduce_only": draws.chance(0.15),
    }
    if kind:
        flags["kind"] = kind
        flags["watch"] = draws.pick(("last", "mark"))
        flags["close_position"] = draws.chance(0.15)
    if draws.chance(0.97 if hedge else 0.02):
        flags["position_side"] = draws.pick(("LONG", "SHORT"))
    if draws.chance(0.5 if spot else 0.02):
        flags["wallet"] = "margin"
        flags["side_effect"] = draws.pick(EFFECTS)
    notional = (
        draws.scale(100, 400_000) if draws.chance(0.95) else draws.pick((0.0, 3.0, 1e12, 3e17))
    )
    return (
        "order",
        number,
        draws.pick((1, -1)),
        notional,
        draws.pick(AWAY) if draws.chance(0.7) else None,
        draws.pick((1e-6, 3e-4, 1e-3, 5e-3, 0.05, -1e-3)),
        {name: value for name, value in flags.items() if value not in (False, "", "NONE", "GTC")},
    )


def _amount(draws: Draws) -> float:
    return draws.pick(AMOUNTS) if draws.chance(0.4) else round(draws.scale(1e-4, 1e5), 8)


def _funds(draws: Draws, world: dict[str, Any]) -> Command:
    asset = draws.pick(sorted({"USDT", *(one["base"] for one in world["listed"])}))
    amount = _amount(draws) if asset == "USDT" else _amount(draws) * 1e-4
    which = draws.whole(0, 11)
    if which <= 3:
        return ("transfer", asset, amount, _wallet(draws), _wallet(draws))
    if which == 4:
        return ("universal", draws.pick(UNIVERSAL_TRANSFERS), asset, amount)
    if which == 5:
        return ("deposit", asset, min(abs(amount), 1e6) + 1e-8, draws.pick(("", "", "um", "spot")))
    if which == 6:
        most = "all" if draws.chance(0.3) else amount
        return ("withdraw", asset, most, draws.pick(("", "", "um", "spot")))
    if which <= 8:
        return ("borrow", asset, amount)
    if which == 9:
        return ("repay", asset, "all" if draws.chance(0.5) else amount)
    if which == 10:
        return ("auto_repay", draws.chance(0.7))
    return draws.pick((("collect", ""), ("collect", asset), ("bnb", amount, "TO_UM")))


def _wallet(draws: Draws) -> str:
    return draws.pick(("spot", "spot", "um", "um", "margin", "cm:BTC", "options", "um:BTCUSDT"))


def _account(draws: Draws, count: int) -> Command:
    which = draws.whole(0, 9)
    if which <= 2:
        return ("leverage", draws.whole(0, count - 1), draws.pick((1, 2, 5, 20, 50, 125, 1000)))
    if which <= 4:
        side = draws.pick(("", "LONG", "SHORT"))
        return (
            "margin",
            draws.whole(0, count - 1),
            draws.pick((-500.0, -1.0, 50.0, 5_000.0)),
            side,
        )
    if which == 5:
        return ("alert", draws.pick((1.2, 2.0, 10.0)))
    if which == 6:
        return ("watch", draws.whole(0, count - 1), draws.pick(("book", "trades", "bars")))
    if which == 7:
        return draws.pick((("step", "apply_unified"), ("step", "withdraw_application")))
    if which == 8:
        return draws.pick((("step", "request_separated"), ("accept", ""), ("accept", "1900-01-01")))
    return ("answer", draws.chance(0.6))
