"""Commands of a journal: what a strategy asked for, as rows and JSON, and back again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from enum import Enum, IntEnum
from hashlib import sha256
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from simulator.accounts.states import Step
from simulator.errors import InputError
from simulator.exchange.messages import FundOperation, Request
from simulator.store.batch import TABLES, Columns, rows_of

WHAT, NUMBER, NAME = 3, 5, 7
"""Columns of a row of `Core.asked`: what, number of a request or an alert, of a timer's name."""


class Asked(IntEnum):
    """What a strategy asked for; the fields of each stand in `Core.keep_log`."""

    PLACE = 1
    CANCEL = 2
    REQUEST = 3
    CANCEL_ALL = 4
    TRIGGER = 5
    TIMER = 6
    WATCH = 7
    BARS = 8
    ALERT = 9


REQUESTS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Request)}
"""Requests by the name that the journal has for them."""

ENUMS: dict[str, type[IntEnum]] = {"step": Step, "operation": FundOperation}
"""Fields of requests that are members of an enum, which JSON holds as numbers."""


def chained(before: str, commands: Columns) -> str:
    """Return the hash over all commands up to a batch: of the hash before and the batch's columns.

    >>> chained("", {})
    ''
    """
    if not rows_of(commands):
        return before
    whole = sha256(before.encode())
    for name in TABLES["commands"]:
        column = commands[name]
        if not isinstance(column, list):
            whole.update(np.ascontiguousarray(column).data)
        elif column.count(None) < len(column):
            whole.update(json.dumps(column).encode())
    return whole.hexdigest()


def payloads(
    asked: npt.NDArray[np.int64], named: Sequence[Any], requests: Sequence[Request]
) -> list[str | None]:
    """Return the JSON of each row of ``asked`` [column, row], None where its numbers say all.

    ``named`` are the engine's names of timers and alerts, ``requests`` its desk's.  Raises
    ``InputError`` for a timer's name that is no text.
    """
    what = asked[WHAT]
    made: list[str | None] = [None] * len(what)
    worded = (what == Asked.REQUEST) | (what == Asked.TIMER) | (what == Asked.ALERT)
    for at in np.flatnonzero(worded).tolist():
        if what[at] == Asked.REQUEST:
            made[at] = written(requests[int(asked[NUMBER, at])])
            continue
        told = named[int(asked[NAME if what[at] == Asked.TIMER else NUMBER, at])]
        if what[at] == Asked.TIMER and not isinstance(told, str | int):
            raise InputError(f"schedule: a journal needs a text as name of a timer, not {told!r}")
        made[at] = _json(_plain(told))
    return made


def written(request: Request) -> str:
    """Return a request as JSON.

    >>> from simulator.exchange.messages import BorrowRequest
    >>> written(BorrowRequest(0, 1, 500))
    '{"request":"BorrowRequest","strategy":0,"asset":1,"units":500}'
    """
    told = {one.name: getattr(request, one.name) for one in fields(request)}
    return _json({"request": type(request).__name__, **_plain(told)})


def request_of(text: str) -> Request:
    """Return the request that `written` wrote; ``ValueError`` for what is none.

    >>> request_of('{"request":"BorrowRequest","strategy":0,"asset":1,"units":500}').units
    500
    """
    try:
        told = json.loads(text)
        kind = REQUESTS[told.pop("request")]
        values = {name: _member(name, value) for name, value in told.items()}
        made: Request = kind(**values)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no request: {text[:80]!r}") from error
    return made


def _member(name: str, value: Any) -> Any:
    return ENUMS[name](value) if name in ENUMS else value


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it; of an enum its number, of a level its name."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, IntEnum):
        return value.name if type(value).__name__ == "RiskLevel" else int(value)
    if isinstance(value, Enum):
        return value.value
    if hasattr(value, "item"):  # a number of numpy
        return value.item()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return dict(value) if hasattr(value, "keys") else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
