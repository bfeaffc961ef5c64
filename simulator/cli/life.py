"""The life of an account in a scenario file: ``[profile]`` and ``[[life]]``, checked.

::

    [profile]  # of the owner, before the run; what is left out is an experienced owner's
    kyc = "advanced"  # none, basic or advanced
    age_days = 365  # of the account
    futures_trades = 0  # and traded futures volume in USDT, as far as the rulebook counts back
    futures_volume = "0"

    [[life]]
    at = "00:05:00"  # after the start, hours:minutes:seconds
    do = "deposit"
    asset = "USDT"
    quantity = "60000"
    say = "Why, in one sentence"  # a remark for the timeline; may be left out

Steps and their arguments (docs/how-to/account-life.md): ``apply_unified``, ``accept_agreement``
(version), ``answer`` (answers), ``withdraw_application``, ``request_separated``, ``deposit``,
``withdraw`` (asset, quantity, wallet), ``transfer`` (asset, quantity, source, target), ``borrow``,
``repay`` (asset, quantity), ``collect`` (asset), ``auto_repay`` (on), ``buy``, ``sell`` (market,
quantity, price, reduce_only, position_side), ``close``, ``cancel_all`` (market).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from simulator.accounts.profile import profile_of
from simulator.accounts.rules import AccountProfile
from simulator.population.laws import LAWS
from simulator.rulebook.messages import nearest
from simulator.strategy.life import DOES, LifeStep
from simulator.units.text import clock

CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?")


def after_start(value: Any) -> int:
    """Return ns of an instant after the start.

    >>> after_start("00:05:00.5")
    300500000000
    """
    text = value.isoformat() if isinstance(value, time) else str(value)
    found = CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not hours:minutes:seconds after the start, as 00:05:00")
    hours, minutes, seconds, part = found.groups()
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * 10**9 + int((part or "").ljust(9, "0"))


def above_zero(value: Any) -> Decimal:
    """Return an amount.

    >>> above_zero("0.5")
    Decimal('0.5')
    """
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not amount.is_finite() or amount <= 0:
        raise ValueError(f"{value!r} is not above 0")
    return amount


def all_or_above_zero(value: Any) -> Decimal | str:
    """Return an amount, or ``all``."""
    return "all" if value == "all" else above_zero(value)


def answers(value: Any) -> Any:
    """Return answers in one of the shapes that `Answer` takes."""
    if isinstance(value, Mapping):
        return {str(question): str(choice) for question, choice in value.items()}
    if value in ("right", "wrong") or (type(value) is int and value >= 0):
        return value
    raise ValueError(
        f"{value!r} is not right, wrong, a number of right ones or a table of choices by question"
    )


Amount = Annotated[Decimal, BeforeValidator(above_zero)]
AmountOrAll = Annotated[Decimal | str, BeforeValidator(all_or_above_zero)]
Answers = Annotated[str | int | dict[str, str], BeforeValidator(answers)]
Profile = Annotated[AccountProfile, BeforeValidator(profile_of)]
Instant = Annotated[
    int, BeforeValidator(after_start), PlainSerializer(clock, return_type=str, when_used="json")
]


class Step(BaseModel):
    """What every step has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Instant
    say: str = ""

    def step(self) -> LifeStep:
        """Return the step for the strategy that lives it; arguments that were given."""
        values = self.model_dump(exclude={"at", "do", "say"}, exclude_unset=True)
        return LifeStep(self.at, self.do, values, self.say)  # type: ignore[attr-defined]


class Plain(Step):
    """A step without arguments."""

    do: Literal["apply_unified", "withdraw_application", "request_separated"]


class Accept(Step):
    """Accept the agreement and the disclosure; that in force without a version."""

    do: Literal["accept_agreement"]
    version: str = ""


class Answer(Step):
    """Answer the questionnaire.

    All ``right``, all ``wrong``, so many right, or choices by question; an empty table answers with
    nothing, which tries the switch again once the questionnaire is passed.
    """

    do: Literal["answer"]
    answers: Answers


class Deposit(Step):
    """From outside, into the wallet of deposits unless one is named."""

    do: Literal["deposit"]
    asset: str
    quantity: Amount
    wallet: str = ""


class Withdraw(Step):
    """To the outside."""

    do: Literal["withdraw"]
    asset: str
    quantity: AmountOrAll
    wallet: str = ""


class Transfer(Step):
    """Between wallets."""

    do: Literal["transfer"]
    asset: str
    quantity: Amount
    source: str
    target: str


class Borrow(Step):
    """A loan."""

    do: Literal["borrow"]
    asset: str
    quantity: Amount


class Repay(Step):
    """Interest first, then principal."""

    do: Literal["repay"]
    asset: str
    quantity: AmountOrAll = "all"


