"""A life to be audited: an account on a small venue of every product, driven by plain commands.

A command is a method's name and its arguments, so that a list of them is played again to the same
end.  After every one the auditor looks (`tests.exchange.auditor`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulator.accounts.questionnaire import right_answers, wrong_answers
from simulator.accounts.rules import AccountProfile
from simulator.accounts.wallets import LINES
from simulator.exchange.messages import AccountEvent, FundEvent
from simulator.market.tape import Kind
from simulator.risk.interest import InterestRules
from simulator.strategy.context import Context
from tests.exchange.auditor import Auditor
from tests.exchange.products import PRODUCTS, UM
from tests.exchange.world import Watcher, World, listed

MINUTE, HOUR = 60_000, 3_600_000
MARKETS = (*PRODUCTS, listed("spot", "BNB"))
MEMBERS = {"textbook": LINES, "binance": ("margin", "um", "cm"), "okx_pm": LINES}
WEALTH = {
    "rich": {"USDT": "600000", "BTC": "4", "BNB": "20"},
    "poor": {"USDT": "60000", "BTC": "0.2", "BNB": "5"},
    "thin": {"USDT": "150000", "BTC": "0.2", "BNB": "1"},
}
IN_FUTURES = {"rich": "0.4", "poor": "0.5", "thin": "0.95"}
"""Share of the USDT that is in the USD-M wallet at the beginning."""

PROFILES = {
    "old": AccountProfile("advanced", 365, 20, Decimal(50_000)),
    "new": AccountProfile("advanced", 30, 9, Decimal(5_000)),
    "unknown": AccountProfile("none", 3),
}
INTEREST = InterestRules(
    default_daily=Decimal("0.05"),
    negative_pools=("unified", "um", "margin"),
    default_negative_daily=Decimal("0.1"),
    convert={kind: {"USDT": Decimal(2_000), "BTC": Decimal(1)} for kind in ("unified", "um")},
)
SPREAD = {"spot": 0.1, "um": 0.5, "cm": 100.0, "option": 0.2}
"""Quantity of an order of size 1."""

Command = tuple[Any, ...]


class Listener(Watcher):
    """Also keeps what is said of the account and of its funds."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[AccountEvent] = []
        self.funds: list[FundEvent] = []

    def on_account(self, ctx: Context, event: AccountEvent) -> None:
        self.steps.append(event)

    def on_funds(self, ctx: Context, event: FundEvent) -> None:
        self.funds.append(event)


