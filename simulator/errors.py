"""The one error that is the user's to mend."""

from __future__ import annotations


class InputError(ValueError):
    """A file, option, document or argument is wrong.

    The message is one line that says what is wrong, where (file, row, field) and what would be
    right. The command line prints it and exits with 2, without a traceback.
    """
