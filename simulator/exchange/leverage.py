"""Leverage by contract: what was asked for, what brackets allow, how large a position may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from simulator.errors import InputError
from simulator.events.outcomes import Outcome, RejectReason
from simulator.exchange.core import Core
from simulator.exchange.messages import LeverageRequest
from simulator.instruments.instrument import Instrument
from simulator.instruments.symbols import DATED
from simulator.risk.brackets import Bracket
from simulator.risk.rules import MarginRules

Asked = int | Mapping[str, int] | None
"""One leverage for all contracts, or by full name; None: the rulebook's defaults."""


def with_brackets_of(margin: MarginRules, listed: Sequence[Instrument]) -> MarginRules:
    """Return the rules with a bracket table for every future that is traded, if there is one.

    A delivery future whose date has none takes that of the same pair's nearest listed date in the
    rulebook, else its perpetual's.
    """
    found = {
        one.symbol: table
        for one in listed
        if one.market in ("um", "cm") and (table := _table(one, margin.brackets))
    }
    return replace(margin, brackets={**margin.brackets, **found})


def _table(
    one: Instrument, tables: Mapping[str, tuple[Bracket, ...]]
) -> tuple[Bracket, ...] | None:
    if one.symbol in tables or not DATED.search(one.symbol):
        return tables.get(one.symbol)
    pair = DATED.sub("", one.symbol)
    dated = sorted(name for name in tables if DATED.search(name) and DATED.sub("", name) == pair)
    if dated:
        return tables[next((name for name in dated if name > one.symbol), dated[-1])]
    return tables.get(pair if one.market == "um" else f"{pair}_PERP")


def chosen(listed: Sequence[Instrument], margin: MarginRules, asked: Asked) -> list[Fraction]:
    """Return the leverage of each instrument at the start, 1 for what is no future.

    Raises ``InputError`` for a name that is no future of the run, for leverage where margin does
    not follow from it, and for more than the brackets allow.
    """
    futures = [one.name for one in listed if one.market in ("um", "cm")]
    by_name = asked if isinstance(asked, Mapping) else dict.fromkeys(futures, asked)
    for name, number in by_name.items():
        if name not in futures:
            raise InputError(
                f"leverage of {name}: the data have no such contract; they have "
                f"{', '.join(futures) or 'none'}"
            )
        if number is not None and margin.model != "brackets":
            raise InputError(
                f"leverage {number}: this rulebook's margin follows from price ranges, "
                "not from leverage"
            )
    return [_leverage(one, margin, by_name.get(one.name)) for one in listed]


def _leverage(one: Instrument, margin: MarginRules, asked: int | None) -> Fraction:
    if one.market not in ("um", "cm"):
        return Fraction(1)
    if asked is None:
        return Fraction(margin.leverage_of(one.symbol, one.base, Decimal(0)))
    most = highest(one, margin)
    if asked < 1 or (most is not None and asked > most):
        raise InputError(f"leverage {asked}: {one.name} allows 1 to {most or 'any'}")
    return Fraction(asked)


def highest(one: Instrument, margin: MarginRules) -> Decimal | None:
    """Return the most leverage that an instrument's brackets allow, None without brackets."""
    table = margin.brackets.get(one.symbol, ())
    return max((bracket.max_leverage for bracket in table), default=None)


def largest_notional(one: Instrument, margin: MarginRules, leverage: Fraction) -> float:
    """Return the largest position that a leverage allows by the brackets, in settlement asset.

    A coin-margined one's is in coin; infinite where there are no brackets.
    """
    table = margin.brackets.get(one.symbol, ())
    if margin.model != "brackets" or one.market not in ("um", "cm") or not table:
        return float("inf")
    allowed = [bracket.cap for bracket in table if bracket.max_leverage >= leverage]
    return float(allowed[-1]) if allowed else 0.0


class Leverage:
    """An account's leverage of every contract; requests to change it are checked here."""

    def __init__(
        self,
        core: Core,
        listed: list[Instrument],
        margin: MarginRules,
        start: list[Fraction],
        pools: list[int],
        account: int = 1,
    ) -> None:
        self.core = core
        self.account = account
        self.listed = listed
        self.margin = margin
        self.pools = pools
        self._present = list(start)
        self._left: dict[str, list[Fraction]] = {}

    def of(self, instrument: int) -> Fraction:
        """Leverage of an instrument now."""
        return self._present[instrument]

    def under(self, margin: MarginRules) -> list[Fraction]:
        """Leverage by instrument after a change to other rules.

        The present one where both modes have the same model, else what it was when the account left
        that mode, else the default.
        """
        if margin.model == self.margin.model == "brackets":
            return list(self._present)
        return self._left.get(margin.mode) or chosen(self.listed, margin, None)

    def present(self) -> list[Fraction]:
        """Leverage by instrument."""
        return list(self._present)

    def kept(self) -> tuple[Any, ...]:
        """Return all that a switch of the account's mode changes here, for ``restore``."""
        return self.margin, self.pools, self._present, dict(self._left)

    def restore(self, kept: tuple[Any, ...]) -> None:
        """Be as it was when ``kept`` was asked: the switch failed."""
        self.margin, self.pools, self._present, self._left = kept

    def take_mode(self, margin: MarginRules, pools: list[int]) -> None:
        """Go on by the rules of another mode; ``pools`` are those with positions."""
        after = self.under(margin)
        self._left[self.margin.mode] = self._present
        self.margin, self.pools, self._present = margin, pools, after

    def execute(self, asked: LeverageRequest) -> None:
        """A request reaches the venue: it is carried out, or refused by the first failing check."""
        before = self._present[asked.instrument]
        reason = self._refusal(asked.instrument, Fraction(asked.leverage))
        if reason:
            self.refuse(asked, reason)
        else:
            self._record(asked, Outcome.LEVERAGE_SET, int(before))

    def refuse(self, asked: LeverageRequest, reason: RejectReason) -> None:
        """Count and record a refusal."""
        self.core.count_refusal(reason, self.account)
        self._record(asked, Outcome.LEVERAGE_REJECTED, int(reason))

    def _record(self, asked: LeverageRequest, outcome: Outcome, price: int) -> None:
        core = self.core
        core.records.add(
            core.now, outcome, self.account, asked.instrument, 0, 0, price, asked.leverage
        )

    def _refusal(self, instrument: int, leverage: Fraction) -> RejectReason | None:
        """Return why a leverage cannot be; without a reason it is set."""
        core, one = self.core, self.listed[instrument]
        most = highest(one, self.margin)
        by_brackets = self.margin.model == "brackets" and one.market in ("um", "cm")
        if not by_brackets or (most is not None and leverage > most):
            return RejectReason.LEVERAGE
        largest = largest_notional(one, self.margin, leverage)
        if core.largest_position(self.account, instrument) > largest:
            return RejectReason.MAX_POSITION
        before = self._present[instrument]
        self._set(instrument, leverage)
        short = [
            pool
            for pool in self.pools
            if core.pools.equity_of(pool) < core.free_margin_needed(self.account, pool)
        ]
        if short and leverage < before:
            self._set(instrument, before)
            return RejectReason.INSUFFICIENT_MARGIN
        return None

    def _set(self, instrument: int, leverage: Fraction) -> None:
        self._present[instrument] = leverage
        largest = largest_notional(self.listed[instrument], self.margin, leverage)
        self.core.set_leverage(self.account, instrument, float(leverage), largest)