class Collect(Step):
    """What futures, margin and options wallets can spare, to spot; of one asset or all."""

    do: Literal["collect"]
    asset: str = ""


class AutoRepay(Step):
    """Free balances of what is owed repay it from now on, or no longer."""

    do: Literal["auto_repay"]
    on: bool = True


class Order(Step):
    """A limit order at ``price``, a market order without one."""

    do: Literal["buy", "sell"]
    market: str
    quantity: Amount
    price: Amount | None = None
    reduce_only: bool = False
    position_side: Literal["", "LONG", "SHORT"] = ""


class OfMarket(Step):
    """Positions closed or orders cancelled, of one market or all."""

    do: Literal["close", "cancel_all"]
    market: str = ""


LifeEntry = Annotated[
    Plain
    | Accept
    | Answer
    | Deposit
    | Withdraw
    | Transfer
    | Borrow
    | Repay
    | Collect
    | AutoRepay
    | Order
    | OfMarket,
    Field(discriminator="do"),
]


def in_order(steps: tuple[LifeEntry, ...]) -> tuple[LifeEntry, ...]:
    """Return steps as they are; ``ValueError`` where one stands below a later one."""
    for number in range(1, len(steps)):
        if steps[number].at < steps[number - 1].at:
            raise ValueError(
                f"step {number + 1} ({steps[number].do} at {steps[number].step().at}) must not be "
                f"before step {number} ({steps[number - 1].step().at})"
            )
    return steps


TABLES = {("life",): "steps", ("people",): "groups", ("traders",): "accounts"}
"""Keys of a scenario file that hold one table an entry, and what the entries are called."""


def fault(error: ValidationError, fields: Mapping[str, Any], known: Sequence[str]) -> str:
    """Return the first fault of a scenario file in one line, steps counted as its reader does.

    ``known`` are the keys that a file may have, ``fields`` what it has.
    """
    first = error.errors()[0]
    loc, said = first["loc"], first["msg"].removeprefix("Value error, ")
    if first["type"] == "union_tag_invalid":
        said = f"no such do = {first['ctx']['tag']!r}; known: {', '.join(DOES)}"
    elif first["type"] == "union_tag_not_found":
        said = f"does not say what to do; known: {', '.join(DOES)}"
    elif first["type"] == "extra_forbidden":
        said = _unknown(loc, known)
    elif first["type"] == "missing":
        said = "is missing"
    elif loc in TABLES and first["type"] == "tuple_type":
        said = f"{TABLES[loc]} are tables in two pairs of brackets, [[{loc[0]}]], one for each"
    elif first["type"] == "tuple_type":
        said = "must be a list, [...]"
    elif first["type"] == "literal_error":
        said = said.replace("'', ", "")  # nothing stands for what is left out
    elif loc == ("profile",):
        # What is wrong in the table names it already.
        return said if isinstance(first["input"], dict) else "profile: must be a table, [profile]"
    where = ".".join(str(part) for part in loc)
    if loc[:1] in (("people",), ("traders",)):
        where = _entry(loc, fields[str(loc[0])])
    if loc[:1] == ("life",) and len(loc) > 1:
        do = f" ({loc[2]})" if len(loc) > 2 else ""
        rest = "".join(f": {part}" for part in loc[3:])
        where = f"life step {int(loc[1]) + 1}{do}{rest}"
    return f"{where}: {said}" if where else said


def _entry(loc: tuple[int | str, ...], entries: Any) -> str:
    """Return where a fault of ``[[people]]`` or ``[[traders]]`` is: which and its key, no kind of
    law.
    """
    if len(loc) < 2 or not isinstance(entries, list):
        return str(loc[0])
    entry = entries[int(loc[1])]
    name = f" ({entry['name']})" if isinstance(entry, Mapping) and entry.get("name") else ""
    keys = [str(part) for part in loc[2:] if part not in (*LAWS, "fixed", "choice", "Mixed")]
    return f"{loc[0]} {int(loc[1]) + 1}{name}" + "".join(f": {key}" for key in keys)


def _unknown(loc: tuple[int | str, ...], fields: Sequence[str]) -> str:
    """Return what to say of a key that there is not, with those that there are."""
    known: list[str] = []
    if len(loc) == 1:
        return f"no such key{nearest(str(loc[0]), fields)}"
    if loc[0] == "life":
        shapes = get_args(get_args(LifeEntry)[0])
        shape = next(one for one in shapes if loc[2] in get_args(one.model_fields["do"].annotation))
        known = sorted(shape.model_fields, key=("at", "do", "say").__contains__)
    return "no such key" + (f"; known: {', '.join(known)}" if known else "")
