"""Small synthetic market data that the package carries with it.

Two hours, ``calm`` and ``crash``, of BTC and ETH on spot, USDT-margined and coin-margined
perpetuals.  They are made by ``python -m replay_data.generate`` and are SYNTHETIC: no row was ever
traded.  docs/bundled-data.md gives the model and sets its distributions beside those of real
recordings.

>>> path("calm").name
'calm.parquet'
"""

from __future__ import annotations

from pathlib import Path

from simulator.errors import InputError

FOLDER = Path(__file__).parent

NAMES = ("calm", "crash")
"""The bundled tapes."""


def path(name: str) -> Path:
    """Return the file of the bundled tape ``name``.

    Raises ``InputError`` for a name that is not bundled.
    """
    if name not in NAMES:
        raise InputError(f"no bundled tape {name!r}: the names are {', '.join(NAMES)}")
    return FOLDER / f"{name}.parquet"
