"""Numbers in words: amounts, counts and spans of time as sentences have them."""

from __future__ import annotations

from decimal import Decimal

SECOND_NS = 10**9


def plain(amount: Decimal | float, form: str = "f") -> str:
    """Write an amount without zeros at its end; ``form`` may ask for a sign or separators.

    >>> plain(Decimal("5000.00")), plain(Decimal("0.50"), "+f"), plain(Decimal(1200), ",f")
    ('5000', '+0.5', '1,200')
    """
    text = format(amount, form)
    return text.rstrip("0").rstrip(".") if "." in text else text


def counted(number: int, thing: str, things: str = "") -> str:
    """Write how many there are of a thing; ``things``: the plural where an s does not make it.

    >>> counted(1, "order"), counted(1200, "order"), counted(2, "loss", "losses")
    ('1 order', '1,200 orders', '2 losses')
    """
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {things or thing + 's'}"


def clock(span_ns: int) -> str:
    """Write a span of time as hours:minutes:seconds, parts of a second left out.

    >>> clock(90_061_500_000_000)
    '25:01:01'
    """
    seconds = span_ns // SECOND_NS
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
