"""A scripted life of an account: steps at instants after the start, done by the strategy `Owner`.

What a step does goes through the context as a strategy's own requests do, so a script can do
nothing that a strategy could not.  Scenario files are checked in ``simulator.cli.life``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.accounts.questionnaire import right_answers, wrong_answers
from simulator.accounts.states import Step
from simulator.errors import InputError
from simulator.strategy.base import Strategy
from simulator.units.text import clock

if TYPE_CHECKING:
    from simulator.exchange.messages import AccountEvent
    from simulator.strategy.context import Context, OrderUpdate

ENDS = ("REJECTED", "EXPIRED", "CANCELED")


@dataclass(frozen=True, slots=True)
class LifeStep:
    """One step: when, ns after the start, what, with which arguments, and what is said of it.

    ``do`` is a name of ``DOES``; ``values`` are its arguments by name.
    """

    at_ns: int
    do: str
    values: Mapping[str, Any] = field(default_factory=dict)
    say: str = ""

    @property
    def at(self) -> str:
        """The instant as a script writes it."""
        return clock(self.at_ns)


class Owner(Strategy):
    """The owner of the account, who does what a script says.

    ``story`` lists (time_ns, text, result) of remarks and of orders that came to rest or to
    nothing; ``left`` names the steps that the data ended before.
    """

    def __init__(self, steps: Sequence[LifeStep], hedge: bool = False) -> None:
        super().__init__()
        self.steps = tuple(steps)
        self.hedge = hedge
        self.story: list[tuple[int, str, str]] = []
        self._done: set[int] = set()
        self._orders: dict[int, str] = {}

    @property
    def left(self) -> tuple[str, ...]:
        """Steps that were not done, such as ``repay at 02:00:00``."""
        return tuple(
            f"{step.do} at {step.at}"
            for number, step in enumerate(self.steps)
            if number not in self._done
        )

    def state(self) -> dict[str, Any]:
        """Return what was done and said so far; the script itself is given again."""
        return {"story": self.story, "done": self._done, "orders": self._orders}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` returned."""
        self.story, self._done, self._orders = state["story"], state["done"], state["orders"]

    def on_start(self, ctx: Context) -> None:
        """Check what a script can name wrongly, and ask to be woken for each step."""
        for number, step in enumerate(self.steps):
            try:
                if step.values.get("market"):
                    ctx.market(step.values["market"])
                if step.values.get("asset"):
                    ctx.balance(step.values["asset"])
            except LookupError as error:
                raise self._fault(number, error) from error
            ctx.schedule(at_ns=ctx.now_ns + step.at_ns, name=str(number))

    def on_timer(self, ctx: Context, name: str) -> None:
        """Do the step of that number."""
        step = self.steps[int(name)]
        self._done.add(int(name))
        if step.say:
            self.story.append((ctx.now_ns, step.say, ""))
        try:
            DOES[step.do](self, ctx, dict(step.values))
        except (LookupError, ValueError, InputError) as error:
            raise self._fault(int(name), error) from error

    def on_order(self, ctx: Context, update: OrderUpdate) -> None:
        """Note what became of an order, unless the fills say it."""
        text = self._orders.get(update.order, "")
        if text and update.what == "ACCEPTED":
            self.story.append((update.time_ns, text, "OPEN"))
        elif text and update.what in ENDS:
            reason = f" {update.reason}" if update.reason else ""
            self.story.append((update.time_ns, text, f"{update.what}{reason}"))

    def on_account(self, ctx: Context, event: AccountEvent) -> None:
        """Remark on what was wrong in an attempt at the questionnaire, just after it."""
        graded = event.step is Step.ANSWER_QUESTIONNAIRE and event.note
        if not graded or event.taken or event.actor != type(self).__name__:
            return
        topics = dict.fromkeys(one.question.topic for one in ctx.account.mistakes())
        if topics:
            listed = ", ".join(topics).replace("_", " ")
            said = f"Wrong on {listed}; `unimargin quiz` explains every answer."
            self.story.append((event.time_ns + 1, said, ""))

    def _fault(self, number: int, error: Exception) -> InputError:
        step = self.steps[number]
        return InputError(f"life step {number + 1} ({step.do} at {step.at}): {error.args[0]}")

    def _order(self, ctx: Context, side: int, values: Mapping[str, Any]) -> None:
        """Send an order, and remember how the script would write it."""
        market, quantity, price = values["market"], values["quantity"], values.get("price")
        number = ctx.submit(
            ctx.market(market),
            side,
            float(quantity),
            price=None if price is None else float(price),
            reduce_only=values.get("reduce_only", False),
            position_side=values.get("position_side", ""),
        )
        at = "" if price is None else f" at {price:,}"
        self._orders[number] = f"{'buy' if side > 0 else 'sell'} {_plain(quantity)} {market}{at}"


