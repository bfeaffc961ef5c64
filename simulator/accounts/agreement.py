"""The agreement and the risk disclosure that an account accepts before it may be unified.

The texts are ours, for a simulator: they bind nobody and say what the venue does.  They stand in
``agreement.md`` and ``disclosure.md`` beside this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

VERSION = "2026-11"
"""Version in force; a change of either text needs a new one (a test holds them together)."""

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Agreement:
    """A version with its two texts, in Markdown."""

    version: str
    agreement: str
    disclosure: str


@cache
def current() -> Agreement:
    """Return the agreement in force."""
    return Agreement(
        version=VERSION,
        agreement=(FOLDER / "agreement.md").read_text("utf-8"),
        disclosure=(FOLDER / "disclosure.md").read_text("utf-8"),
    )
