"""A stand-in for strategies: asks the venue for what the journal says that they asked for.

The engine's only inputs are the tape, the settings and what strategies ask for.  Each request
stands in the journal with the number of the callback in which it was made (`Core.wakes`).  A
stand-in is called as the strategy was, and makes the same requests at the same calls, in the same
order; so the run comes out the same, and nothing of the strategies' own code is needed for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any, Protocol

from simulator.exchange.core import Core
from simulator.exchange.desk import Desk
from simulator.exchange.messages import NO_WALLET, Request
from simulator.store.batch import TABLES, Columns, rows_of
from simulator.store.commands import Asked, request_of
from simulator.store.difference import Difference
from simulator.strategy.base import Strategy

SECOND_NS = 1e9
INTS = [name for name in TABLES["commands"] if name != "payload"]

LIMIT = 1 << 62
WHOLE = 1 << 63
"""Amounts and triggers end here: what is too much of them is the venue's to refuse."""

ON_A_MARKET = (Asked.PLACE, Asked.CANCEL_ALL, Asked.WATCH, Asked.BARS)
FORCED = 4
"""Flag of the venue's own orders, which no strategy sends."""

LIMITS: dict[int, dict[str, tuple[int, int]]] = {
    Asked.PLACE: {
        "b": (-1, 2),
        "c": (-1, 1 << 41),
        "d": (0, LIMIT),
        "e": (0, 4),
        "f": (0, 5),
        "g": (0, 256),
    },
    Asked.TRIGGER: {
        "a": (1, 4),
        "b": (0, WHOLE),
        "c": (-WHOLE, WHOLE),  # of a trailing stop, where the context checks it
        "d": (0, 2),
        "e": (-WHOLE, WHOLE),
    },
    Asked.TIMER: {"a": (-LIMIT, LIMIT), "b": (0, LIMIT)},
}
"""Least value and end of the fields of commands."""

CALLBACKS = [name for name in vars(Strategy) if name.startswith("on_")]

Row = tuple[list[int], str | None]


class Venue(Protocol):
    """What a playback asks of: the core and the desk of a simulation."""

    core: Core
    desk: Desk


class Playback:
    """The journaled commands of a run, asked one after the other as their callbacks come.

    ``commands`` are the columns of that table, part by part.
    """

    def __init__(self, commands: Iterable[Columns]) -> None:
        self._rows = _rows(commands)
        self._next = next(self._rows, None)
        self.number = 0
        self._sent = 0
        self._core: Core | None = None
        self._desk: Desk | None = None

    def attach(self, venue: Venue) -> None:
        """Ask this venue; before it runs."""
        self._core, self._desk = venue.core, venue.desk

    def act(self) -> None:
        """Ask for what was asked in the present callback."""
        assert self._core is not None, "a playback is attached before its venue runs"
        while self._next is not None and self._next[0][0] <= self._core.wakes:
            row, self.number = self._next, self.number + 1
            self._next = next(self._rows, None)
            if row[0][0] < self._core.wakes:
                raise Difference(
                    "commands", self.number - 1, "wake", row[0][0], int(self._core.wakes)
                )
            self._ask(*row)

    def end(self) -> None:
        """After the last callback; raises ``Difference`` where commands are left."""
        if self._next is not None:
            raise Difference("commands", self.number, "wake", self._next[0][0], "no such callback")

    def _ask(self, row: Sequence[int], payload: str | None) -> None:
        number = self.number - 1
        _, _, strategy, what, order, a, b, c, d, e, f, g = row
        self._look_at(number, row)
        core: Any = self._core
        if what == Asked.PLACE:
            made = int(core.submit(strategy, a, b, c, d, e, f, g))
            if made != order:
                raise Difference("commands", number, "order_id", order, made)
        elif what == Asked.CANCEL:
            core.cancel_order(order)
        elif what == Asked.CANCEL_ALL:
            core.cancel_orders(strategy, a)
        elif what == Asked.WATCH:
            core.watch(strategy, a, bool(b), bool(c))
        else:
            try:
                if what == Asked.TRIGGER:
                    core.set_trigger(order, a, b, c, d, e)
                else:
                    self._ask_in_words(strategy, what, (a, b), payload)
            except (ValueError, TypeError, LookupError, OverflowError) as error:
                raise Difference("commands", number, "payload", payload, str(error)) from error

    def _look_at(self, number: int, row: Sequence[int]) -> None:
        """Raise ``Difference`` for what no strategy can ask for: compiled code takes it as it is.

        The order of a trigger is the one just sent, the same number in any run.
        """
        core: Any = self._core
        limits = {"strategy": (0, len(core.strategies)), "what": (1, len(Asked) + 1)}
        what = row[3]
        if what in LIMITS:
            limits |= LIMITS[what]
        if what in ON_A_MARKET:
            limits["a"] = (0, len(core.books))
        for name, (least, end) in limits.items():
            value = row[INTS.index(name)]
            if not least <= value < end or (name == "g" and value & FORCED):
                raise Difference("commands", number, name, value, f"{least} to {end - 1}")
        if what == Asked.PLACE and row[6] == 0:
            raise Difference("commands", number, "b", 0, "1 or -1")
        if what == Asked.TRIGGER and row[4] != self._sent:
            raise Difference("commands", number, "order_id", row[4], self._sent)
        if what == Asked.PLACE:
            self._sent = row[4]

    def _ask_in_words(
        self, strategy: int, what: int, numbers: tuple[int, int], payload: str | None
    ) -> None:
        core, desk = self._core, self._desk
        assert core is not None
        assert desk is not None
        if what == Asked.REQUEST:
            desk.request(within(request_of(payload or ""), core))
        elif what == Asked.TIMER:
            core.add_timer(strategy, *numbers, json.loads(payload or ""))
        elif what == Asked.ALERT:
            desk.of_strategy(strategy).alert(strategy, json.loads(payload or ""))
        elif what == Asked.BARS:
            self._bars(core, strategy, numbers[0])
        else:
            raise ValueError(f"there is no command {what}")

    def _bars(self, core: Core, strategy: int, instrument: int) -> None:
        """Bars and the timer that ends them, which is the next row, are one call of a context."""
        if self._next is None or self._next[0][3] != Asked.TIMER:
            raise ValueError("a timer must follow")
        interval = self._next[0][6]
        self._next, self.number = next(self._rows, None), self.number + 1
        context = core.contexts[strategy]
        context.subscribe(context.markets[instrument], "bars", every=interval / SECOND_NS)


