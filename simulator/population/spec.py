"""What a scenario file says of a population: ``accounts`` and ``[[people]]``, checked.

::

    accounts = 100_000  # all of them; those of groups with a count are among them

    [[people]]
    name = "retail longs"
    share = 0.7  # of the accounts that groups with a count leave; or count = 500
    mode = "run"  # the run's; or separated, unified, {unified = 0.3}
    wealth = {law = "pareto", least = 500, alpha = 1.2, most = 5_000_000}  # USDT, all of it
    together = 50_000_000  # USDT of all of them: then the law says who has how much of it
    collateral = {USDT = 0.7, BTC = 0.3}  # what it is held in, shares
    collateral_jitter = 0.2  # sigma of the logarithm by which each share differs
    side = {long = 0.8}  # or "long", "short"
    instruments = {"um:BTCUSDT" = 0.7, "um:ETHUSDT" = 0.3}  # weights; or a list
    holds = "one"  # of the instruments, by weight; or all, the notional by weight
    futures = 0.5  # share of the wealth that is margin of the positions
    leverage = {law = "lognormal", median = 8, sigma = 0.6, least = 1, most = 50}
    margin_type = ""  # isolated or cross of USD-M positions; the run's if empty
    entry = {law = "normal", sigma = 0.02, least = -0.1, most = 0.1}  # entry / first price - 1
    hedge = {share = 0.2, by = "spot", ratio = 1.0}  # or by = "um:ETHUSDT": the opposite leg
    loan = {share = 0.1, asset = "USDT", amount = 0.5, into = "BTC"}  # borrowed / wealth, bought

``wealth``, ``leverage``, ``futures``, ``entry``, ``hedge.ratio`` and ``loan.amount`` are laws
(`simulator.population.laws`).  docs/how-to/population.md says what each means in either mode.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from simulator.errors import InputError
from simulator.population.laws import Law, Table, counts, shares

MOST_ACCOUNTS = 10_000_000
"""Most accounts of a population; so many need about 10 GB."""

Share = Annotated[float, Field(ge=0, le=1)]


class Mixed(Table):
    """Accounts of either mode, whichever mode the run has."""

    unified: Share


class Sides(Table):
    """Shares of long and short accounts."""

    long: Share

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        if value in ("long", "short"):
            return {"long": float(value == "long")}
        if isinstance(value, str):
            raise ValueError(f"must be long, short or shares as {{long = 0.8}}, not {value!r}")
        return value


class Hedge(Table):
    """Accounts with an opposite leg: coins (``spot``), which makes their future a short one, or
    another contract.  ``ratio``: value of the leg / notional of the position.
    """

    share: Share = 1.0
    by: str
    ratio: Law = Field(default=1, validate_default=True)


class Loan(Table):
    """Accounts that owe ``amount`` x wealth of ``asset`` in cross margin, and bought ``into``
    with it.
    """

    share: Share = 1.0
    asset: str = "USDT"
    amount: Law
    into: str


def _weights(value: Any) -> Any:
    """Return a list of names as equal weights."""
    if not isinstance(value, list | tuple):
        return value
    for name in value:
        if not isinstance(name, str):
            raise ValueError(f"must be names, such as um:BTCUSDT, not {name!r:.60}")
    return dict.fromkeys(value, 1.0)


def _positive(weights: dict[str, float]) -> dict[str, float]:
    for name, weight in weights.items():
        if not weight > 0:
            raise ValueError(f"weight of {name} must be above 0, not {weight:g}")
    return weights


Weights = Annotated[dict[str, float], BeforeValidator(_weights), AfterValidator(_positive)]
Mix = Annotated[dict[str, float], AfterValidator(shares)]


class Group(Table):
    """One type of account; the fields are described at the top of this module."""

    name: str = Field(min_length=1)
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    count: Annotated[int, Field(gt=0)] | None = None
    mode: Literal["run", "separated", "unified"] | Mixed = "run"
    wealth: Law
    together: Annotated[float, Field(gt=0)] | None = None
    collateral: Mix = Field(default_factory=lambda: {"USDT": 1.0})
    collateral_jitter: float = Field(default=0.0, ge=0, le=3)
    side: Sides = Field(default="long", validate_default=True)
    instruments: Weights = Field(default_factory=dict)
    holds: Literal["one", "all"] = "one"
    futures: Law = Field(default=1, validate_default=True)
    leverage: Law | None = None
    margin_type: Literal["", "isolated", "cross"] = ""
    entry: Law = Field(default=0, validate_default=True)
    hedge: Hedge | None = None
    loan: Loan | None = None

    @model_validator(mode="before")
    @classmethod
    def _mode_said(cls, fields: Any) -> Any:
        mode = fields.get("mode", "run") if isinstance(fields, dict) else "run"
        share = mode.get("unified", 0) if isinstance(mode, dict) else 0
        right = isinstance(mode, dict | Mixed) or mode in ("run", "separated", "unified")
        if not right or (isinstance(share, int | float) and not 0 <= share <= 1):
            raise ValueError(
                "mode: must be run, separated, unified or a share of 0 to 1, as "
                f"{{unified = 0.3}}, not {mode!r}"
            )
        return fields

    @model_validator(mode="after")
    def _sound(self) -> Group:
        if (self.share is None) == (self.count is None):
            raise ValueError("give share (of the accounts) or count, one of them")
        _within("wealth", self.wealth, 0, math.inf)
        _within("futures", self.futures, 0, 1)
        _within("entry", self.entry, -0.9, 9)
        for name in self.instruments:
            if name.split(":")[0] not in ("um", "cm"):
                raise ValueError(
                    f"instruments: {name}: accounts of a crowd hold futures, as um:BTCUSDT; "
                    "coins are in collateral or hedge"
                )
        if not self.instruments and (self.leverage or self.hedge):
            raise ValueError("instruments: leverage and hedge need at least one")
        if self.instruments and self.leverage is None:
            raise ValueError("leverage: is missing")
        if self.leverage is not None:
            _within("leverage", self.leverage, 0, 1000)
        if self.hedge:
            _within("hedge: ratio", self.hedge.ratio, 0, 100)
            if self.hedge.by != "spot" and self.hedge.by.split(":")[0] not in ("um", "cm"):
                raise ValueError(
                    f"hedge: by: must be spot or a contract such as um:ETHUSDT, not {self.hedge.by}"
                )
            if self.hedge.by in self.instruments:
                raise ValueError(f"hedge: by: {self.hedge.by} is among the instruments already")
            if self.hedge.by == "spot" and self.futures.span[0] >= 1 and self.mode != "unified":
                raise ValueError("futures: must leave a share of the wealth for coins of the hedge")
        if self.loan:
            _within("loan: amount", self.loan.amount, 0, 10)
            if self.loan.into == self.loan.asset:
                raise ValueError(f"loan: into: must be another asset than {self.loan.asset}")
            if self.futures.span[0] >= 1 and self.mode != "unified" and self.instruments:
                raise ValueError("futures: must leave a share of the wealth to carry the loan")
        return self

    @property
    def named(self) -> tuple[set[str], set[str]]:
        """Instruments and assets that the group needs of the data."""
        instruments, assets = set(self.instruments), set(self.collateral)
        if self.hedge and self.hedge.by != "spot":
            instruments.add(self.hedge.by)
        if self.loan:
            assets |= {self.loan.asset, self.loan.into}
        return instruments, assets


def _within(name: str, law: Law, least: float, most: float) -> None:
    """Check the values that a law can give; the least of wealth and the like is above 0."""
    low, high = law.span
    if low < least or high > most or (high <= 0 and name in ("wealth", "leverage")):
        limits = f"between {least:g} and {most:g}" if most < math.inf else "above 0"
        raise ValueError(f"{name}: must lie {limits}, the law gives {low:g} to {high:g}")


def in_all(people: tuple[Group, ...]) -> tuple[Group, ...]:
    """Return groups as they are; ``ValueError`` for a name twice or shares that are not all."""
    names = [group.name for group in people]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name}: two groups have this name")
    of_all = [group.share for group in people if group.share is not None]
    if of_all and abs(math.fsum(of_all) - 1) > 1e-6:
        raise ValueError(f"shares of the groups must add up to 1, not {math.fsum(of_all):g}")
    return people


People = Annotated[tuple[Group, ...], AfterValidator(in_all)]


def sizes(people: Sequence[Group], accounts: int) -> list[int]:
    """Return how many accounts each group has.

    There are ``accounts`` in all: groups with a share divide what those with a count leave.
    Raises ``InputError`` where there is nothing to divide, or more than can be.
    """
    sharing = [group for group in people if group.share is not None]
    if sharing and accounts < 1:
        raise InputError(
            f"accounts: must be given, group {sharing[0].name} has a share of them (--accounts N)"
        )
    counted = sum(group.count or 0 for group in people)
    if sharing and accounts <= counted:
        raise InputError(
            f"accounts: {accounts:,} are not enough: groups with a count have {counted:,} of them, "
            f"and group {sharing[0].name} has a share of the others"
        )
    parts = iter(
        counts(accounts - counted, [group.share or 0 for group in sharing]) if sharing else ()
    )
    found = [group.count if group.count is not None else next(parts) for group in people]
    if sum(found) > MOST_ACCOUNTS:
        raise InputError(f"accounts: at most {MOST_ACCOUNTS:,}, not {sum(found):,}")
    return found
