"""The account at an instant, kept so that later somebody can ask why a ratio moved.

A snapshot holds what a pool's margin depends on: balances, loans, positions and prices.  They are
taken at every few samples of the report, so that their cost does not show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from simulator.accounts.states import AccountMode
from simulator.accounts.wallets import Partition
from simulator.exchange.core import Core
from simulator.exchange.layout import Layout
from simulator.exchange.leverage import Leverage
from simulator.exchange.loans import Loans
from simulator.exchange.measuring import Measuring
from simulator.instruments.instrument import Instrument
from simulator.risk.scenario import Correlations
from simulator.risk.state import PoolState, Position, Product

E8 = Decimal(10) ** -8
EVERY = 8
"""Samples between two snapshots."""

PRODUCT: dict[str, Product] = {"um": "linear", "cm": "inverse", "option": "option"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Amounts are units of 1e-8 by (wallet, asset), positions (lots, cost) by slot; prices floats.

    ``figures`` are equity and maintenance margin by pool, in the order of the partition's, 0 of
    pools that the account's ``mode`` does not have; ``valued_ns`` is the instant at which the
    margin model values time to expiry.  ``leverage`` is by instrument, ``margin_leverage`` that of
    loans.
    """

    time_ns: int
    valued_ns: int
    balances: dict[tuple[int, int], int]
    loans: dict[tuple[int, int], int]
    interest: dict[tuple[int, int], int]
    positions: dict[int, tuple[int, int]]
    marks: tuple[float, ...]
    index: tuple[float, ...]
    volatility: tuple[float, ...]
    correlation: Correlations
    measured_volatility: dict[str, Decimal]
    figures: tuple[tuple[float, float], ...]
    mode: AccountMode
    leverage: tuple[Fraction, ...]
    margin_leverage: int


class Snapshots:
    """Snapshots of an account, and pools as plain states made from them.

    Pools are named by their place in the account's partition.
    """

    def __init__(
        self,
        core: Core,
        partition: Partition,
        instruments: Sequence[Instrument],
        assets: Sequence[str],
        measuring: Measuring,
        layouts: Mapping[AccountMode, Layout],
        leverage: Leverage,
        loans: Loans,
        account: int = 1,
    ) -> None:
        self.core = core
        self.account = account
        self.partition = partition
        self.listed = instruments
        self.assets = assets
        self.measuring = measuring
        self.layouts = layouts
        self.leverage = leverage
        self.loans = loans
        self.kept: list[Snapshot] = []
        self._samples = 0

    def sampled(self) -> None:
        """A sample was taken: keep a snapshot at every few."""
        if self._samples % EVERY == 0:
            self.kept.append(self.take())
        self._samples += 1

    def take(self) -> Snapshot:
        """Return the account as it stands."""
        ledger, pools = self.core.ledger, self.core.pools
        every = range(len(self.assets))
        cells = [(wallet, asset) for wallet in self.partition.own for asset in every]
        owed = {cell: found for cell in cells if any(found := ledger.loan_of(*cell))}
        slots = range(len(self.partition.margin))
        held = {slot: ledger.position_of(self.account, slot) for slot in slots}
        figures = [(0.0, 0.0)] * len(self.partition.pools)
        for pool in self.partition.live:
            equity, _, maintenance, _ = pools.figures(pool)
            figures[pool - self.partition.pool_shift] = equity, maintenance
        instruments = range(len(self.listed))
        measured = self.measuring.present
        return Snapshot(
            int(self.core.now),
            int(pools.time_ns),
            {cell: n for cell in cells if (n := int(ledger.balance_of(*cell)))},
            {cell: int(loan) for cell, (loan, _) in owed.items() if loan},
            {cell: int(interest) for cell, (_, interest) in owed.items() if interest},
            {s: (int(lots), int(cost)) for s, (lots, cost) in held.items() if lots},
            tuple(float(pools.mark_price(i)) for i in instruments),
            tuple(float(pools.index_price(asset)) for asset in every),
            tuple(float(pools.option_volatility(i)) for i in instruments),
            measured.correlations() if measured else {},
            measured.volatilities() if measured else {},
            tuple(figures),
            self.partition.mode,
            tuple(self.leverage.of(i) for i in instruments),
            self.loans.leverage,
        )

    def state(self, kept: Snapshot, pool: int) -> PoolState:
        """Return a pool at a snapshot as the plain state that the readable margin model takes."""
        name, wallet, _ = self.partition.pools[pool]
        pool_of = self.layouts[kept.mode].partition.pool_of
        number = pool + self.partition.pool_shift
        kind = self.partition.kind_of(number)
        return PoolState(
            assets=self._amounts(kept.balances, wallet),
            loans=self._amounts(kept.loans, wallet),
            interest=self._amounts(kept.interest, wallet),
            index={
                asset: Decimal(repr(price))
                for asset, price in zip(self.assets, kept.index, strict=True)
                if price > 0
            },
            positions=tuple(
                self.position(slot, lots, cost, kept)
                for slot, (lots, cost) in kept.positions.items()
                if pool_of[slot] == number
            ),
            kind=kind,  # type: ignore[arg-type]
            currency=name.partition(":")[2] if kind == "cm" else "USD",
            time_ns=kept.valued_ns,
            correlation=kept.correlation,
            measured_volatility=kept.measured_volatility,
            forwards={
                (one.underlying, one.expiry_ns): Decimal(repr(mark))
                for one, mark in zip(self.listed, kept.marks, strict=True)
                if one.market == "um" and one.expiry_ns and mark > 0
            },
        )

    def _amounts(self, cells: dict[tuple[int, int], int], wallet: int) -> dict[str, Decimal]:
        return {self.assets[a]: n * E8 for (w, a), n in cells.items() if w == wallet}

    def position(self, slot: int, lots: int, cost: int, kept: Snapshot) -> Position:
        """Return a position of a snapshot, at its average entry price and the snapshot's mark."""
        number = slot % len(self.listed)
        one = self.listed[number]
        quantity, paid = lots * one.lot, cost * E8
        # Cost is quantity x worth; an inverse contract is worth -size / price, and less than a unit
        # where the price was high enough.
        if one.inverse and not cost:
            paid = -E8 if lots > 0 else E8
        entry = (
            -quantity * one.contract_size / paid
            if one.inverse
            else paid / (quantity * one.contract_size)
        )
        volatility = kept.volatility[number]
        return Position(
            symbol=one.symbol,
            underlying=one.underlying,
            settle=one.settle,
            quantity=quantity,
            entry_price=entry,
            mark_price=Decimal(repr(kept.marks[number])),
            product=PRODUCT[one.market],
            contract_size=one.contract_size,
            expiry_ns=one.expiry_ns,
            strike=one.strike,
            right=one.right,
            volatility=Decimal(repr(volatility)) if volatility > 0 else None,
        )
