"""What a book offers and how it comes back after large orders: the rules of a run with impact.

A book's displayed levels stand around a *reference*, the mid that the tape tells, moved by the
*displacement* that liquidations left: quote = reference x exp(displacement).  What an order takes
moves the displacement by the share of price it walked; ``permanent`` of it stays, the rest comes
back by the resilience (Obizhaeva and Wang 2013: "Optimal trading strategy and supply/demand
dynamics", with the resilience named).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Profile = Literal["tape", "constant", "linear"]
"""What stands at a distance from the quote: the tape's levels and beyond them the constant density;
the same notional a percent everywhere (cumulative depth grows in proportion, impact with it);
a density that grows with the distance (impact of one order grows with the square root)."""

Resilience = Literal["instant", "exponential", "linear", "none"]
"""How the displacement that is not permanent comes back: at the next step; by half in each half
life; by a fixed share of price a minute; never."""


@dataclass(frozen=True, slots=True)
class Liquidity:
    """One instrument's book in a run with impact.

    - ``depth``: notional (quote units; USD of an inverse contract) within 1 % of the quote, a side
    - ``spread``: share of price between best bid and best ask
    - ``reach``, ``levels``: how far the levels reach, as a share of price, and how many there are
    - ``half_life_ns`` of exponential resilience; ``recovery`` of linear: share of price a minute
    - ``permanent``: share of a displacement that stays
    - ``flight``: displacement at which half of the depth has been withdrawn, 0: none is
    - ``scale``: (ns since the start, factor) knots of the depth over time, linear in between
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

    ``books`` is by instrument name, ``other`` for all not named.  ``own_weight``: the weight of
    the venue's own spot book in an asset's index, by asset, 1 where not named; the rest is the
    tape's index of the asset (other venues, or what it can be redeemed for), or the undisturbed
    mid.  ``feedback`` off: every order meets the undisturbed book and leaves no trace.
    """

    books: Mapping[str, Liquidity] = field(default_factory=dict)
    other: Liquidity = field(default_factory=Liquidity)
    own_weight: Mapping[str, float] = field(default_factory=dict)
    feedback: bool = True

    def of(self, instrument: str) -> Liquidity:
        """Rules of an instrument's book."""
        return self.books.get(instrument, self.other)