def _plain(quantity: Any) -> str:
    """Write a quantity without an exponent.

    >>> _plain("0.00000001"), _plain(5.0), _plain(1e6)
    ('0.00000001', '5', '1000000')
    """
    text = f"{float(quantity):.8f}"
    return text.rstrip("0").rstrip(".")


Values = dict[str, Any]
"""Arguments of a step by name, as the scenario file has them."""


def _answer(owner: Owner, ctx: Context, values: Values) -> None:
    """Answer by the script's own choices, or so many questions right and the others wrong."""
    account: Any = ctx.account
    answers: str | int | Mapping[str, str] = values["answers"]
    if isinstance(answers, Mapping):
        account.answer(dict(answers))
        return
    drawn = account.questionnaire()
    right = int({"right": len(drawn), "wrong": 0}.get(str(answers), answers))
    account.answer(right_answers(drawn[:right]) | wrong_answers(drawn[right:]))


def _close(owner: Owner, ctx: Context, values: Values) -> None:
    """Close a position by market orders, or every position in futures and options.

    Of a spot market that is named what was traded, net.  Where there is nothing to close the story
    says so.
    """
    name, sent = values.get("market", ""), len(owner._orders)
    for market in [ctx.market(name)] if name else ctx.markets:
        if market.kind == "spot" and not name:
            continue
        for held, side in ((market.long, "LONG"), (market.short, "SHORT")):
            if held:
                order: Values = {"market": market.name, "quantity": abs(held)}
                if owner.hedge and market.kind != "spot":
                    order["position_side"] = side
                elif market.kind != "spot":
                    order["reduce_only"] = True
                owner._order(ctx, -1 if held > 0 else 1, order)
    if len(owner._orders) == sent:
        said = f"Nothing to close{' on ' + name if name else ''}."
        owner.story.append((ctx.now_ns, said, ""))


def _cancel_all(owner: Owner, ctx: Context, values: Values) -> None:
    ctx.cancel_all(ctx.market(values["market"]) if values.get("market") else None)


def _asks(name: str) -> Callable[[Owner, Context, Values], None]:
    """Return a step that is a method of ``ctx.account`` with the same arguments."""

    def ask(owner: Owner, ctx: Context, values: Values) -> None:
        getattr(ctx.account, name)(**values)

    return ask


DOES: dict[str, Callable[[Owner, Context, Values], None]] = {
    "apply_unified": _asks("apply_unified"),
    "accept_agreement": _asks("accept_agreement"),
    "answer": _answer,
    "withdraw_application": _asks("withdraw_application"),
    "request_separated": _asks("request_separated"),
    "deposit": _asks("deposit"),
    "withdraw": _asks("withdraw"),
    "transfer": _asks("transfer"),
    "borrow": _asks("borrow"),
    "repay": _asks("repay"),
    "collect": _asks("collect"),
    "auto_repay": _asks("auto_repay"),
    "buy": lambda owner, ctx, values: owner._order(ctx, 1, values),
    "sell": lambda owner, ctx, values: owner._order(ctx, -1, values),
    "close": _close,
    "cancel_all": _cancel_all,
}
"""What a step can do."""
