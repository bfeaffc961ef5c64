"""What is chosen for a run, checked: every mistake is an ``InputError`` with one clear line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import replay_data
from simulator.accounts.profile import profile_of
from simulator.accounts.states import AccountMode
from simulator.accounts.wallets import Partition, layouts
from simulator.errors import InputError
from simulator.exchange.layout import Layout
from simulator.exchange.roster import FIRST_NAME
from simulator.exchange.traders import Seat
from simulator.instruments.instrument import Instrument
from simulator.market.tape import Kind
from simulator.replay.player import Player
from simulator.risk.rules import MarginRules
from simulator.strategy.base import Strategy
from simulator.strategy.trader import Trader

QUEUE_MODELS = {"risk_averse": (0, 1.0), "power": (1, 3.0), "log": (2, 1.0), "fifo": (3, 1.0)}
NAME = re.compile(r"\w[\w.+-]{0,39}")
"""Names of further accounts: they name folders."""

MOST = 1_000_000_000
"""Most whole units of an asset that a deposit may be; int64 holds 92 times that in 1e-8."""


def check_choices(mode: str, margin_type: str | None, position_mode: str) -> None:
    """Check the account mode, the type of separated positions and the position mode."""
    if mode not in ("separated", "unified"):
        raise InputError(f"mode {mode!r}: must be separated or unified")
    if margin_type not in (None, "isolated", "cross"):
        raise InputError(f"margin type {margin_type!r}: must be isolated or cross")
    if margin_type == "isolated" and mode == "unified":
        raise InputError("margin type isolated: a unified account margins everything together")
    if position_mode not in ("one_way", "hedge"):
        raise InputError(f"position mode {position_mode!r}: must be one_way or hedge")


def with_funding(player: Player) -> set[str]:
    """Names of contracts whose funding the tapes tell; that of others follows from the books."""
    kinds = (Kind.FUNDING.name, Kind.FUNDING_ESTIMATE.name)
    return {
        one.name
        for manifest in player.manifests
        for one in manifest.instruments
        if any(one.rows.get(kind) for kind in kinds)
    }


def volatilities(given: Mapping[str, float], listed: Sequence[Instrument]) -> dict[str, float]:
    """Return volatilities by underlying; ``InputError`` for one of no option of the data."""
    known = sorted({one.base for one in listed if one.market == "option"})
    for asset, number in given.items():
        if asset not in known:
            raise InputError(
                f"volatility {asset}={number}: the data have options on "
                f"{', '.join(known) or 'nothing'}"
            )
        if not 0 < float(number) <= 100:
            raise InputError(f"volatility {asset}={number}: must be above 0, such as 0.55")
    return {asset: float(number) for asset, number in given.items()}


def data_paths(data: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return what ``data`` names; one name may stand alone."""
    named = [data] if isinstance(data, str | Path) else list(data)
    if not named:
        raise InputError("data: must name at least one tape, recording or folder")
    paths = []
    for one in named:
        bundled = str(one).removeprefix("bundled:")
        paths.append(Path(one) if bundled == str(one) else replay_data.path(bundled))
    return paths


def data_name(path: Path) -> str:
    """Return how a result names what `data_paths` gave: bundled tapes alike on every machine.

    >>> data_name(replay_data.path("crash")), data_name(Path("my/crash.parquet"))
    ('bundled:crash', 'my/crash.parquet')
    """
    bundled = path.parent == replay_data.FOLDER and path.suffix == ".parquet"
    return f"bundled:{path.stem}" if bundled else str(path)


def instances(strategies: Strategy | Sequence[Strategy]) -> list[Strategy]:
    """Return the strategies as a list; ``InputError`` for a class or a name among them."""
    alone = isinstance(strategies, Strategy | str | type)
    given: list[Any] = [strategies] if alone else list(strategies)  # type: ignore[arg-type]
    for one in given:
        if isinstance(one, type):
            raise InputError(
                f"strategies: {one.__name__} is a class; give an instance, {one.__name__}()"
            )
        if not isinstance(one, Strategy):
            raise InputError(f"strategies: {one!r} is no Strategy; give instances of your classes")
    return given


