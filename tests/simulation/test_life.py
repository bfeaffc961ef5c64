"""Goal: the owner does what a life says, at its instants, through the public context only.

Method: a made context that notes every call; then a life on a bundled hour.
"""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from simulator.accounts.states import Step
from simulator.errors import InputError
from simulator.strategy.life import DOES, LifeStep, Owner

SECOND = 10**9
QUESTIONS = tuple(
    SimpleNamespace(id=f"q{n}", choices={"a": "A", "b": "B"}, answer="b" if n % 2 else "a")
    for n in range(4)
)


class Account:
    """Notes what it is asked."""

    def __init__(self, calls: list[tuple[Any, ...]]) -> None:
        self.calls = calls

    def questionnaire(self) -> tuple[Any, ...]:
        return QUESTIONS

    def answer(self, answers: dict[str, str]) -> None:
        self.calls.append(("answer", answers))

    def __getattr__(self, name: str) -> Any:
        return lambda **values: self.calls.append((name, values))


class Context:
    """A context of two markets that notes orders and timers."""

    now_ns = 1_000 * SECOND

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.account = Account(self.calls)
        self.timers: list[tuple[int, str]] = []
        self.markets = [
            SimpleNamespace(name="spot:BTCUSDT", kind="spot", long=0.3, short=0.0),
            SimpleNamespace(name="um:BTCUSDT", kind="um", long=-0.5, short=0.0),
        ]

    def market(self, name: str) -> Any:
        found = [one for one in self.markets if one.name == name]
        if not found:
            raise LookupError(f"no market {name}")
        return found[0]

    def balance(self, asset: str) -> float:
        if asset != "USDT":
            raise LookupError(f"no asset {asset}")
        return 0.0

    def schedule(self, *, at_ns: int, name: str) -> None:
        self.timers.append((at_ns, name))

    def submit(self, market: Any, side: int, quantity: float, **values: Any) -> int:
        kept = {name: value for name, value in values.items() if value}
        self.calls.append(("submit", market.name, side, quantity, kept))
        return len(self.calls)

    def cancel_all(self, market: Any) -> None:
        self.calls.append(("cancel_all", market and market.name))


def lived(*steps: LifeStep, hedge: bool = False) -> tuple[Context, Owner]:
    """Live a life at once."""
    ctx, owner = Context(), Owner(steps, hedge)
    owner.on_start(ctx)  # type: ignore[arg-type]
    for _, name in ctx.timers:
        owner.on_timer(ctx, name)  # type: ignore[arg-type]
    return ctx, owner


def test_steps_are_woken_for_at_their_instants_and_remarked_on() -> None:
    ctx, owner = lived(LifeStep(0, "collect"), LifeStep(60 * SECOND, "auto_repay", {}, "Why not"))
    assert ctx.timers == [(1_000 * SECOND, "0"), (1_060 * SECOND, "1")]
    assert owner.story == [(1_000 * SECOND, "Why not", "")]
    assert owner.left == ()


def test_steps_that_the_data_ended_before_are_named() -> None:
    owner = Owner([LifeStep(7_200 * SECOND, "repay", {"asset": "USDT"})])
    owner.on_start(Context())  # type: ignore[arg-type]
    assert owner.left == ("repay at 02:00:00",)


def test_arguments_are_passed_on() -> None:
    ctx, _ = lived(
        LifeStep(1, "apply_unified"),
        LifeStep(2, "deposit", {"asset": "USDT", "quantity": Decimal(5)}),
        LifeStep(3, "sell", {"market": "um:BTCUSDT", "quantity": Decimal("0.5"), "price": 7}),
        LifeStep(4, "cancel_all", {"market": "um:BTCUSDT"}),
    )
    assert ctx.calls == [
        ("apply_unified", {}),
        ("deposit", {"asset": "USDT", "quantity": Decimal(5)}),
        ("submit", "um:BTCUSDT", -1, 0.5, {"price": 7.0}),
        ("cancel_all", "um:BTCUSDT"),
    ]


@pytest.mark.parametrize(
    ("answers", "right"), [("right", 4), ("wrong", 0), (3, 3), (9, 4), ({"q0": "b"}, 0)]
)
def test_so_many_answers_are_right(answers: Any, right: int) -> None:
    ctx, _ = lived(LifeStep(0, "answer", {"answers": answers}))
    ((_, given),) = ctx.calls
    assert sum(given.get(one.id) == one.answer for one in QUESTIONS) == right
    assert len(given) == (1 if isinstance(answers, dict) else 4)


