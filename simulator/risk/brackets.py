"""Leverage brackets: the larger a position, the higher the rate of its maintenance margin.

The rule, for a position of absolute notional *N* in bracket *b* (``floor <= N < cap``)::

    maintenance margin = N * mmr_b - cum_b
    cum_b = floor_b * (mmr_b - mmr_(b-1)) + cum_(b-1),   cum_0 = 0

``cum`` (the "maintenance amount") makes the rule continuous, so it equals marginal rates: each
slice of notional at its own bracket's rate.  A notional past the last cap keeps the last rate;
admission refuses orders that lead there.

Units: USD-margined contracts count notional in their settlement asset.  Source: docs/rules.md,
"Brackets". Kernel twin: ``kernels.bracket_maintenance_margin``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Bracket:
    """One bracket ``[floor, cap)`` of notional; ``mmr`` is its maintenance margin rate."""

    floor: Decimal
    cap: Decimal
    mmr: Decimal
    max_leverage: Decimal
    cum: Decimal


def derive_brackets(
    rows: Sequence[tuple[Decimal, Decimal, Decimal, Decimal]],
) -> tuple[Bracket, ...]:
    """Return brackets with ``cum`` derived from rows ``(floor, cap, mmr, max_leverage)``.

    Raises ``ValueError`` naming the row (from 1) where the table has a gap, a falling rate, or a
    leverage whose initial margin would lie below the maintenance margin.

    >>> rows = [
    ...     (0, 50000, "0.004", 125),
    ...     (50000, 250000, "0.005", 100),
    ...     (250000, 10**6, "0.01", 50),
    ... ]
    >>> [str(b.cum.normalize()) for b in derive_brackets([tuple(map(Decimal, r)) for r in rows])]
    ['0', '5E+1', '1.3E+3']
    """
    if not rows:
        raise ValueError("a bracket table needs at least one row")
    brackets: list[Bracket] = []
    expected_floor, mmr_before, cum = Decimal(0), Decimal(0), Decimal(0)
    for number, (floor, cap, mmr, max_leverage) in enumerate(rows, start=1):
        where = f"bracket {number}"
        if floor != expected_floor:
            raise ValueError(f"{where}: floor must be {expected_floor}, not {floor}")
        if cap <= floor:
            raise ValueError(f"{where}: cap {cap} must lie above floor {floor}")
        if not mmr_before < mmr < 1:
            raise ValueError(f"{where}: mmr must lie above {mmr_before} and below 1, not {mmr}")
        if not 1 <= max_leverage <= 1 / mmr:
            raise ValueError(
                f"{where}: max_leverage must lie between 1 and 1 / mmr = {float(1 / mmr):g}, "
                f"not {max_leverage}"
            )
        if number > 1:
            cum += floor * (mmr - mmr_before)
        brackets.append(Bracket(floor, cap, mmr, max_leverage, cum))
        expected_floor, mmr_before = cap, mmr
    return tuple(brackets)


def bracket_of(notional: Decimal, brackets: Sequence[Bracket]) -> Bracket:
    """Return the bracket that holds an absolute ``notional``; past the last cap, the last."""
    for bracket in brackets:
        if notional < bracket.cap:
            return bracket
    return brackets[-1]


def maintenance_margin(notional: Decimal, brackets: Sequence[Bracket]) -> Decimal:
    """Return the maintenance margin of a position of absolute ``notional``, in the notional's
    unit.
    """
    bracket = bracket_of(notional, brackets)
    return notional * bracket.mmr - bracket.cum


@dataclass(frozen=True, slots=True)
class BracketColumns:
    """Brackets of several instruments as kernels want them.

    Instrument *i* owns rows ``first[i]`` to ``first[i + 1]`` (exclusive) of ``cap``, ``rate``,
    ``cum`` and ``max_leverage``.
    """

    cap: npt.NDArray[np.float64]
    rate: npt.NDArray[np.float64]
    cum: npt.NDArray[np.float64]
    max_leverage: npt.NDArray[np.float64]
    first: npt.NDArray[np.intp]


def bracket_columns(
    tables: Mapping[str, Sequence[Bracket]], symbols: Sequence[str]
) -> BracketColumns:
    """Return the columns of ``symbols``' brackets, in that order; ``KeyError`` for one not in
    ``tables``.
    """
    rows = [bracket for symbol in symbols for bracket in tables[symbol]]
    first = np.zeros(len(symbols) + 1, dtype=np.intp)
    first[1:] = np.cumsum([len(tables[symbol]) for symbol in symbols])
    return BracketColumns(
        cap=np.array([b.cap for b in rows], dtype=np.float64),
        rate=np.array([b.mmr for b in rows], dtype=np.float64),
        cum=np.array([b.cum for b in rows], dtype=np.float64),
        max_leverage=np.array([b.max_leverage for b in rows], dtype=np.float64),
        first=first,
    )
