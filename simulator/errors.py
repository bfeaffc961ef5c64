"""The one error that is the user's to mend."""

from __future__ import annotations

LONGEST = 1_000
"""Most characters of a message; a file may hold a value of any length."""


class InputError(ValueError):
    """A file, option, document or argument is wrong.

    The message is one line that says what is wrong, where (file, row, field) and what would be
    right. The command line prints it and exits with 2, without a traceback.  What a file held may
    be part of it, so it is made printable, without line breaks, and cut where it is too long.
    """

    def __init__(self, message: object) -> None:
        super().__init__(one_line(str(message)))


def one_line(text: str) -> str:
    r"""Return text as one line that any terminal shows as it is.

    >>> one_line("no\nnumber:  '\x1b[31m'")
    "no number: '\\x1b[31m'"
    """
    if not text.isprintable() or "  " in text:
        text = " ".join(text.split())
        text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