def test_close_flattens_futures_and_options_or_what_is_named() -> None:
    ctx, _ = lived(LifeStep(0, "close"), LifeStep(1, "close", {"market": "spot:BTCUSDT"}))
    assert ctx.calls == [
        ("submit", "um:BTCUSDT", 1, 0.5, {"reduce_only": True}),
        ("submit", "spot:BTCUSDT", -1, 0.3, {}),
    ]


def test_closing_nothing_is_told() -> None:
    ctx, owner = Context(), Owner([])
    for market in ctx.markets:
        market.long = market.short = 0.0
    DOES["close"](owner, ctx, {})
    DOES["close"](owner, ctx, {"market": ctx.markets[1].name})
    assert not ctx.calls
    told = [text for _, text, _ in owner.story]
    assert told == ["Nothing to close.", f"Nothing to close on {ctx.markets[1].name}."]


def test_close_in_hedge_mode_names_the_side() -> None:
    ctx, owner = Context(), Owner([LifeStep(0, "close")], hedge=True)
    ctx.markets[1].long, ctx.markets[1].short = 0.2, -0.1
    owner.on_timer(ctx, "0")  # type: ignore[arg-type]
    assert ctx.calls == [
        ("submit", "um:BTCUSDT", -1, 0.2, {"position_side": "LONG"}),
        ("submit", "um:BTCUSDT", 1, 0.1, {"position_side": "SHORT"}),
    ]


def test_what_became_of_an_order_is_told_unless_the_fills_tell_it() -> None:
    ctx, owner = lived(LifeStep(0, "buy", {"market": "um:BTCUSDT", "quantity": Decimal("0.10")}))

    def hears(order: int, what: str, reason: str = "") -> None:
        owner.on_order(
            ctx,  # type: ignore[arg-type]
            SimpleNamespace(order=order, what=what, reason=reason, time_ns=5),  # type: ignore[arg-type]
        )

    hears(1, "REJECTED", "ACCOUNT_SUSPENDED")
    hears(1, "FILLED")
    hears(99, "REJECTED", "LOT_SIZE")
    assert owner.story == [(5, "buy 0.1 um:BTCUSDT", "REJECTED ACCOUNT_SUSPENDED")]


def test_what_was_wrong_in_an_attempt_is_remarked_on_once() -> None:
    ctx, owner = lived()
    wrong = [SimpleNamespace(question=SimpleNamespace(topic=t)) for t in ("way_back", "ladder")]
    ctx.account.mistakes = lambda: wrong

    def hears(note: str, taken: bool = False, actor: str = "Owner") -> None:
        step = Step.ANSWER_QUESTIONNAIRE
        event = SimpleNamespace(step=step, note=note, taken=taken, actor=actor, time_ns=7)
        owner.on_account(ctx, event)  # type: ignore[arg-type]

    hears("")  # a cool-down: nothing was graded
    hears("8 of 10 questions right", taken=True)
    hears("8 of 10 questions right", actor="Other")
    assert owner.story == []
    hears("8 of 10 questions right")
    said = "Wrong on way back, ladder; `unimargin quiz` explains every answer."
    assert owner.story == [(8, said, "")]


@pytest.mark.parametrize(
    ("do", "values", "said"),
    [
        ("buy", {"market": "um:XYZ", "quantity": 1}, "life step 1 (buy at 00:00:00): no market"),
        ("collect", {"asset": "XYZ"}, "life step 1 (collect at 00:00:00): no asset XYZ"),
    ],
)
def test_wrong_name_is_an_input_error(do: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match="life step 1") as raised:
        lived(LifeStep(0, do, values))
    assert said in str(raised.value)


def test_fault_while_running_names_the_step() -> None:
    ctx, owner = lived()
    owner.steps = (LifeStep(3 * SECOND, "transfer", {"source": "nowhere"}),)

    def nowhere(**_values: Any) -> None:
        raise LookupError("no wallet nowhere")

    ctx.account.transfer = nowhere
    with pytest.raises(InputError, match=r"life step 1 \(transfer at 00:00:03\): no wallet"):
        owner.on_timer(ctx, "0")  # type: ignore[arg-type]
