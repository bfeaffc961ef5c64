"""One run: market data, an account mode, strategies, and what came of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from simulator.accounts.crowd import Crowd, Population, Setting, crowd_of, fitted
from simulator.accounts.profile import profile_of
from simulator.accounts.rules import AccountProfile
from simulator.accounts.states import AccountMode
from simulator.accounts.wallets import INSURANCE
from simulator.choices import (
    check_choices,
    checked_traders,
    data_name,
    data_paths,
    deposits_of,
    instances,
    partitions_of,
    queue_model_of,
    seats_of,
    strategies_of,
    volatilities,
    with_funding,
)
from simulator.errors import InputError
from simulator.events.outcomes import RejectReason
from simulator.exchange import dropped
from simulator.exchange.assembly import CASH, assemble, assets_of, index_sources
from simulator.exchange.latency import parse_latency
from simulator.exchange.layout import Layout, for_both_modes
from simulator.exchange.leverage import Asked
from simulator.exchange.watching import RUN
from simulator.instruments.instrument import Instrument
from simulator.liquidation.rules import InsuranceRules
from simulator.market.liquidity import Impact
from simulator.opening import opening
from simulator.replay.activity import active_ns
from simulator.replay.catalogue import load
from simulator.replay.first_prices import first_index, first_prices
from simulator.replay.parts import parts
from simulator.replay.player import Block, Player
from simulator.risk.alerts import parse
from simulator.rulebook.account import interest_rules, rules_by_mode
from simulator.rulebook.load import load as load_rulebook
from simulator.rulebook.schema import Rulebook
from simulator.rulebook.venue import venue_rules
from simulator.store.recorder import Recorder, closed_well
from simulator.strategy.base import Strategy
from simulator.strategy.context import Context

if TYPE_CHECKING:
    from simulator.exchange.rules import VenueRules
    from simulator.report.result import RunResult
    from simulator.risk.rules import MarginRules
    from simulator.strategy.trader import Trader

Progress = Callable[[int, int], None]

PROGRESS_SECONDS = 0.2
PART_ROWS = 1 << 16
UNIT = 1e-8
SAMPLES = 4000
"""About how many points of history a run keeps."""


class Simulation:
    """Replay market data while strategies trade on one account, which starts in ``mode``.

    ``data`` are tapes, recordings or folders of them, ``bundled:NAME`` what comes with the package;
    ``deposits`` are whole units by asset, booked to the spot wallet, or the unified one where the
    rulebook has spot in it, before the first event.  ``latency`` and ``queue_model`` name models:
    see ``simulator.exchange.latency`` and docs/matching.md (``power:2`` gives the exponent).
    ``bnb_fees`` pays fees in BNB, at the rulebook's discount, where the wallet holds enough of it.
    ``margin_type`` (``isolated`` or ``cross``, separated mode) and ``leverage`` (bracket rulebooks;
    one number, or by contract such as ``{"um:BTCUSDT": 10}``) stand above the rulebook's defaults.
    ``account`` is a portfolio document (docs/how-to/margin-document.md) to start from, in place of
    ``deposits``: balances, loans, positions at their entry prices, leverage.
    ``position_mode`` ``hedge`` keeps a long and a short position of each contract apart.
    ``volatility``, annual by underlying (``{"BTC": 0.55}``), marks options that the data have
    neither marks nor volatilities of.  ``profile`` tells of the account's owner, and of the time
    before the run, what a change of mode asks for (`simulator.accounts.rules.AccountProfile`).
    ``population`` are accounts beside the one that trades (`simulator.accounts.crowd.Crowd`), or a
    function that makes them for a `simulator.accounts.crowd.Setting`; with one the deposits are
    nothing unless given, and the account stays in its mode.  ``impact`` lets what is taken move the
    books, and them the marks (docs/concepts/impact.md); ``insurance`` stands above the rulebook's
    fund.  ``traders`` are further accounts with strategies, funds and modes of their own, in the
    same books: numbers 2, 3, ... (docs/concepts/accounts.md); not beside a population.
    ``rulebook`` is a name, a path, or a rulebook with values of its own (``with_overrides``).
    Raises ``InputError`` for what the user can mend.
    """

    def __init__(
        self,
        *,
        data: str | Path | Sequence[str | Path],
        mode: Literal["separated", "unified"] | str,
        strategies: Strategy | Sequence[Strategy] = (),
        rulebook: str | Rulebook = "textbook",
        seed: int = 0,
        deposits: Mapping[str, Decimal | str | int | float] | None = None,
        account: str | Path | Mapping[str, Any] | None = None,
        latency: str | float | None = None,
        queue_model: str = "risk_averse",
        start_ns: int | None = None,
        end_ns: int | None = None,
        instruments: Sequence[str] | None = None,
        scenario: str = "",
        bnb_fees: bool = False,
        margin_type: str | None = None,
        leverage: Asked = None,
        position_mode: str = "one_way",
        margin_leverage: int | None = None,
        multi_assets: bool = False,
        alerts: Sequence[str] = (),
        volatility: Mapping[str, float] | None = None,
        profile: Mapping[str, Any] | AccountProfile | None = None,
        population: Population | None = None,
        impact: Impact | None = None,
        insurance: InsuranceRules | None = None,
        traders: Sequence[Trader] = (),
        note: Callable[[str], None] = lambda _line: None,
        import_progress: Callable[[str, int, int], None] = lambda _s, _d, _t: None,
    ) -> None:
        check_choices(mode, margin_type, position_mode)
        if account is not None and deposits is not None:
            raise InputError("account and deposits: give one of them")
        self.mode = mode
        self._mode: AccountMode = "unified" if mode == "unified" else "separated"
        self.scenario = scenario
        self.seed = seed
        self.data = tuple(map(data_name, paths := data_paths(data)))
        self.traders = checked_traders(traders, population is not None)
        self.strategies = strategies_of(strategies, self.traders)
        self._ran = False
        self.tapes = load(paths, on_gap="resync", progress=import_progress, note=note)
        self._play(Player(self.tapes, start_ns=start_ns, end_ns=end_ns, instruments=instruments))
        self.rules = rulebook if isinstance(rulebook, Rulebook) else load_rulebook(rulebook)
        listed = self.player.instruments
        self._opening = None if account is None else opening(account, listed, mode, margin_type)
        held = self._opening.assets() if self._opening else []
        if self._opening is not None:
            margin_type, position_mode, margin_leverage, multi_assets = self._opening.choices(
                margin_type, position_mode, margin_leverage, multi_assets
            )
        margin, second = self._both_modes(listed, margin_type, margin_leverage, multi_assets)
        if self._opening and margin.model == "brackets":  # by scenarios leverage is no choice
            leverage = self._opening.leverage() or leverage
        both = partitions_of(listed, self.margins, position_mode == "hedge", self._mode)
        self.partition = both[margin.mode]
        self.latency = parse_latency(None if latency is None else str(latency), seed)
        model, power = queue_model_of(queue_model)
        nothing = self._opening is not None or population is not None
        self._deposits = deposits_of(deposits, nothing, self.traders, listed)
        dropped.collect()
        crowd, margin = self._with_crowd(population, listed, margin)
        made = assemble(
            listed,
            self.partition,
            self._venue_rules(margin, multi_assets, insurance),
            strategies=len(instances(strategies)),
            queue_model=model,
            queue_power=power,
            latency=self.latency,
            deposits=[*held, *(asset for one in self._deposits for asset in one)],
            sample_step_ns=self._sample_step(active_ns(self.tapes, self.span)),
            bnb_fees=bnb_fees,
            leverage=leverage,
            funding_on_tape=with_funding(self.player),
            volatility=volatilities(volatility or {}, listed),
            profile=profile_of(profile),
            seed=seed,
            other=Layout(both[second.mode], second),
            impact=impact,
            crowd=crowd,
            members=self.margins["unified"].members,
            seats=seats_of(self.traders, listed, self.margins, self.partition.hedge),
        )
        self.core, self.desk, self.assets = made.core, made.desk, made.assets
        self.roster, self._entrants = made.entrants.roster, made.entrants
        self.ladder, self.margin = margin.ladder, margin
        self._attach(listed)
        self._watch(alerts)

    def _sample_step(self, length: int) -> int:
        """Time between samples: whole steps of the mark clock, about ``SAMPLES`` in all."""
        step = self.rules.mark.step_ns
        return max(step, length // SAMPLES // step * step)

    def _venue_rules(
        self, margin: MarginRules, multi: bool, insurance: InsuranceRules | None
    ) -> VenueRules:
        """Return the rulebook as the venue runs by it, with what was chosen."""
        rules = venue_rules(self.rules, margin)
        liquidation = rules.liquidation
        if insurance is not None:
            liquidation = replace(liquidation, insurance=insurance)
        interest = interest_rules(self.rules, multi)
        return replace(rules, interest=interest, liquidation=liquidation)

    def _with_crowd(
        self, population: Population | None, listed: Sequence[Instrument], margin: MarginRules
    ) -> tuple[Crowd | None, MarginRules]:
        """Return the population as the run has its columns, and the margin rules of all."""
        self._first: tuple[Mapping[str, float], Mapping[str, float]] = ({}, {})
        both = for_both_modes(self.margins["separated"], self.margins["unified"], self._mode)
        if population is None:
            return None, both if self.traders else margin
        brought = population.assets if isinstance(population, Crowd) else ()
        assets = assets_of(listed, [*self._deposits[0], *brought])
        told = first_prices(self.player, listed)
        index = first_index(assets, listed, index_sources(listed, assets), CASH, told)
        self._first = told.price, index
        setting = Setting(
            listed, tuple(assets), told.price, index, self.margins, self._mode, self.seed
        )
        crowd = fitted(crowd_of(population, setting), [one.name for one in listed], assets)
        for number, one in enumerate(listed):
            if one.name not in told.price and crowd.lots[:, number].any():
                raise InputError(f"population: {one.name}: the data begin without a price of it")
        return crowd, both

    def _play(self, player: Player) -> None:
        """Take the data of a player; ``InputError`` where there are none."""
        self.player, self.rows, self.span = player, player.rows, player.span
        if self.rows == 0:
            raise InputError(f"{', '.join(self.data)}: no rows in the span asked for{player.reach}")

    def _both_modes(
        self,
        listed: Sequence[Instrument],
        margin_type: str | None,
        leverage: int | None,
        multi: bool,
    ) -> tuple[MarginRules, MarginRules]:
        """Return the margin rules of the run's mode and of the other one, with what was chosen."""
        self.margins = rules_by_mode(
            self.rules,
            self._mode,
            margin_type=margin_type,
            multi_assets=multi,
            margin_leverage=leverage,
            settled_in=dict.fromkeys(one.settle for one in listed if one.market == "um"),
        )
        first, second = self.margins.values()
        return first, second

    def _attach(self, listed: Sequence[Instrument]) -> None:
        """Give every strategy its context; note which callbacks it has."""
        dropped.watch(self, self.desk)
        for number, strategy in enumerate(self.strategies):
            desk = self.desk.of_strategy(number)
            context = Context(self.core, desk, number, desk.account, listed)
            kind = type(strategy)
            self.core.add_strategy(
                strategy,
                context,
                kind.on_fill is not Strategy.on_fill,
                kind.on_order is not Strategy.on_order,
            )

    def _watch(self, sentences: Sequence[str]) -> None:
        for account, given in enumerate([sentences, *(t.alerts for t in self.traders)], 1):
            for sentence in [given] if isinstance(given, str) else given:
                try:
                    self.desk.accounts[account].watch_for(parse(sentence), RUN)
                except LookupError as error:
                    raise InputError(f"alert {sentence!r}: {error.args[0]}") from None

    def spare_pictures(self) -> None:
        """Leave out of this run what only pictures of its crowd need; before `run`."""
        self.desk.census.pictured = False

    def run(
        self,
        progress: Progress | None = None,
        blocks: Iterator[Block] | None = None,
        journal: Recorder | None = None,
    ) -> RunResult:
        """Replay everything and return the result; write it to a ``journal`` meanwhile.

        ``blocks`` replaces the player's (for benchmarks).
        Raises ``LookupError`` or ``ValueError`` from a strategy's own mistakes, ``AssertionError``
        if an invariant of the venue breaks, with the seed.
        """
        if self._ran:
            raise InputError("this simulation has run; make a new one to run again")
        started = time.perf_counter()
        with closed_well(journal):
            self._replay(blocks or self.player.blocks(prefetch=True), progress, journal)
        seconds = time.perf_counter() - started
        from simulator.report.collect import collect  # loads polars, which on_start does not need

        result: RunResult = collect(self, seconds)
        if journal is None:
            return result
        journal.returning()
        return replace(result, run_id=journal.run_id)

    def _replay(
        self, blocks: Iterator[Block], progress: Progress | None, journal: Recorder | None
    ) -> None:
        """Play the blocks to their end; ``journal`` is told what is new where it wants a cut."""
        rows, step = 0, PART_ROWS
        if journal is not None:
            rows, step = journal.begin(self), journal.step
        else:
            self._ran = True
            self._open()
        shown = time.perf_counter()
        for part in parts(blocks, self.latency.arrival, step, rows):
            self.core.run_rows(*part.columns())
            rows = part.after
            if self.core.ledger.broken or self.core.strict:
                self.check()
            if journal is not None and rows % journal.cut_rows == 0:
                journal.cut(rows)
            if progress is not None and time.perf_counter() - shown > PROGRESS_SECONDS:
                shown = time.perf_counter()
                progress(self.core.events, self.core.now)
        self.core.finish()
        self.core.wake()  # what is asked for in on_stop is of no callback before
        for strategy, context in zip(self.strategies, self.core.contexts, strict=True):
            strategy.on_stop(context)
        if progress is not None:
            progress(self.core.events, self.core.now)
        self.check()
        if journal is not None:
            journal.cut(rows, last=True)

    def _open(self) -> None:
        """Deposits and ``on_start``, before the first event."""
        self.core.begin(self.span[0])
        self.desk.begin(self.span[0])
        self._enter()
        for account, deposits in enumerate(self._deposits, 1):
            desk = self.desk.accounts[account]
            for asset, amount in deposits.items():
                desk.begin_with(asset, int(amount * 10**8))
        if self._opening is not None:
            self._opening.book(self.desk, self.partition)
        for strategy, context in zip(self.strategies, self.core.contexts, strict=True):
            try:
                strategy.on_start(context)
            except LookupError as error:
                # Ours for a market that is not there; a KeyError is the strategy's own bug.
                if type(error) is not LookupError:
                    raise
                name = type(strategy).__name__
                raise InputError(f"strategy {name}: {error.args[0]}") from error

    def _enter(self) -> None:
        """A population is there before anything else, valued at the first prices of the data."""
        prices, index = self._first
        for number, one in enumerate(self.player.instruments):
            if one.name in prices and one.market != "spot":
                self.core.pools.set_mark(number, prices[one.name])
        for asset, price in index.items():
            if asset in self.assets:
                self.core.pools.set_index(self.assets.index(asset), price)
        self._entrants.record(self.core)
        self.desk.census.begin(*self.span)
        if self.desk.census.pictured:
            self.desk.hedges.begin(*self.span)

    def check(self) -> None:
        """Assert the venue's invariants; ``AssertionError`` names the seed."""
        try:
            self.desk.verify()
        except AssertionError as error:
            raise AssertionError(f"{error} (seed {self.seed}, mode {self.mode})") from error

    @property
    def now_ns(self) -> int:
        """Market time so far, ns since 1970."""
        return int(self.core.now)

    def rejections(self, account: int | None = None) -> dict[str, int]:
        """Refused orders and transfers by reason, of all accounts or of one that trades."""
        core = self.core
        counts = core.rejected() if account is None else core.refusals_of(account)
        return {RejectReason(reason).name: count for reason, count in enumerate(counts) if count}

    def insured(self) -> float:
        """What the insurance fund has (below 0: owes), USDT at present index prices; without a
        balance to begin with, what it gained or paid."""
        return self._worth(INSURANCE)

    def _worth(self, wallet: int) -> float:
        ledger, pools = self.core.ledger, self.core.pools
        return math.fsum(
            float(ledger.balance_of(wallet, asset)) * UNIT * float(pools.index_price(asset))
            for asset in range(len(self.assets))
        )
