"""Accounts that trade beside the run's own: ``[[traders]]`` of a scenario and ``--trader``.

::

    [[traders]]
    name = "bob"  # names its lines, columns and files
    mode = "unified"  # that of the run where it is left out
    strategies = ["market_maker"]  # those of the scenario where they are left out
    leverage = 0  # as that of the scenario; 0: the rulebook's default
    alerts = ["ratio<=1.3"]

    [traders.deposits]  # those of the scenario where they are left out
    USDT = "20000"

    [traders.parameters]  # of its strategies, above those of the scenario
    size = "0.1"

    [traders.profile]  # of its owner, see simulator.cli.life

``--trader NAME=STRATEGY[,STRATEGY][@MODE]`` adds one, or stands above one of that name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from simulator.choices import checked_name
from simulator.cli.life import Profile
from simulator.errors import InputError

if TYPE_CHECKING:
    from simulator.cli.scenario import Scenario
    from simulator.strategy.trader import Trader

PositiveAmount = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
MODES = ("separated", "unified")


def some(strategies: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is not empty: left out they are those of the scenario, which ``[]`` hides."""
    if not strategies:
        raise ValueError("name at least one, or leave the key out for those of the scenario")
    return strategies


class TraderTable(BaseModel):
    """A checked account; the fields are described at the top of this module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, AfterValidator(checked_name)]
    mode: Literal["", "separated", "unified"] = ""
    strategies: Annotated[tuple[str, ...], AfterValidator(some)] = ()
    deposits: dict[str, PositiveAmount] = {}
    leverage: int = Field(default=0, ge=0)
    alerts: tuple[str, ...] = ()
    parameters: dict[str, str] = {}
    profile: Profile | None = None


def several(traders: tuple[TraderTable, ...]) -> tuple[TraderTable, ...]:
    """Return accounts whose names differ; ``ValueError`` for a name that comes twice."""
    names = [one.name for one in traders]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"name {name!r} comes twice")
    return traders


Traders = Annotated[tuple[TraderTable, ...], AfterValidator(several)]


def parsed(text: str) -> TraderTable:
    """Return the account of an option ``--trader``; ``InputError`` for another shape.

    >>> one = parsed("bob=market_maker,cash_and_carry@unified")
    >>> one.name, one.strategies, one.mode
    ('bob', ('market_maker', 'cash_and_carry'), 'unified')
    >>> parsed("carol=my.py:Class").mode
    ''
    """
    name, equals, rest = text.partition("=")
    named, at, mode = rest.rpartition("@")
    if not at:
        named, mode = rest, ""
    strategies = tuple(one.strip() for one in named.split(","))
    if not equals or not all(strategies) or (at and mode not in MODES):
        raise InputError(
            f"--trader {text}: must be NAME=STRATEGY[,STRATEGY][@MODE], MODE separated or unified"
        )
    try:
        return TraderTable(name=checked_name(name.strip()), strategies=strategies, mode=mode)  # type: ignore[arg-type]
    except ValueError as error:
        raise InputError(f"--trader {text}: {error}") from None


def with_options(setting: Scenario, options: Sequence[str]) -> tuple[TraderTable, ...]:
    """Return the accounts of a scenario with those of options, which stand above one of their
    name: strategies, and the mode where it is given.
    """
    found = {one.name: one for one in setting.traders}
    given: dict[str, TraderTable] = {}
    for one in map(parsed, options):
        if one.name in given:
            raise InputError(f"--trader {one.name}: given twice")
        given[one.name] = one
        known = found.get(one.name, one)
        update = {"strategies": one.strategies, "mode": one.mode or known.mode}
        found[one.name] = known.model_copy(update=update)
    return tuple(found.values())


def strategies_for(setting: Scenario, one: TraderTable) -> tuple[str, ...]:
    """Return the names of an account's strategies."""
    return one.strategies or setting.strategies


def all_strategies(setting: Scenario) -> tuple[str, ...]:
    """Return the names of the strategies of all accounts, the run's own first."""
    names = [strategies_for(setting, one) for one in setting.traders]
    return (*setting.strategies, *(name for own in names for name in own))


def divided(setting: Scenario, kinds: Sequence[type[Any]]) -> list[Sequence[type[Any]]]:
    """Return the classes of all strategies account by account, the run's own first.

    Those of further accounts are the last ones: in a stand-in for a run the first account's are
    more than the scenario names, where it has a life.
    """
    counts = [len(strategies_for(setting, one)) for one in setting.traders]
    found: list[Sequence[type[Any]]] = []
    end = len(kinds)
    for count in reversed(counts):
        found.append(kinds[end - count : end])
        end -= count
    return [kinds[:end], *reversed(found)]


def check_parameters(setting: Scenario, kinds: Sequence[type[Any]], given: Sequence[str]) -> None:
    """Raise ``InputError`` for a parameter that no strategy of any account has."""
    from simulator.cli.strategies import check_known

    check_known(kinds, given)
    for one, own in zip(setting.traders, divided(setting, kinds)[1:], strict=True):
        check_known(own, list(one.parameters), f"trader {one.name}: parameter")


def traders_of(
    setting: Scenario, mode: str, kinds: Sequence[Sequence[type[Any]]], given: Mapping[str, str]
) -> list[Trader]:
    """Return the further accounts of a run with fresh strategies of ``kinds``, account by account;
    ``given`` are parameters of all.
    """
    from simulator.cli.strategies import build
    from simulator.strategy.trader import Trader

    return [
        Trader(
            one.name,
            one.mode or mode,
            build(
                own, {**given, **one.parameters}, others=True, where=f"trader {one.name}: parameter"
            ),
            dict(one.deposits or setting.deposits),
            one.leverage or setting.leverage or None,
            one.profile or setting.profile,
            one.alerts,
        )
        for one, own in zip(setting.traders, kinds, strict=True)
    ]
