"""Colours of the pictures: after Okabe and Ito, told apart in all common kinds of colour blindness.

All have a contrast of at least 3:1 on the light and on the dark background, and no meaning hangs on
colour alone: sides and liquidations differ by shape, modes by dash.
Source: Okabe and Ito, Color Universal Design (2008), darkened for lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MODES = {"separated": "#D9730D", "unified": "#2F80C9"}
PRICE = "#80868F"
LIQUIDATION = "#E5484D"
LEVEL = "#C2629F"
OTHER = "#2A9D78"

STAGES = {
    "order": LIQUIDATION,
    "takeover": "#E3B505",
    "deleverage": "#9A6FB0",
    "spot": OTHER,
}
"""Ways in which a liquidation closes; they differ by hatching too."""

SIDES = {1: "#D9730D", -1: "#2F80C9"}
"""Long and short positions that wait for their threshold; they lie on either side of the price."""

RUNS = ("#D9730D", "#2F80C9", "#2A9D78", "#C2629F", "#8A9A1B", "#9A6FB0", "#E5484D", "#6B7280")
"""Of runs and of instruments side by side, in order, again from the first after the last."""

STATES = {
    "SEPARATED": MODES["separated"],
    "APPLIED": "#E3B505",
    "AGREED": "#8A9A1B",
    "SWITCHING_TO_UNIFIED": "#6B7280",
    "UNIFIED": MODES["unified"],
    "SWITCHING_TO_SEPARATED": "#9A6FB0",
}
"""Of an account between the modes; the legend names them, and their order in time is fixed."""


def colour(mode: str, kind: str, tints: Mapping[str, str] | None = None) -> str:
    """Return the colour of a series: its mode's, or of ``tints`` that of its account's name."""
    if kind == "liquidation":
        return LIQUIDATION
    return PRICE if kind == "price" else {**MODES, **(tints or {})}.get(mode, OTHER)


def tints_of(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each of several names, in order."""
    return {name: RUNS[place % len(RUNS)] for place, name in enumerate(dict.fromkeys(names))}
