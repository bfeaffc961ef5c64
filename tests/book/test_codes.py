"""Goal: the numbers that compiled modules repeat are those of ``simulator.book.codes``.

Method: read the C constants from the source, because a compiled module does not show them.
"""

from __future__ import annotations

import ast
from enum import IntEnum
from pathlib import Path

import pytest

from simulator.book import codes

FOLDER = Path(codes.__file__).parent

OTHER_NAMES = {"IOC_REMAINDER": codes.Expiry.IOC, "FOK_UNFILLABLE": codes.Expiry.FOK}
"""Names that differ because two of the enumerations say IOC and FOK."""

REPEATED = {
    "columns": (codes.Row, codes.TimeInForce, codes.SelfTrade, codes.QueueModel, codes.Expiry),
    "queue": (codes.QueueModel,),
    "triggers": (codes.Trigger,),
}


def constants(module: str) -> dict[str, int]:
    """Integers that a module declares as ``NAME = cython.declare(cython.int, value)``."""
    found = {}
    for node in ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign([ast.Name(name)], ast.Call(args=[_, ast.Constant(int(value))])):
                found[name] = value
    return found


def expected(name: str, enumerations: tuple[type[IntEnum], ...]) -> int | None:
    if name in OTHER_NAMES:
        return int(OTHER_NAMES[name])
    values = [each[name] for each in enumerations if name in each.__members__]
    return int(values[0]) if values else None


@pytest.mark.parametrize("module", sorted(REPEATED))
def test_compiled_constants_equal_the_codes(module: str) -> None:
    checked = 0
    for name, value in constants(module).items():
        meant = expected(name, REPEATED[module])
        if meant is not None:
            assert value == meant, f"{module}.py: {name}"
            checked += 1
    assert checked >= 3


def test_values_are_the_documented_ones() -> None:
    """Values are part of the digest: this list changes only with the file format."""
    assert [int(row) for row in codes.Row] == [1, 2, 3, 4, 5]
    assert [int(reason) for reason in codes.Expiry] == [1, 2, 3, 4, 5, 6, 7]
    assert [int(tif) for tif in codes.TimeInForce] == [0, 1, 2, 3]
    assert [int(mode) for mode in codes.SelfTrade] == [0, 1, 2, 3, 4]
    assert [int(model) for model in codes.QueueModel] == [0, 1, 2, 3]
    assert [int(kind) for kind in codes.Trigger] == [1, 2, 3]
    assert [int(source) for source in codes.PriceSource] == [0, 1]