def checked_deposits(
    given: Mapping[str, Decimal | str | int | float] | None, listed: Sequence[Instrument]
) -> dict[str, Decimal]:
    """Return deposits, 100,000 USDT where none are named; ``InputError`` for an asset the data do
    not price, or a wrong amount.
    """
    if given is None:
        given = {"USDT": 100_000}
    deposits = {}
    for asset, amount in given.items():
        try:
            deposits[asset] = Decimal(str(amount))
        except InvalidOperation:
            raise InputError(f"deposit {asset}={amount}: is not a number") from None
        if not deposits[asset].is_finite():
            raise InputError(f"deposit {asset}={amount}: is not a number")
    known = sorted({"USDT", *(one.base for one in listed), *(one.settle for one in listed)})
    for asset, amount in deposits.items():
        if asset not in known:
            raise InputError(f"deposit {asset}={amount}: the data know only {', '.join(known)}")
        if amount < 0 or 0 < amount < Decimal("1e-8"):
            raise InputError(f"deposit {asset}={amount}: must be 0 or at least 0.00000001")
        if amount > MOST:
            raise InputError(f"deposit {asset}={amount}: must be at most {MOST:,}")
    return deposits


def deposits_of(
    given: Mapping[str, Decimal | str | int | float] | None,
    nothing: bool,
    traders: Sequence[Trader],
    listed: Sequence[Instrument],
) -> list[dict[str, Decimal]]:
    """Return the checked deposits of all accounts that trade, by number from 1 on; ``nothing``: the
    first one brings nothing unless something is given.
    """
    first = {} if given is None and nothing else given
    return [checked_deposits(one, listed) for one in (first, *(t.deposits for t in traders))]


def strategies_of(
    first: Strategy | Sequence[Strategy], traders: Sequence[Trader]
) -> list[Strategy]:
    """Return the strategies of all accounts that trade, account by account."""
    given = [first, *(one.strategies for one in traders)]
    return [one for own in given for one in instances(own)]


def checked_traders(traders: Sequence[Trader], crowded: bool) -> tuple[Trader, ...]:
    """Return further accounts; ``InputError`` for no `Trader`, a wrong mode, a name given twice,
    and beside a population.
    """
    names: set[str] = set()
    if traders and crowded:
        raise InputError("traders and population: give one of them")
    for one in traders:
        if not isinstance(one, Trader):
            raise InputError(f"traders: {one!r} is no Trader; give Trader(name=..., ...)")
        if not one.name or one.name in names:
            raise InputError(f"traders: name {one.name!r}: every trader needs one of its own")
        try:
            checked_name(one.name)
        except ValueError as error:
            raise InputError(f"traders: {error}") from None
        names.add(one.name)
        check_choices(one.mode, None, "one_way")
    return tuple(traders)


def checked_name(name: str) -> str:
    """Return the name of a further account; ``ValueError`` for one that none may have."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f"name {name!r:.60}: must be at most 40 letters, digits or . + - _, and begin with a "
            "letter or digit"
        )
    if name == FIRST_NAME:
        raise ValueError(f"name {name!r}: is what the run's own account is called")
    return name


def partitions_of(
    listed: Sequence[Instrument],
    margins: Mapping[AccountMode, MarginRules],
    hedge: bool,
    first: AccountMode,
) -> dict[AccountMode, Partition]:
    """Return partitions of both modes, numbered from the first's on; ``margins`` are by mode."""
    isolated = margins["separated"].margin_type == "isolated"
    return layouts(listed, margins["unified"].members, isolated, hedge, first)


def seats_of(
    traders: Sequence[Trader],
    listed: Sequence[Instrument],
    margins: Mapping[AccountMode, MarginRules],
    hedge: bool,
) -> list[Seat]:
    """Return the places that further accounts have at a venue; ``margins`` are by mode."""
    found = []
    for one in traders:
        mode: AccountMode = "unified" if one.mode == "unified" else "separated"
        made = partitions_of(listed, margins, hedge, mode)
        found.append(
            Seat(
                one.name,
                {name: Layout(made[name], margins[name]) for name in made},
                mode,
                len(instances(one.strategies)),
                one.leverage,
                profile_of(one.profile),
            )
        )
    return found


def queue_model_of(name: str) -> tuple[int, float]:
    """Return a queue model's number and exponent from its name, such as ``power:2``."""
    word, _, power = name.partition(":")
    if word not in QUEUE_MODELS:
        raise InputError(f"queue model {name!r}: must be one of {', '.join(QUEUE_MODELS)}")
    model, default = QUEUE_MODELS[word]
    try:
        exponent = float(power) if power else default
    except ValueError:
        exponent = -1.0
    if not 0 < exponent <= 100:
        raise InputError(f"queue model {name!r}: the exponent must be a number above 0")
    return model, exponent
