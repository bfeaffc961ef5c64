"""What a book offers and how it comes back after large orders: the rules of a run with impact.

A book's displayed levels stand around a *reference*, the mid that the tape tells, moved by the
*displacement* that orders left: quote = reference x exp(displacement).  What is taken moves the
displacement by the distance it walked; ``permanent`` of it stays, the rest comes back by the
resilience (A. Obizhaeva and J. Wang, "Optimal trading strategy and supply/demand dynamics", 2013,
with the resilience named).  Distances are in log price, so that no price falls below 0; formulas
and a worked number are in docs/concepts/impact.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Profile = Literal["tape", "constant", "linear"]
"""What stands at a distance from the quote: the tape's levels and beyond them the constant density;
the same notional a percent everywhere (impact grows with what is taken); a density that grows with
the distance from the reference (impact grows with the square root of what is taken)."""

Resilience = Literal["instant", "exponential", "linear", "none"]
"""How the displacement that is not permanent comes back: at the next step; by half in each half
life; by a fixed share of price a minute; never."""


@dataclass(frozen=True, slots=True)
class Liquidity:
    """One instrument's book in a run with impact.

    - ``depth``: notional (USDT; face value of an inverse contract) within 1 % of the quote, a side,
      while nothing is displaced; of the ``tape`` profile what stands beyond the tape's levels
    - ``spread``: share of price between best bid and best ask; the tape's own of ``tape``
    - ``reach``, ``levels``: how far the levels reach, in log price, and how many there are, closer
      to each other near the quote; of ``tape`` as many again of the tape's own
    - ``half_life_ns`` of exponential resilience; ``recovery`` of linear: share of price a minute
    - ``permanent``: share of a displacement that stays
    - ``flight``: transient displacement by which half of the depth is withdrawn, 0: none is; twice
      as far three quarters are
    - ``scale``: (ns since the start, factor) knots of the depth over time, linear in between, flat
      outside
    - ``arbitrage_ns``: half life in which a future's displacement and its spot pair's meet at their
      mean by depth, 0: they do not
    """

    profile: Profile = "constant"
    depth: float = 1e7
    spread: float = 1e-4
    reach: float = 0.25
    levels: int = 60
    resilience: Resilience = "exponential"
    half_life_ns: int = 300 * 10**9
    recovery: float = 0.001
    permanent: float = 0.0
    flight: float = 0.0
    scale: tuple[tuple[int, float], ...] = ()
    arbitrage_ns: int = 0


@dataclass(frozen=True, slots=True)
class Impact:
    """The impact model of a run.

    ``books`` is by instrument name, ``other`` for all not named; options have none, they trade on
    the tape's.  ``own_weight``: the weight of the venue's own spot book in an asset's index, by
    asset, 1 where not named; the rest is the tape's index of the asset (other venues, or what it
    can be redeemed for), or the undisturbed mid.  ``feedback`` off: every order of the venue meets
    the undisturbed book, and no order leaves a trace at the next step.
    """

    books: Mapping[str, Liquidity] = field(default_factory=dict)
    other: Liquidity = field(default_factory=Liquidity)
    own_weight: Mapping[str, float] = field(default_factory=dict)
    feedback: bool = True

    def of(self, instrument: str) -> Liquidity:
        """Rules of an instrument's book."""
        return self.books.get(instrument, self.other)
