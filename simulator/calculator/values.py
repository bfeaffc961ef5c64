"""Numbers as documents write them: exact, finite, of a size that margins can be computed with."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import BeforeValidator, Field

LARGEST = Decimal("1e15")
"""Largest size of a number; what is larger is a slip of the hand."""

SMALLEST = Decimal("1e-15")
"""Smallest size of a number other than 0."""

DIGITS_MAX = 40


def number(value: object) -> Decimal:
    """Return a document's number exactly: an int, a Decimal, a float as it prints, or a string.

    >>> number("0.1000"), number(0.1), number(5)
    (Decimal('0.1000'), Decimal('0.1'), Decimal('5'))
    """
    shown = f"{value!r:.60}"
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        if not hasattr(value, "__float__") or isinstance(value, bool):
            raise ValueError(f'must be a number such as 0.05 or "0.05", not {shown}')
        value = float(value)
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f'must be a number such as 0.05 or "0.05", not {shown}') from None
    if not found.is_finite():
        raise ValueError(f"must be a finite number, not {shown}")
    if found and not SMALLEST <= found.copy_abs() <= LARGEST:
        raise ValueError(f"must be 0 or of a size from {SMALLEST:f} to {LARGEST:,f}, not {shown}")
    if len(found.as_tuple().digits) > DIGITS_MAX:
        raise ValueError(f"must have at most {DIGITS_MAX} digits, not {shown}")
    return found


Number = Annotated[Decimal, BeforeValidator(number)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Correlation = Annotated[Number, Field(ge=-1, le=1)]
Volatility = Annotated[Number, Field(gt=0, le=20)]
"""Annual, 0.55 = 55 %."""

AnnualRate = Annotated[Number, Field(ge=-1, le=10)]
Leverage = Annotated[Number, Field(ge=1, le=1000)]


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'known'?)`` for a misspelt word, nothing where none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
