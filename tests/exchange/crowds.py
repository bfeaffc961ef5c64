"""Small crowds by hand: an account is a few words, a crowd a list of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from simulator.accounts.crowd import FIRST, Crowd
from simulator.instruments.instrument import Instrument

E8 = 10**8


@dataclass(frozen=True)
class Person:
    """One account: ``held`` such as ``{"um USDT": "100"}``, ``owed`` likewise, ``positions`` lots
    and entry price by instrument, ``isolated`` margin by instrument.
    """

    id: int
    mode: str = "separated"
    group: str = "all"
    held: Mapping[str, str] = field(default_factory=dict)
    owed: Mapping[str, str] = field(default_factory=dict)
    positions: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    isolated: Mapping[str, str] = field(default_factory=dict)


def crowd_of(
    people: Sequence[Person], instruments: Sequence[Instrument], assets: Sequence[str]
) -> Crowd:
    """Return people as columns, in the order in which they stand."""
    names = tuple(one.name for one in instruments)
    n, m, k = len(people), len(names), len(assets)
    groups = tuple(sorted({one.group for one in people}))
    lots, isolated = np.zeros((n, m), "i8"), np.zeros((n, m), "i8")
    entry = np.zeros((n, m))
    amounts: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = ({}, {})
    for row, one in enumerate(people):
        for name, (count, price) in one.positions.items():
            lots[row, names.index(name)], entry[row, names.index(name)] = count, price
        for name, margin in one.isolated.items():
            isolated[row, names.index(name)] = int(Decimal(margin) * E8)
        for found, given in zip(amounts, (one.held, one.owed), strict=True):
            for what, amount in given.items():
                line, asset = what.split()
                column = found.setdefault(line, np.zeros((n, k), "i8"))
                column[row, list(assets).index(asset)] = int(Decimal(amount) * E8)
    return Crowd(
        ids=np.array([one.id for one in people]),
        group=np.array([groups.index(one.group) for one in people], dtype="i4"),
        groups=groups,
        unified=np.array([one.mode == "unified" for one in people]),
        instruments=names,
        assets=tuple(assets),
        lots=lots,
        entry=entry,
        isolated=isolated,
        balance=amounts[0],
        loan=amounts[1],
    )


def account_of(people: Sequence[Person], number: int) -> int:
    """Return the ledger's account of an id."""
    return FIRST + sorted(one.id for one in people).index(number)
