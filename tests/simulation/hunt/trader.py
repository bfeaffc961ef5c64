"""The strategy of a case: it gives its commands, and keeps what it hears."""

from __future__ import annotations

from collections import Counter
from typing import Any

from simulator.accounts.questionnaire import right_answers, wrong_answers
from simulator.errors import InputError
from simulator.strategy.base import Strategy

REACTIONS = 150
"""Most commands that a strategy gives in answer to what it hears."""

ALERTS = 3
"""Most alerts that a strategy asks for; every check of its pools looks at all of them."""

Command = tuple[Any, ...]


class Trader(Strategy):
    """Gives its part of a case's commands; keeps what it hears of its orders."""

    def __init__(self, number: int, commands: tuple[Command, ...], world: dict[str, Any]) -> None:
        super().__init__()
        self.hedge = world["position_mode"] == "hedge"
        self.assets = sorted({"USDT", *(one["base"] for one in world["listed"])})
        own = [one for one in commands if one[1] == number]
        self.plan = [one for one in own if one[0] >= 0]
        self.answers = [one for one in own if one[0] < 0]
        self.given = self.reacted = self.alerts = 0
        self.heard: list[tuple[int, str, str, float]] = []
        self.told: Counter[str] = Counter()
        self.clock = self.start = 0
        self.says: Any = None

    # Snapshots of a run

    def state(self) -> dict[str, Any]:
        """What it must know to go on."""
        told = {"given": self.given, "reacted": self.reacted, "alerts": self.alerts}
        return {**told, "start": self.start}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.given, self.reacted = state["given"], state["reacted"]
        self.alerts = state["alerts"]
        self.start = state["start"]

    # What it hears

    def on_start(self, ctx: Any) -> None:
        self.start = ctx.now_ns
        self._next(ctx)

    def on_timer(self, ctx: Any, name: str) -> None:
        self._hear(ctx, "timer")
        while self.given < len(self.plan) and self._at(self.given) <= ctx.now_ns:
            self.given += 1
            self.do(ctx, self.plan[self.given - 1])
        self._next(ctx)

    def on_fill(self, ctx: Any, fill: Any) -> None:
        self._hear(ctx, "fill")
        self.heard.append((fill.order, "FILL", "", fill.quantity))
        self._answer(ctx)

    def on_order(self, ctx: Any, update: Any) -> None:
        self._hear(ctx, "order")
        self.heard.append((update.order, update.what, update.reason, update.quantity))

    def on_book(self, ctx: Any, market: Any) -> None:
        self._hear(ctx, "book")

    def on_trade(self, ctx: Any, trade: Any) -> None:
        self._hear(ctx, "trade")

    def on_bar(self, ctx: Any, bar: Any) -> None:
        self._hear(ctx, "bar")
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.volume >= 0

    def on_margin_call(self, ctx: Any, call: Any) -> None:
        self._hear(ctx, "margin call")
        self._answer(ctx)

    def on_alert(self, ctx: Any, alert: Any) -> None:
        self._hear(ctx, "alert")
        self._answer(ctx)

    def on_liquidation(self, ctx: Any, event: Any) -> None:
        self._hear(ctx, "liquidation")
        self._answer(ctx)

    def on_deleveraging(self, ctx: Any, event: Any) -> None:
        self._hear(ctx, "deleveraging")

    def on_settlement(self, ctx: Any, settlement: Any) -> None:
        self._hear(ctx, "settlement")

    def on_account(self, ctx: Any, event: Any) -> None:
        self._hear(ctx, "account")

    def on_funds(self, ctx: Any, event: Any) -> None:
        self._hear(ctx, "funds")

    def _hear(self, ctx: Any, what: str) -> None:
        assert ctx.now_ns >= self.clock, "a strategy's clock went back"
        self.clock = ctx.now_ns
        self.told[what] += 1

    def _at(self, number: int) -> int:
        return self.start + int(self.plan[number][0])

    def _next(self, ctx: Any) -> None:
        if self.given < len(self.plan):
            ctx.schedule(at_ns=max(self._at(self.given), 1), name="next")

    def _answer(self, ctx: Any) -> None:
        if self.answers and self.reacted < REACTIONS:
            self.reacted += 1
            self.do(ctx, self.answers[self.reacted % len(self.answers)])

    # What it does

    def do(self, ctx: Any, command: Command) -> None:
        """Carry out a command; a mistake that the strategy is told of is no error of the venue."""
        _, _, name, *given = command
        if self.says is not None:
            self.says(ctx.now_ns, command)
        try:
            getattr(self, f"do_{name}")(ctx, *given)
        except (InputError, LookupError, ValueError) as error:
            if type(error) not in (InputError, LookupError, ValueError):
                raise
            self.told["mistake"] += 1

    def do_order(
        self,
        ctx: Any,
        number: int,
        side: int,
        notional: float,
        away: float | None,
        beyond: float,
        flags: dict[str, Any],
    ) -> None:
        market = ctx.markets[number]
        price = self._price(market)
        each = market.contract_size if market.kind == "cm" else price
        asked = dict(flags)
        if away is not None:
            asked["price"] = price * (1.0 - side * away)
        kind = asked.get("kind")
        if kind in ("stop", "take_profit"):
            asked["trigger"] = price * (1.0 + (side if kind == "stop" else -side) * beyond)
        elif kind == "trailing_stop":
            asked["callback_rate"] = max(0.0001, min(abs(beyond), 0.1))
        ctx.submit(market, side, notional / each, **asked)

    @staticmethod
    def _price(market: Any) -> float:
        return float(market.mid or market.last or market.mark or market.index or 100.0)

    def do_cancel(self, ctx: Any, number: int) -> None:
        for order in ctx.orders(ctx.markets[number])[:2]:
            ctx.cancel(order)
            ctx.cancel(order)

    def do_cancel_all(self, ctx: Any, number: int) -> None:
        ctx.cancel_all(None if number < 0 else ctx.markets[number])

    def do_close(self, ctx: Any, number: int) -> None:
        market = ctx.markets[number]
        hedge = self.hedge and market.kind != "spot"
        for held, side in ((market.long, "LONG"), (market.short, "SHORT")):
            if held and market.kind != "spot":
                asked = {"position_side": side} if hedge else {"reduce_only": True}
                ctx.submit(market, -1 if held > 0 else 1, abs(held), **asked)

    def do_flatten(self, ctx: Any) -> None:
        """Everything is cancelled, closed and repaid: what the way back needs."""
        ctx.cancel_all()
        for number in range(len(ctx.markets)):
            self.do_close(ctx, number)
        for asset in self.assets:
            if ctx.loan(asset) or ctx.interest(asset):
                ctx.repay(asset)

    def do_leverage(self, ctx: Any, number: int, leverage: int) -> None:
        ctx.set_leverage(ctx.markets[number], leverage)

    def do_margin(self, ctx: Any, number: int, quantity: float, side: str) -> None:
        ctx.adjust_isolated_margin(ctx.markets[number], quantity, side)

    def do_transfer(self, ctx: Any, asset: str, quantity: float, source: str, target: str) -> None:
        if (self.given + self.reacted) % 2:
            ctx.transfer(asset, quantity, source, target)
        else:
            ctx.account.transfer(asset, quantity, source, target)

    def do_universal(self, ctx: Any, kind: str, asset: str, quantity: float) -> None:
        ctx.account.universal_transfer(kind, "BTC" if "CMFUTURE" in kind else asset, quantity)

    def do_deposit(self, ctx: Any, asset: str, quantity: float, wallet: str) -> None:
        ctx.account.deposit(asset, quantity, wallet)

    def do_withdraw(self, ctx: Any, asset: str, quantity: Any, wallet: str) -> None:
        ctx.account.withdraw(asset, quantity, wallet)

    def do_borrow(self, ctx: Any, asset: str, quantity: float) -> None:
        ctx.account.borrow(asset, quantity)

    def do_repay(self, ctx: Any, asset: str, quantity: Any) -> None:
        ctx.account.repay(asset, quantity)

    def do_auto_repay(self, ctx: Any, on: bool) -> None:
        ctx.account.auto_repay(on)

    def do_collect(self, ctx: Any, asset: str) -> None:
        ctx.account.collect(asset)

    def do_bnb(self, ctx: Any, quantity: float, side: str) -> None:
        ctx.account.transfer_bnb(quantity, side)

    def do_alert(self, ctx: Any, ratio: float) -> None:
        if self.alerts < ALERTS:
            self.alerts += 1
            ctx.alert(ratio=ratio)

    def do_watch(self, ctx: Any, number: int, what: str) -> None:
        ctx.subscribe(ctx.markets[number], what, every=5.0)

    def do_step(self, ctx: Any, name: str) -> None:
        getattr(ctx.account, name)()

    def do_accept(self, ctx: Any, version: str) -> None:
        ctx.account.accept_agreement(version)

    def do_answer(self, ctx: Any, right: bool) -> None:
        questions = ctx.account.questionnaire()
        ctx.account.answer((right_answers if right else wrong_answers)(questions))

    def do_go_on(self, ctx: Any) -> None:
        """The step that leads on from where the account is."""
        account = ctx.account
        if account.state == "SEPARATED":
            account.apply_unified()
        elif account.state == "APPLIED":
            account.accept_agreement()
        elif account.state == "AGREED":
            self.do_flatten(ctx)
            account.answer(right_answers(account.questionnaire()))
        elif account.state == "UNIFIED":
            self.do_flatten(ctx)
            account.request_separated()
