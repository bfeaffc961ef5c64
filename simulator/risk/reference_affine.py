"""Numbers that move in a straight line with one price: how the readable model solves for a price.

The margin model only adds, scales and compares.  Run it on numbers ``a + b * z`` instead of plain
ones and its result is again such a number, right as long as every comparison it made on the way
(which bracket, which scenario is worst, which sign) comes out the same.  A `Walk` remembers where
the first of them would turn over.  So one run gives the exact straight piece around a price, its
root, and where the next piece begins: no bracketing, no iteration, no tolerance.

``z`` is the mark price of a linear contract or an option, and 1 / mark price of an inverse one.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any


class Walk:
    """Where a walk along ``z`` stands, which way it goes, and how far the present piece reaches.

    ``end`` is the nearest value of ``z`` ahead at which a comparison made so far turns over, None
    while there is none.  Standing exactly at such a value, numbers compare as just ahead of it.
    """

    __slots__ = ("at", "end", "upward")

    def __init__(self, at: Fraction, upward: bool) -> None:
        self.at = at
        self.upward = upward
        self.end: Fraction | None = None

    def sign(self, constant: Fraction, slope: Fraction) -> int:
        """Return the sign of ``constant + slope * z`` here or, where it is 0 here, just ahead."""
        value = constant + slope * self.at
        if value == 0:
            return _sign(slope) if self.upward else -_sign(slope)
        if slope != 0:
            zero = -constant / slope
            ahead = zero > self.at if self.upward else zero < self.at
            nearer = self.end is None or (zero < self.end if self.upward else zero > self.end)
            if ahead and nearer:
                self.end = zero
        return _sign(value)


def _sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


class Affine:
    """``constant + slope * z`` on a `Walk`; adds, scales and compares like a number.

    The model is typed for Decimal; this stands in for one.
    """

    __slots__ = ("constant", "slope", "walk")

    def __init__(self, walk: Walk, constant: Fraction, slope: Fraction) -> None:
        self.walk = walk
        self.constant = constant
        self.slope = slope

    def _other(self, other: Any) -> tuple[Fraction, Fraction]:
        if isinstance(other, Affine):
            return other.constant, other.slope
        return Fraction(other), Fraction(0)

    def __add__(self, other: Any) -> Affine:
        constant, slope = self._other(other)
        return Affine(self.walk, self.constant + constant, self.slope + slope)

    __radd__ = __add__

    def __neg__(self) -> Affine:
        return Affine(self.walk, -self.constant, -self.slope)

    def __pos__(self) -> Affine:
        return self

    def __sub__(self, other: Any) -> Affine:
        constant, slope = self._other(other)
        return Affine(self.walk, self.constant - constant, self.slope - slope)

    def __rsub__(self, other: Any) -> Affine:
        constant, slope = self._other(other)
        return Affine(self.walk, constant - self.constant, slope - self.slope)

    def __mul__(self, other: Any) -> Affine:
        constant, slope = self._other(other)
        if slope and self.slope:
            raise TypeError("the product of two moving numbers is no straight line")
        return Affine(
            self.walk,
            self.constant * constant,
            self.slope * constant + self.constant * slope,
        )

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Affine:
        constant, slope = self._other(other)
        if slope:
            raise TypeError("a quotient by a moving number is no straight line")
        return Affine(self.walk, self.constant / constant, self.slope / constant)

    def __abs__(self) -> Affine:
        return -self if self.walk.sign(self.constant, self.slope) < 0 else self

    def _compared(self, other: Any) -> int:
        difference = self - other
        return self.walk.sign(difference.constant, difference.slope)

    def __lt__(self, other: Any) -> bool:
        return self._compared(other) < 0

    def __le__(self, other: Any) -> bool:
        return self._compared(other) <= 0

    def __gt__(self, other: Any) -> bool:
        return self._compared(other) > 0

    def __ge__(self, other: Any) -> bool:
        return self._compared(other) >= 0

    def __eq__(self, other: object) -> bool:
        # The same line, not the same value: only dictionaries ask.
        return isinstance(other, Affine) and self._other(other) == self._other(self)

    def __hash__(self) -> int:
        return self.constant.__hash__() ^ self.slope.__hash__()

    def __bool__(self) -> bool:
        return self.walk.sign(self.constant, self.slope) != 0


class Reciprocal:
    """The mark price of an inverse contract while ``z`` = 1 / mark moves: only ever divided by."""

    __slots__ = ("walk",)

    def __init__(self, walk: Walk) -> None:
        self.walk = walk

    def __rtruediv__(self, value: Decimal) -> Affine:
        return Affine(self.walk, Fraction(0), Fraction(value))
