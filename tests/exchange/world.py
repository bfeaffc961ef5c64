"""A small venue that a test drives by hand: a row of the tape, a command, then look.

Two markets of BTC and two of ETH, round filters.  After every row the invariants are asserted.
``both`` gives the account the wallets of both modes, so that it can switch; ``modes`` changes what
the rulebook asks for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

from simulator.accounts.crowd import Crowd
from simulator.accounts.rules import AccountProfile
from simulator.accounts.wallets import LINES, layouts, separated, unified
from simulator.choices import instances, seats_of
from simulator.events.outcomes import Outcome
from simulator.exchange.assembly import assemble
from simulator.exchange.latency import parse_latency
from simulator.exchange.layout import Layout, for_both_modes
from simulator.instruments.instrument import Instrument
from simulator.liquidation.rules import LiquidationRules
from simulator.market.liquidity import Impact
from simulator.market.tape import LAST, Kind
from simulator.risk.interest import InterestRules
from simulator.risk.rules import MarginRules
from simulator.rulebook.load import load
from simulator.rulebook.venue import venue_rules
from simulator.strategy.base import Strategy
from simulator.strategy.context import Context
from simulator.strategy.trader import Trader

rulebook_of = cache(load)
"""Rulebooks are frozen, and reading one takes longer than many a test."""

MILLISECOND = 1_000_000
START = 1_700_000_000_000_000_000
"""Start of the tapes, ns: a whole second."""

TICK, LOT = Decimal("0.1"), Decimal("0.001")


def listed(market: str, base: str, **filters: Any) -> Instrument:
    """Return an instrument with a tick of 0.1 and a lot of 0.001."""
    known = {"min_quantity": LOT, "max_quantity": Decimal(1000), "min_notional": Decimal(5)}
    return Instrument(market, f"{base}USDT", base, "USDT", TICK, LOT, **{**known, **filters})  # type: ignore[arg-type]


INSTRUMENTS = (
    listed("spot", "BTC"),
    listed("um", "BTC"),
    listed("spot", "ETH"),
    listed("um", "ETH"),
)


class Watcher(Strategy):
    """Keep everything that is heard, with the clock at which it is heard."""

    def __init__(self) -> None:
        super().__init__()
        self.fills: list[Any] = []
        self.updates: list[Any] = []
        self.calls: list[tuple[int, Any]] = []
        self.clock: list[int] = []

    def on_fill(self, ctx: Context, fill: Any) -> None:
        self.fills.append(fill)
        self.clock.append(ctx.now_ns)

    def on_order(self, ctx: Context, update: Any) -> None:
        self.updates.append(update)
        self.clock.append(ctx.now_ns)

    def on_margin_call(self, ctx: Context, call: Any) -> None:
        self.calls.append((ctx.now_ns, call))

    def on_liquidation(self, ctx: Context, event: Any) -> None:
        self.calls.append((ctx.now_ns, event))

    def on_timer(self, ctx: Context, name: str) -> None:
        self.clock.append(ctx.now_ns)


class World:
    """A venue with one account; ``ctx`` is the first strategy's context."""

    def __init__(
        self,
        mode: str = "separated",
        rulebook: str = "textbook",
        *,
        deposits: Mapping[str, str] | None = None,
        instruments: Sequence[Instrument] = INSTRUMENTS,
        latency: str | None = None,
        strategies: Sequence[Strategy] | None = None,
        fees: bool = True,
        bnb_fees: bool = False,
        queue_model: int = 0,
        check: bool = True,
        interest: InterestRules | None = None,
        margin: MarginRules | None = None,
        members: Sequence[str] = LINES,
        hedge: bool = False,
        leverage: int | Mapping[str, int] | None = None,
        start: int = START,
        funding_on_tape: Sequence[str] | None = None,
        volatility: Mapping[str, float] | None = None,
        both: bool = False,
        profile: AccountProfile | None = None,
        modes: Mapping[str, Any] | None = None,
        margin_type: str | None = None,
        crowd: Crowd | None = None,
        liquidation: LiquidationRules | None = None,
        impact: Impact | None = None,
        traders: Sequence[Trader] = (),
        sample_step_ns: int = 10**9,
    ) -> None:
        self.rules = rulebook_of(rulebook)
        self.margin = margin or self._margin_rules(mode, margin_type)
        if crowd is not None or traders:
            self.margin = self._margin_of_both(margin_type)
        self.instruments = list(instruments)
        other = self._lay_out(members, hedge, both, margin_type)
        own = list(strategies if strategies is not None else [Watcher()])
        self.strategies = [*own, *(s for one in traders for s in instances(one.strategies))]
        by_mode: dict[Any, Any] = {
            one: self._margin_rules(one, margin_type) for one in ("separated", "unified")
        }
        by_mode["unified"] = replace(by_mode["unified"], members=tuple(members))
        seats = seats_of(traders, self.instruments, by_mode, hedge)
        deposited = {a: Decimal(x) for a, x in (deposits or {"USDT": "100000"}).items()}
        self.latency = parse_latency(latency, 7)
        venue = venue_rules(self.rules, self.margin, fees)
        made = assemble(
            self.instruments,
            self.partition,
            replace(
                venue,
                interest=interest or InterestRules(),
                modes=replace(venue.modes, **(modes or {})),
                liquidation=liquidation or venue.liquidation,
            ),
            strategies=len(own),
            queue_model=queue_model,
            queue_power=1.0,
            latency=self.latency,
            deposits=[*deposited, *(a for one in traders for a in one.deposits or {})],
            sample_step_ns=sample_step_ns,
            bnb_fees=bnb_fees,
            keep_records=True,
            leverage=leverage,
            funding_on_tape=funding_on_tape,
            volatility=volatility,
            other=other,
            profile=profile,
            impact=impact,
            crowd=crowd,
            members=members,
            seats=seats,
        )
        self.core, self.desk, self.assets = made.core, made.desk, made.assets
        self.checked = check
        self.now = start
        self.core.begin(start)
        self.desk.begin(start)
        self.roster = made.entrants.roster
        made.entrants.record(self.core)
        self._deposit([deposited, *(one.deposits or {} for one in traders)])
        self._attach()
        self.ctx: Any = self.core.contexts[0]
        self.seen: Any = self.strategies[0]

    def _lay_out(
        self, members: Sequence[str], hedge: bool, both: bool, margin_type: str | None
    ) -> Layout | None:
        """Make the partition; return the layout of the other mode where there are both."""
        isolated = self.margin.margin_type == "isolated"
        if not both:
            self.partition = (
                unified(self.instruments, members, hedge)
                if self.margin.mode == "unified"
                else separated(self.instruments, isolated, hedge)
            )
            return None
        turned = "separated" if self.margin.mode == "unified" else "unified"
        second = self._margin_rules(turned, margin_type)
        apart = (second if self.margin.mode == "unified" else self.margin).margin_type
        made_for = layouts(self.instruments, members, apart == "isolated", hedge, self.margin.mode)
        self.partition = made_for[self.margin.mode]
        return Layout(made_for[second.mode], second)

    def _margin_of_both(self, margin_type: str | None) -> MarginRules:
        """Margin rules of a venue with a crowd, whose accounts are in either mode."""
        separated, unified_ = (
            self._margin_rules(mode, margin_type) for mode in ("separated", "unified")
        )
        return for_both_modes(separated, unified_, self.margin.mode)

    def _deposit(self, by_account: Sequence[Mapping[str, Any]]) -> None:
        for account, deposits in enumerate(by_account, 1):
            for asset, amount in deposits.items():
                self.desk.accounts[account].begin_with(asset, int(Decimal(str(amount)) * 10**8))

    def _attach(self) -> None:
        for number, strategy in enumerate(self.strategies):
            desk = self.desk.of_strategy(number)
            context = Context(self.core, desk, number, desk.account, self.instruments)
            kind = type(strategy)
            self.core.add_strategy(
                strategy,
                context,
                kind.on_fill is not Strategy.on_fill,
                kind.on_order is not Strategy.on_order,
            )
        for strategy, context in zip(self.strategies, self.core.contexts, strict=True):
            strategy.on_start(context)

    def _margin_rules(self, mode: str, margin_type: str | None) -> MarginRules:
        if mode == "unified":
            return self.rules.margin_rules("unified")
        found = self.rules.margin_rules("separated")
        return replace(found, margin_type=margin_type) if margin_type else found  # type: ignore[arg-type]

    # The tape

    def row(
        self,
        kind: Kind,
        name: str,
        side: int = 0,
        price: int = 0,
        quantity: int = 0,
        *,
        after: int = 1,
        number: int = 0,
        flags: int = LAST,
    ) -> None:
        """Play one row ``after`` milliseconds from the last."""
        self.now += after * MILLISECOND
        at = self.number(name)
        self.play([(self.now, self.now, at, kind, flags, side, price, quantity, number)])

    def play(self, rows: Sequence[tuple[int, ...]], block: int = 1) -> None:
        """Play rows (time, receive stamp, then the columns of the loop) in blocks."""
        for first in range(0, len(rows), block):
            self.core.run_rows(*map(memoryview, columns(rows[first : first + block], self.latency)))
            if self.checked:
                self.desk.verify()

    def number(self, name: str) -> int:
        """Number of an instrument."""
        return [one.name for one in self.instruments].index(name)

    def book(self, name: str, bid: int, ask: int, lots: int = 10**6, after: int = 1) -> None:
        """Display one level a side, in ticks; what was displayed before is gone."""
        self.row(Kind.CLEAR, name, 0, after=after, flags=0)
        self.row(Kind.DEPTH, name, 1, bid, lots, after=0, flags=0)
        self.row(Kind.DEPTH, name, -1, ask, lots, after=0)

    def mark(self, name: str, price: str, after: int = 1) -> None:
        """Bring a mark price."""
        self.row(Kind.MARK, name, 0, int(Decimal(price) * 10**8), after=after)

    def open_markets(self, btc: int = 1_000_000, eth: int = 100_000, lots: int = 10**6) -> None:
        """Show books a tick wide around prices in ticks, and the same prices as marks."""
        for one in self.instruments:
            price = btc if one.base == "BTC" else eth
            self.book(one.name, price, price + 1, lots)
            if one.market == "um":
                self.mark(one.name, str(price * TICK))
        self.step(2000)

    def step(self, milliseconds: int = 1) -> None:
        """Let time pass: a row that says nothing."""
        self.row(Kind.QUOTE, self.instruments[0].name, after=milliseconds)

    def transfer(self, quantity: float, source: str = "spot", target: str = "um") -> None:
        """Move USDT and let it arrive."""
        self.ctx.transfer("USDT", quantity, source, target)
        self.step()

    def borrow(self, asset: str, quantity: float) -> None:
        """Borrow and let it arrive."""
        self.ctx.borrow(asset, quantity)
        self.step()

    def repay(self, asset: str, quantity: float | str = "all") -> None:
        """Repay and let it arrive."""
        self.ctx.repay(asset, quantity)
        self.step()

    # What came of it

    def owed(self, asset: str = "USDT") -> tuple[int, int]:
        """Principal and interest owed in the wallet that borrows, in smallest units."""
        wallet = self.desk.loans.wallet
        found: tuple[int, int] = self.core.ledger.loan_of(wallet, self.assets.index(asset))
        return found

    def market(self, name: str) -> Any:
        """A market as the strategy names it."""
        return self.ctx.market(name)

    def balance(self, wallet: str, asset: str = "USDT") -> int:
        """Balance in smallest units; ``wallet`` may be one of the venue's own."""
        number = self.partition.wallets.index(wallet)
        return int(self.core.ledger.balance_of(number, self.assets.index(asset)))

    def held(self, wallet: str, asset: str = "USDT") -> int:
        """What open orders hold, in smallest units."""
        number = self.partition.wallets.index(wallet)
        return int(np.asarray(self.core.ledger.held)[number, self.assets.index(asset)])

    def lots(self, name: str) -> int:
        """Signed position at the venue."""
        return int(self.core.ledger.position_of(1, self.number(name))[0])

    def pool(self, name: str) -> Any:
        """Fresh figures of a pool."""
        return self.desk.pool_figures(name)

    def records(self, *kinds: Outcome) -> list[tuple[int, ...]]:
        """Outcome records so far, of some kinds or all."""
        self.core.records.digest()
        blocks = [block for block in self.core.records.kept if len(block)]
        rows = np.concatenate(blocks).tolist() if blocks else []
        return [tuple(row) for row in rows if not kinds or row[1] in kinds]

    def said(self) -> list[str]:
        """What the first strategy heard about orders: outcome and reason."""
        return [f"{u.what} {u.reason}".strip() for u in self.seen.updates]


def columns(rows: Sequence[tuple[int, ...]], latency: Any) -> list[np.ndarray]:
    """Rows as the columns of the loop."""
    table = np.array(rows, dtype=np.int64).reshape(len(rows), 9)
    types = ("i8", "i8", "i4", "u1", "u1", "i1", "i8", "i8", "i8")
    made = [np.ascontiguousarray(table[:, c], dtype=t) for c, t in enumerate(types)]
    made[1] = np.ascontiguousarray(latency.arrival(made[0], made[1]))
    return made
