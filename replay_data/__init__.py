"""Small synthetic market data that the package carries with it.

Two hours, ``calm`` and ``crash``, of BTC and ETH on spot, USDT-margined and coin-margined
perpetuals; and beside each, ``calm_dated`` and ``crash_dated``, what expires: delivery futures and
options on BTC.  They are made by ``python -m replay_data.generate`` and are SYNTHETIC: no row was
ever traded.  docs/bundled-data.md gives the model and sets its distributions beside those of real
recordings.

>>> path("calm").name
'calm.parquet'
"""

from __future__ import annotations

from pathlib import Path

from simulator.errors import InputError

FOLDER = Path(__file__).parent

NAMES = ("calm", "crash")
"""The bundled hours."""

DATED = ("calm_dated", "crash_dated")
"""What expires beside each of them: tapes of their own, to be played together with the hour's."""


def path(name: str) -> Path:
    """Return the file of the bundled tape ``name``.

    Raises ``InputError`` for a name that is not bundled.
    """
    known = (*NAMES, *DATED)
    if name not in known:
        raise InputError(f"no bundled tape {name!r}: the names are {', '.join(known)}")
    return FOLDER / f"{name}.parquet"