def within(asked: Request, core: Core) -> Request:
    """Return a request whose numbers are of the venue; ``ValueError`` for another."""
    ledger = core.ledger
    ends = {
        "strategy": (0, len(core.strategies)),
        "instrument": (0, len(core.books)),
        "slot": (0, 2 * ledger.instruments),  # a short side in one-way mode is refused later
        "asset": (-1, ledger.assets),
        "source": (NO_WALLET, ledger.wallets),
        "target": (NO_WALLET, ledger.wallets),
        "units": (-WHOLE, WHOLE),
    }
    for one in fields(asked):
        least, end = ends.get(one.name, (-LIMIT, LIMIT))
        value = getattr(asked, one.name)
        numbered = one.name in ends and (one.name != "units" or value is not None)
        if numbered and not (isinstance(value, int) and least <= value < end):
            raise ValueError(f"{one.name} must be {least} to {end - 1}, not {value}")
    return asked


def stand_ins(playback: Playback, strategies: Sequence[dict[str, Any]]) -> list[type[Strategy]]:
    """Return a class for each strategy of a run, told of by ``class``, ``fills`` and ``orders``.

    It has the name of the strategy's own class, which the journal's events have, and is called for
    fills and orders where that one was: each call counts.
    """

    def callback(name: str) -> Callable[..., None]:
        def act(_self: Strategy, *_told: Any) -> None:
            playback.act()

        act.__name__ = name  # an image tells a bound method by its name
        return act

    made: list[type[Strategy]] = []
    for told in strategies:
        heard = {"on_fill": told["fills"], "on_order": told["orders"]}
        body = {name: callback(name) for name in CALLBACKS if heard.get(name, True)}
        made.append(type(str(told["class"]), (Strategy,), body))
    return made


def told_of(strategy: Strategy) -> dict[str, Any]:
    """Return what `stand_ins` needs to know of a strategy."""
    kind = type(strategy)
    return {
        "class": kind.__name__,
        "fills": kind.on_fill is not Strategy.on_fill,
        "orders": kind.on_order is not Strategy.on_order,
    }


def _rows(parts: Iterable[Columns]) -> Iterator[Row]:
    for part in parts:
        if not rows_of(part):
            continue
        whole = zip(*(part[name].tolist() for name in INTS), strict=True)  # type: ignore[union-attr]
        yield from zip(whole, part["payload"], strict=True)
