"""Further accounts that trade: their wallets and pools as rows of the venue's columns.

The first account that trades keeps the numbers that it has alone, because they are part of digests;
the lender follows, then every other account with the wallets and pools of both modes, so that it
can change its mode like the first one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from simulator.accounts.crowd import FIRST
from simulator.accounts.rules import AccountProfile
from simulator.accounts.states import AccountMode
from simulator.accounts.wallets import Partition, shifted
from simulator.errors import InputError
from simulator.exchange.layout import Choice, Layout, not_margined
from simulator.exchange.leverage import Asked, chosen, with_brackets_of
from simulator.exchange.roster import Roster
from simulator.instruments.instrument import Instrument
from simulator.risk.columns import KINDS, pool_rows


@dataclass(frozen=True, slots=True)
class Seat:
    """A further account that trades, as the venue makes room for it.

    ``name`` is what it is called; ``layouts`` are those of both modes over one numbering of its
    own, ``mode`` the one that it begins in, ``strategies`` how many trade for it.
    """

    name: str
    layouts: Mapping[AccountMode, Layout]
    mode: AccountMode
    strategies: int = 0
    leverage: Asked = None
    profile: AccountProfile = field(default_factory=AccountProfile)


PER_INSTRUMENT = {
    "cash_wallet": "cash",
    "cash_pool": "cash_pool",
    "lending_wallet": "lending",
    "lending_pool": "lending_pool",
    "margin_wallet": "margin",
}
"""Columns by account and instrument or slot, and what of a partition they are."""


def margined(seat: Seat, listed: Sequence[Instrument]) -> Seat:
    """Return an account's seat with the bracket tables of what is traded, without a mode by whose
    rules that cannot be margined; ``InputError`` where that is the one it begins in.
    """
    layouts = {
        mode: replace(one, margin=with_brackets_of(one.margin, listed))
        for mode, one in seat.layouts.items()
    }
    missing = not_margined(listed, layouts[seat.mode].margin)
    if missing:
        raise InputError(missing)
    there = {m: one for m, one in layouts.items() if not not_margined(listed, one.margin)}
    return replace(seat, layouts=there)


def choices_of(seats: Sequence[Seat], listed: Sequence[Instrument]) -> list[Choice]:
    """Return the margin rules and the leverage by instrument that accounts begin with."""
    margins = [one.layouts[one.mode].margin for one in seats]
    return [
        (margin, chosen(listed, margin, one.leverage))
        for margin, one in zip(margins, seats, strict=True)
    ]


def strategy_columns(
    strategies: int, seats: Sequence[Seat], others: Sequence[Choice]
) -> dict[str, Any]:
    """Return the columns that say who trades for whom; ``strategies`` are the first account's."""
    counts = [strategies, *(seat.strategies for seat in seats)]
    return {
        "strategies": sum(counts) + 1,  # the last one is the venue itself
        "account_of": [*(n for n, many in enumerate(counts, 1) for _ in range(many)), 1],
        "seats": seats,
        "seat_leverage": [leverage for _, leverage in others],
    }


def seated(
    roster: Roster, seats: Sequence[Seat], first: Partition, assets: Sequence[str]
) -> Roster:
    """Return a roster with further accounts, if any, numbered after the ``first`` one's and the
    lender.
    """
    if not seats:
        return roster
    numbered(seats, roster.first_wallet, len(first.pools))
    return with_traders(roster, seats, assets)


def numbered(seats: Sequence[Seat], first_wallet: int, first_pool: int) -> None:
    """Number the wallets and pools of accounts one after the other, from these numbers on.

    Their partitions, made by themselves (`simulator.accounts.wallets.layouts`), are changed in
    place.
    """
    for seat in seats:
        made = {mode: layout.partition for mode, layout in seat.layouts.items()}
        one = made[seat.mode]
        shifted(made, first_wallet - one.numbers.start, first_pool)
        first_wallet, first_pool = one.numbers.stop, one.pool_numbers.stop


def with_traders(roster: Roster, seats: Sequence[Seat], assets: Sequence[str]) -> Roster:
    """Return a roster with accounts that trade, each in the mode that it begins in.

    Its partitions are copies, because they change in place with the accounts' modes.
    """
    traders = [replace(seat.layouts[seat.mode].partition) for seat in seats]
    kinds: list[int] = []
    owners: list[int] = []
    names: list[int] = []
    pools = []
    known = sorted({name for one in traders for name, _, _ in one.pools})
    for account, one in enumerate(traders, FIRST):
        shared = {wallet: name for name, wallet, isolated in one.pools if isolated < 0}
        for wallet in one.numbers:
            name = shared.get(wallet, "")
            kinds.append(KINDS.index(name.partition(":")[0]) if name else -1)
            owners.append(account)
        pools.append(pool_rows(one.pools, assets, account))
        names += [known.index(name) for name, _, _ in one.pools]
    found = replace(
        roster,
        traders=tuple(traders),
        called=tuple(seat.name for seat in seats),
        names=tuple(known),
        pool_name=np.array(names, dtype=np.int16),
        pools=np.concatenate(pools),
        wallet_kind=np.array(kinds, dtype=np.int8),
        wallet_account=np.array(owners, dtype=np.int32),
    )
    take_partitions(found)
    return found


def take_partitions(roster: Roster) -> None:
    """Bring the columns by account up to date with the partitions that the traders are in."""
    roster.columns = {
        column: np.array([getattr(one, name) for one in roster.traders], dtype=np.int32)
        for column, name in PER_INSTRUMENT.items()
    }
    roster.pool_of = np.array([one.pool_of for one in roster.traders], dtype=np.int32)