class Life:
    """An account of its own venue; ``commands`` are what it has been through."""

    def __init__(
        self,
        rulebook: str,
        *,
        mode: str = "separated",
        hedge: bool = False,
        margin_type: str = "isolated",
        latency: str | None = None,
        wealth: str = "rich",
        profile: str = "old",
        modes: tuple[tuple[str, Any], ...] = (),
    ) -> None:
        self.commands: list[Command] = []
        self.world = World(
            mode,
            rulebook,
            deposits=WEALTH[wealth],
            instruments=MARKETS,
            latency=latency,
            strategies=[Listener()],
            interest=INTEREST,
            members=MEMBERS[rulebook],
            hedge=hedge,
            both=True,
            profile=PROFILES[profile],
            modes=dict(modes),
            margin_type=margin_type,
            check=False,
        )
        self.hedge = hedge
        self.delay = 200 if latency else 1
        self.auditor = Auditor(self.world, PROFILES[profile])
        self.price = 100_000.0
        self.move_to(100_000.0)
        usdt, share = Decimal(WEALTH[wealth]["USDT"]), Decimal(IN_FUTURES[wealth])
        for wallet, asset, quantity in (
            ("um", "USDT", usdt * share),
            ("margin", "USDT", usdt * (1 - share) / 3),
            ("options", "USDT", usdt * (1 - share) / 3),
            ("cm:BTC", "BTC", Decimal(WEALTH[wealth]["BTC"]) / 4),
        ):
            self.world.ctx.transfer(asset, float(quantity), "spot", wallet)
        self.world.step(2000)

    def do(self, command: Command) -> None:
        """Carry out a command and let it arrive; a name is that of a method here."""
        self.commands.append(command)
        name, *given = command
        getattr(self, name)(*given)
        self.world.step(self.delay)
        self.auditor.hold()

    # What happens to it

    def move_to(self, price: float) -> None:
        """Everything of BTC is worth ``price``; a level of the book a side."""
        self.price = min(max(price, 20_000.0), 400_000.0)
        call = max(20, round(2_000 + (self.price - 100_000) / 2))
        put = max(20, round(2_000 - (self.price - 100_000) / 2))
        rows = []
        at = self.world.now + 1_000_000
        for i, one in enumerate(self.world.instruments):
            ticks = round(self.price * 10) if one.base == "BTC" else 6_000
            if one.market == "option":
                ticks = call if one.right == "C" else put
            rows.append((at, at, i, Kind.CLEAR, 0, 0, 0, 0, 0))
            rows.append((at, at, i, Kind.DEPTH, 0, 1, ticks, 10**6, 0))
            rows.append((at, at, i, Kind.DEPTH, 1, -1, ticks + 1, 10**6, 0))
            if one.market != "spot":
                mark = int(ticks * one.tick * 10**8)
                rows.append((at, at, i, Kind.MARK, 1, 0, mark, 0, 0))
        index = round(self.price * 10**8)
        rows.append((at, at, self.world.number(UM), Kind.INDEX, 1, 0, index, 0, 0))
        self.world.now = at
        self.world.play(rows, len(rows))
        self.world.step(1500)

    def moved(self, percent: float) -> None:
        self.move_to(self.price * (1 + percent / 100))

    def squeezed(self) -> None:
        """Prices go against the account until the merged pool would not be above its warning."""
        for _ in range(20):
            ratio = self.world.desk.switching.preview("unified")[2]
            if ratio is None or not self.world.desk.modes.ratio_needed < ratio < 20:
                return
            slots = self.world.partition.slots(self.world.number(UM))
            lots = sum(self.world.core.ledger.position_of(1, slot)[0] for slot in slots)
            self.moved(-0.4 if lots > 0 else 0.4)

    def printed(self, market: int, side: int, percent: float) -> None:
        """A trade on the tape, deep enough to fill what rests above or below the market."""
        one, ticks = self._market(market), self._ticks(market, -side * percent)
        self.world.row(Kind.TRADE, one.name, -side, ticks, 10**5)

    def funding(self, rate: int) -> None:
        self.world.row(Kind.FUNDING, UM, 0, rate)

    def waited(self, milliseconds: int) -> None:
        self.world.step(milliseconds)

    # What it trades

    def _market(self, number: int) -> Any:
        return self.world.market(self.world.instruments[number].name)

    def _ticks(self, number: int, percent: float) -> int:
        one = self._market(number)
        return max(1, round(one.bid_ticks * (1 + percent / 100)))

    def order(
        self, number: int, side: int, size: float, kind: str, percent: float, flags: tuple[str, ...]
    ) -> None:
        """``percent``: how far from the market a limit price or a trigger is, on the safe side."""
        one, listed_one = self._market(number), self.world.instruments[number]
        tick = float(listed_one.tick)
        away = self._ticks(number, -side * percent) * tick
        beyond = self._ticks(number, side * percent) * tick
        asked: dict[str, Any] = {"reduce_only": "reduce_only" in flags}
        if kind == "limit":
            asked["price"] = away
        elif kind in ("stop", "take_profit"):
            asked |= {"kind": kind, "trigger": beyond if kind == "stop" else away}
        elif kind == "trailing_stop":
            asked |= {"kind": kind, "callback_rate": 0.01}
        if self.hedge and listed_one.market != "spot":
            asked["position_side"] = "LONG" if "long" in flags else "SHORT"
        if listed_one.market == "spot":
            asked["wallet"] = "margin" if "margin" in flags else ""
            asked["side_effect"] = next((one for one in flags if one.startswith("auto")), "")
        self.world.ctx.submit(one, side, size * SPREAD[listed_one.market], **asked)

    def cancel_all(self) -> None:
        self.world.ctx.cancel_all()

    def leverage(self, number: int, leverage: int) -> None:
        self.world.ctx.set_leverage(self._market(number), leverage)

    def margin(self, quantity: float, side: str) -> None:
        self.world.ctx.adjust_isolated_margin(self._market(1), quantity, side if self.hedge else "")

    # Its funds

    def _wallet(self, number: int) -> str:
        names = ["", *self.world.partition.wallets[5 : self.world.desk.lender]]
        return names[number % len(names)]

    def deposit(self, asset: str, quantity: float, wallet: int) -> None:
        self.world.ctx.account.deposit(asset, quantity, self._wallet(wallet))

    def withdraw(self, asset: str, quantity: float | str, wallet: int) -> None:
        name, account = self._wallet(wallet), self.world.ctx.account
        if isinstance(quantity, str) and quantity != "all":
            most = Decimal(str(account.max_withdrawable(asset, name)))
            self.world.ctx.account.withdraw(asset, most + Decimal(quantity), name)
        else:
            account.withdraw(asset, quantity, name)

    def transfer(self, asset: str, quantity: float, source: int, target: int) -> None:
        ends = (self._wallet(source) or "spot", self._wallet(target) or "um")
        self.world.ctx.account.transfer(asset, quantity, *ends)

    def universal_transfer(self, kind: str, asset: str, quantity: float) -> None:
        asset = "BTC" if "CMFUTURE" in kind else asset
        self.world.ctx.account.universal_transfer(kind, asset, quantity)

    def fund(self, name: str, *given: Any) -> None:
        """One of the operations that need no wallet's name."""
        getattr(self.world.ctx.account, name)(*given)

    # Its steps between the modes

    def step(self, name: str) -> None:
        """A step without arguments, in whatever state."""
        getattr(self.world.ctx.account, name)()

    def accept(self, version: str) -> None:
        self.world.ctx.account.accept_agreement(version)

    def answer(self, how: str) -> None:
        account = self.world.ctx.account
        questions = account.questionnaire()
        right, wrong = right_answers(questions), wrong_answers(questions)
        some = {**right, **{one.id: wrong[one.id] for one in questions[: int(how or "0") % 10]}}
        account.answer(some if how else ())

    def go_on(self) -> None:
        """The step that leads on, after what it needs."""
        account = self.world.ctx.account
        state = account.state
        if state == "SEPARATED":
            account.apply_unified()
        elif state == "APPLIED":
            account.accept_agreement()
        elif state == "AGREED":
            if not self.world.desk.modes.rules.open_positions:
                self._flatten()
            account.answer(right_answers(account.questionnaire()))
        elif state == "UNIFIED":
            self._flatten()
            account.request_separated()
        else:
            self.world.step(6 * MINUTE)

    def _flatten(self) -> None:
        """Close every contract, repay what is owed."""
        world = self.world
        world.ctx.cancel_all()
        world.step(self.delay)
        for slot in self.auditor.open_contracts():
            number = slot % len(world.instruments)
            lots = world.core.ledger.position_of(1, slot)[0]
            side = "" if not self.hedge else "LONG" if slot == number else "SHORT"
            quantity = float(abs(lots) * world.instruments[number].lot)
            world.ctx.submit(
                self._market(number), -1 if lots > 0 else 1, quantity, position_side=side
            )
        world.step(self.delay)
        for asset in world.assets:
            if world.ctx.loan(asset) or world.ctx.interest(asset):
                world.ctx.account.repay(asset)
        world.step(self.delay)

    # What came of it

    def digest(self) -> str:
        """Hex digest of all that happened."""
        return str(self.world.core.records.digest())

    def end(self) -> None:
        """Let go of what was heard: it names markets, so that the venue would be kept with it."""
        self.world.seen.updates.clear()
        self.world.seen.fills.clear()
