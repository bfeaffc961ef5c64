"""How the readable model writes its derivation, and exact arithmetic that several of its parts use.

A derivation is a list of `Step`: one line of arithmetic each, with the numbers put in, so that
who types the numbers into a pocket calculator gets the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from simulator.risk.reference_affine import Affine
from simulator.risk.state import Step

Trace = list[Step] | None

_SHOWN_DIGITS = 15


def note(
    trace: Trace,
    name: str,
    formula: str,
    numbers: str,
    values: Sequence[Any],
    result: Decimal | Fraction | None,
    unit: str = "USD",
    rule: str = "",
) -> None:
    """Append a step; nothing without a trace.

    ``numbers`` is a template: every ``{}`` takes the next of ``values``, and ``{+}`` all of them
    joined by plus signs.
    """
    if trace is None:
        return
    shown = [show(value) for value in values]
    if "{+}" in numbers:
        text = numbers.replace("{+}", " + ".join(shown) or "0")
    else:
        text = numbers.format(*shown)
    trace.append(Step(name, formula, text, result, unit, rule))


def show(value: Any) -> str:
    """Return a number as text that can be typed: plain digits, a negative one in brackets.

    >>> [show(Decimal("1200.500")), show(Fraction(1, 3)), show(Decimal(-2))]
    ['1200.5', '0.333333333333333', '(-2)']
    """
    if isinstance(value, str):
        return value
    with localcontext() as context:
        context.prec = _SHOWN_DIGITS
        number = +(rounded(value) if isinstance(value, Fraction) else Decimal(value))
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    text = "0" if text in ("-0", "") else text
    return f"({text})" if text.startswith("-") else text


def times(value: Decimal, share: Fraction) -> Decimal:
    """Return ``value * share``.

    >>> times(Decimal(30), Fraction(1, 10))
    Decimal('3')
    """
    return value * share.numerator / share.denominator


def exact(value: Decimal) -> Fraction:
    """Return a number as a fraction, so that what follows is exact."""
    # A number that moves with a mark (`Affine`) is made of fractions already.
    return value if isinstance(value, Affine) else Fraction(value)


def rounded(value: Fraction) -> Decimal:
    """Return a fraction as a Decimal of the context's precision (28 digits)."""
    if isinstance(value, Affine):
        return value
    return Decimal(value.numerator) / Decimal(value.denominator)


def total(values: Iterable[Decimal]) -> Decimal:
    """Return the sum, a Decimal 0 of nothing."""
    return sum(values, Decimal(0))


def marginal(amount: Decimal, tiers: Sequence[tuple[Fraction, Fraction]]) -> Decimal:
    """Return the sum over slices of ``amount``: what lies between one tier's floor and the next
    counts times that tier's factor.

    >>> tiers = [(Fraction(0), Fraction(1)), (Fraction(10000), Fraction(2))]
    >>> marginal(Decimal(30000), tiers)
    Decimal('50000')
    """
    counted = Decimal(0)
    for number, (floor, factor) in enumerate(tiers):
        above = max(amount - rounded(floor), Decimal(0))
        if number + 1 < len(tiers):
            above = min(above, rounded(tiers[number + 1][0] - floor))
        counted += times(above, factor)
    return counted
