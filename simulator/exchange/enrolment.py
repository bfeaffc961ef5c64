"""A crowd's rows become wallets, pools and columns of accounts, all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.accounts.crowd import FIRST, Crowd
from simulator.accounts.wallets import Partition, separated, unified
from simulator.errors import InputError
from simulator.exchange.roster import Roster
from simulator.instruments.instrument import Instrument
from simulator.risk.columns import KINDS, pool_rows

Ints = npt.NDArray[np.int32]
PER_INSTRUMENT = ("cash_wallet", "cash_pool", "lending_wallet", "lending_pool")


@dataclass(frozen=True, slots=True)
class _Form:
    """The wallets of a mode that an account may have, from its partition.

    ``at`` [wallet of the partition] numbers them, ``pool`` whether they have one.
    """

    partition: Partition
    wallets: list[int]
    at: Mapping[int, int]
    pooled: npt.NDArray[np.bool_]
    rows: Ints
    names: list[str]

    @property
    def count(self) -> int:
        return len(self.wallets)


def _form(partition: Partition, listed: Sequence[Instrument], assets: Sequence[str]) -> _Form:
    pool_of_wallet = {wallet: number for number, (_, wallet, _) in enumerate(partition.pools)}
    at = {wallet: place for place, wallet in enumerate(partition.own)}
    rows = np.full((len(at), 5), -1, dtype=np.int32)
    known = pool_rows(partition.pools, assets, account=0)
    for wallet, place in at.items():
        if wallet in pool_of_wallet:
            rows[place] = known[pool_of_wallet[wallet]]
            if rows[place, 2] >= 0 and KINDS[rows[place, 3]] == "cm":
                rows[place, 4] = assets.index(listed[rows[place, 2] % len(listed)].settle)
    return _Form(
        partition,
        list(partition.own),
        at,
        np.array([wallet in pool_of_wallet for wallet in partition.own]),
        rows,
        [partition.wallets[wallet] for wallet in partition.own],
    )


class _Enrolment:
    """Works out a roster; ``need`` and ``held`` are by mode."""

    def __init__(
        self,
        crowd: Crowd,
        partition: Partition,
        members: Sequence[str],
        listed: Sequence[Instrument],
        assets: Sequence[str],
        first_wallet: int,
    ) -> None:
        self.crowd = crowd
        self.listed = listed
        self.assets = list(assets)
        self.hedge = partition.hedge
        self.slots = len(partition.margin)
        apart = separated(listed, True, partition.hedge)
        for number, one in enumerate(listed):
            if one.market == "cm":
                apart.isolate(number, f"cm:{one.symbol}")
        together = unified(listed, members, self.hedge)
        self.forms = (_form(apart, listed, assets), _form(together, listed, assets))
        self.rows = (np.flatnonzero(~crowd.unified), np.flatnonzero(crowd.unified))
        self.roster = Roster(
            trader=partition.mode,
            own_pools=len(partition.pools),
            first_wallet=first_wallet,
            slots=self.slots,
            instruments=len(listed),
            ids=crowd.ids,
            group=crowd.group,
            groups=crowd.groups,
            unified=crowd.unified,
        )

    def done(self) -> tuple[Roster, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the roster, and what its wallets begin with: balances and loans [wallet, asset],
        the rows of wallets that are not the crowd's zero.
        """
        held = [self._held(mode) for mode in (0, 1)]
        need = [self._needed(mode, *held[mode]) for mode in (0, 1)]
        wallet, pool = self._numbered(need)
        self._by_account(wallet, pool)
        self._rows(need, wallet, pool)
        shape = (self.roster.wallets, len(self.assets))
        balance, loan = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for mode in (0, 1):
            for place in range(self.forms[mode].count):
                rows = need[mode][:, place]
                at = wallet[mode][rows, place]
                for target, source in zip((balance, loan), held[mode], strict=True):
                    if place in source:
                        target[at] = source[place][rows]
        return self.roster, balance, loan

    # What an account has, by mode and wallet of its form

    def _held(self, mode: int) -> tuple[dict[int, Any], dict[int, Any]]:
        """Balances and loans [account of the mode, asset] by wallet of the form."""
        form, rows = self.forms[mode], self.rows[mode]
        balance: dict[int, Any] = {}
        loan: dict[int, Any] = {}
        for given, found in ((self.crowd.balance, balance), (self.crowd.loan, loan)):
            for line, column in given.items():
                self._add_line(form, line, column[rows], found)
        if loan and any(kind not in ("margin", "unified") for kind in self._kinds(form, loan)):
            raise InputError("population: loans are of the margin line, or of the unified wallet")
        for slot in range(self.slots):
            amount = np.where(
                self._in_slot(slot, rows), self.crowd.isolated[rows, self._i(slot)], 0
            )
            if amount.any():
                place = form.at[form.partition.margin[slot]]
                settle = self.assets.index(self.listed[self._i(slot)].settle)
                column = balance.setdefault(place, self._none(rows))
                column[:, settle] += amount
        return balance, loan

    def _kinds(self, form: _Form, held: Mapping[int, Any]) -> list[str]:
        return [form.names[place].partition(":")[0] for place in held if held[place].any()]

    def _none(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        return np.zeros((len(rows), len(self.assets)), dtype=np.int64)

    def _add_line(
        self, form: _Form, line: str, column: npt.NDArray[np.int64], found: dict[int, Any]
    ) -> None:
        """Add a line's amounts to the wallets that hold them."""
        coins = line == "cm" and line not in form.partition.members
        for asset in np.flatnonzero(column.any(axis=0)).tolist():
            name = f"cm:{self.assets[asset]}" if coins else line
            try:
                place = form.at[form.partition.wallet(name)]
            except KeyError:
                raise InputError(
                    f"population: balance.{line} has {self.assets[asset]}, and this run has no "
                    f"wallet {name}: its data have nothing to margin there"
                ) from None
            if place not in found:
                found[place] = np.zeros(column.shape, dtype=np.int64)
            found[place][:, asset] += column[:, asset]

    def _i(self, slot: int) -> int:
        return slot % len(self.listed)

    def _in_slot(self, slot: int, rows: npt.NDArray[np.intp]) -> Any:
        """Whether accounts have a position in a slot."""
        lots = self.crowd.lots[rows, self._i(slot)]
        if not self.hedge:
            return lots != 0
        return lots > 0 if slot < len(self.listed) else lots < 0

    def _apart(self, slot: int, rows: npt.NDArray[np.intp]) -> Any:
        """Whether accounts' positions in a slot are isolated."""
        return self._in_slot(slot, rows) & (self.crowd.isolated[rows, self._i(slot)] > 0)

    def _needed(
        self, mode: int, balance: Mapping[int, Any], loan: Mapping[int, Any]
    ) -> npt.NDArray[np.bool_]:
        """Which wallets of the form an account has [account of the mode, wallet]."""
        form, rows = self.forms[mode], self.rows[mode]
        need = np.zeros((len(rows), form.count), dtype=np.bool_)
        for held in (balance, loan):
            for place, column in held.items():
                need[:, place] |= column.any(axis=1)
        for slot in range(self.slots):
            if self.listed[self._i(slot)].market == "spot":
                continue
            there = self._in_slot(slot, rows)
            need[:, form.at[form.partition.cash[self._i(slot)]]] |= there
            need[:, form.at[form.partition.margin[slot]]] |= self._apart(slot, rows)
        return need

    # Numbers

    def _numbered(self, need: list[Any]) -> tuple[list[Any], list[Any]]:
        """Number wallets and pools account by account; -1 for what there is not."""
        count = np.zeros((2, self.crowd.size), dtype=np.int64)
        for mode in (0, 1):
            count[0, self.rows[mode]] = need[mode].sum(axis=1)
            count[1, self.rows[mode]] = (need[mode] & self.forms[mode].pooled).sum(axis=1)
        ends = np.cumsum(count, axis=1)
        firsts = ends - count
        firsts[0] += self.roster.first_wallet
        firsts[1] += self.roster.own_pools
        wallets: list[Any] = []
        pools: list[Any] = []
        for mode in (0, 1):
            rows = self.rows[mode]
            pooled = need[mode] & self.forms[mode].pooled
            for what, there, found in ((0, need[mode], wallets), (1, pooled, pools)):
                number = np.cumsum(there, axis=1, dtype=np.int32) - 1
                number += firsts[what, rows][:, None].astype(np.int32)
                number[~there] = -1
                found.append(number)
        return wallets, pools

    def _by_account(self, wallet: list[Any], pool: list[Any]) -> None:
        """Columns of wallets and pools by account and instrument or slot."""
        n, m = self.crowd.size, len(self.listed)
        columns = {name: np.full((n, m), -1, dtype=np.int32) for name in PER_INSTRUMENT}
        margin = np.full((n, self.slots), -1, dtype=np.int32)
        pool_of = np.full((n, self.slots), -1, dtype=np.int32)
        for mode in (0, 1):
            form, rows = self.forms[mode], self.rows[mode]
            if not len(rows):
                continue
            for i in range(m):
                cash = form.at[form.partition.cash[i]]
                columns["cash_wallet"][rows, i] = wallet[mode][:, cash]
                columns["cash_pool"][rows, i] = pool[mode][:, cash]
                if form.partition.lending[i] >= 0:
                    lending = form.at[form.partition.lending[i]]
                    columns["lending_wallet"][rows, i] = wallet[mode][:, lending]
                    columns["lending_pool"][rows, i] = pool[mode][:, lending]
            for slot in range(self.slots):
                if self.listed[self._i(slot)].market == "spot":
                    margin[rows, slot] = columns["cash_wallet"][rows, self._i(slot)]
                    continue
                there, apart = self._in_slot(slot, rows), self._apart(slot, rows)
                cash = form.at[form.partition.cash[self._i(slot)]]
                own = form.at[form.partition.margin[slot]]
                shared = (wallet[mode][:, cash], pool[mode][:, cash])
                alone = (wallet[mode][:, own], pool[mode][:, own])
                margin[rows, slot] = np.where(apart, alone[0], shared[0])
                pool_of[rows, slot] = np.where(there, np.where(apart, alone[1], shared[1]), -1)
        self.roster.columns = {**columns, "margin_wallet": margin}
        self.roster.pool_of = pool_of

    def _rows(self, need: list[Any], wallet: list[Any], pool: list[Any]) -> None:
        """Rows of pools, and kinds of wallets."""
        wallets = int(sum(one.sum() for one in need))
        pooled = [one & form.pooled for one, form in zip(need, self.forms, strict=True)]
        rows = np.zeros((int(sum(one.sum() for one in pooled)), 5), dtype=np.int32)
        names = sorted({name for form in self.forms for name in form.names})
        pool_name = np.zeros(len(rows), dtype=np.int16)
        kind = np.full(wallets, -1, dtype=np.int8)
        owner = np.zeros(wallets, dtype=np.int32)
        for mode in (0, 1):
            form = self.forms[mode]
            accounts = (self.rows[mode] + FIRST).astype(np.int32)
            for place in range(form.count):
                there = need[mode][:, place]
                numbers = wallet[mode][there, place]
                owner[numbers - self.roster.first_wallet] = accounts[there]
                if form.pooled[place]:
                    if form.rows[place, 2] < 0:
                        kind[numbers - self.roster.first_wallet] = form.rows[place, 3]
                    at = pool[mode][there, place] - self.roster.own_pools
                    rows[at, 0], rows[at, 1] = accounts[there], numbers
                    rows[at, 2:] = form.rows[place, 2:]
                    pool_name[at] = names.index(form.names[place])
        self.roster.pools, self.roster.pool_name = rows, pool_name
        self.roster.names = tuple(names)
        self.roster.wallet_kind, self.roster.wallet_account = kind, owner


def enrolled(
    crowd: Crowd,
    partition: Partition,
    members: Sequence[str],
    listed: Sequence[Instrument],
    assets: Sequence[str],
    first_wallet: int,
) -> tuple[Roster, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the roster of a crowd (`simulator.accounts.crowd.fitted`), and the balances and loans
    [wallet, asset] that its wallets begin with, those of other wallets zero.

    ``partition`` is of the account that trades, ``members`` the unified mode's, ``first_wallet``
    the number of the crowd's first wallet.  Raises ``InputError`` for what the run cannot hold.
    """
    _check(crowd, listed)
    return _Enrolment(crowd, partition, members, listed, assets, first_wallet).done()


def _check(crowd: Crowd, listed: Sequence[Instrument]) -> None:
    """Refuse amounts below zero, margin without a position, and positions in spot."""
    for what, columns in (("balance", crowd.balance), ("loan", crowd.loan)):
        for line, column in columns.items():
            if (column < 0).any():
                at = int(np.flatnonzero((column < 0).any(axis=1))[0])
                raise InputError(f"population: account {crowd.ids[at]}: {what}.{line} is below 0")
    if ((crowd.isolated != 0) & (crowd.lots == 0)).any():
        raise InputError("population: isolated margin without a position")
    for i, one in enumerate(listed):
        lots = crowd.lots[:, i]
        if one.market == "spot" and lots.any():
            raise InputError(f"population: lots of {one.name}: spot is held as a balance")
        if (lots != 0).any() and not (crowd.entry[lots != 0, i] > 0).all():
            raise InputError(f"population: {one.name}: a position needs an entry price above 0")


def costs_of(crowd: Crowd, listed: Sequence[Instrument]) -> npt.NDArray[np.int64]:
    """Return the cost of positions [account, instrument] at their entry prices, in 1e-8 of the
    settlement asset as `simulator.ledger.columns` counts it; to the nearest unit.
    """
    cost = np.zeros(crowd.lots.shape, dtype=np.int64)
    for i, one in enumerate(listed):
        there = crowd.lots[:, i] != 0
        if not there.any():
            continue
        size = float(one.lot * one.contract_size * 10**8)
        lots, entry = crowd.lots[there, i].astype(np.float64), crowd.entry[there, i]
        worth = (
            -np.trunc(np.abs(lots) * size / entry) * np.sign(lots)
            if one.inverse
            else (np.rint(lots * (entry * size)))
        )
        if np.abs(worth).sum() >= 2.0**62:
            raise InputError(
                f"population: {one.name}: positions are worth more than the ledger holds"
            )
        cost[there, i] = worth.astype(np.int64)
    return cost
