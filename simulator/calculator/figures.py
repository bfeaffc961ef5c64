"""Tables of figures that JSON holds."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any


class Figures(dict[str, Any]):
    """A table of figures that ``json.dumps`` takes; keys are attributes too.

    >>> Figures(equity=1.0).equity
    1.0
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r} here; keys: {', '.join(self)}") from None


def plain(value: Decimal | Fraction | None) -> float | None:
    """Return a figure as JSON holds it, without a negative zero.

    >>> plain(Decimal("-0.0")), plain(None)
    (0.0, None)
    """
    return None if value is None else float(value) + 0.0
