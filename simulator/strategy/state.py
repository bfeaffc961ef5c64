"""What strategies tell of themselves for a run that is resumed, as JSON and back.

`written` turns the values of ``Strategy.state`` into plain JSON, `revived` makes them again.
Beside JSON's own there may be tuples, sets, deques, mappings with other keys than text,
``Decimal``, floats that are no numbers, numpy's scalars, arrays and generators, ``random.Random``,
markets and the context; such a value becomes a mapping with its kind under ``$``.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from simulator.errors import InputError
from simulator.strategy.context import Context, Market

KIND = "$"
GENERATORS = ("PCG64", "PCG64DXSM", "Philox", "SFC64", "MT19937")


def written(state: Mapping[str, Any], who: str) -> dict[str, Any]:
    """Return a strategy's state as JSON has it.

    >>> written({"closes": deque([1.5], maxlen=3), "side": 1}, "Mine")
    {'closes': {'$': 'deque', 'most': 3, 'of': [1.5]}, 'side': 1}

    Raises ``InputError`` naming ``who`` and the place of what cannot be written, or what stands in
    two places: as JSON it would come back as two.
    """
    if not isinstance(state, Mapping):
        raise InputError(
            f"strategy {who}: state() must return a mapping or None, not {type(state).__name__}"
        )
    writer = _Writer(who)
    found = {}
    for name, value in state.items():
        if not isinstance(name, str):
            raise InputError(f"strategy {who}: state() has a key {name!r}; keys are text")
        found[name] = writer.value(value, name)
    return found


class _Writer:
    def __init__(self, who: str) -> None:
        self._who = who
        self._met: dict[int, str] = {}

    def value(self, one: Any, place: str) -> Any:
        kind = type(one)
        if one is None or kind in (bool, int, str):
            return one
        if kind is float:
            return one if math.isfinite(one) else {KIND: "float", "of": str(one)}
        if kind is Decimal:
            return {KIND: "decimal", "of": str(one)}
        if kind is tuple:
            return {KIND: "tuple", "of": self._many(one, place)}
        if isinstance(one, Market):
            return {KIND: "market", "of": one.name}
        if isinstance(one, Context):
            return {KIND: "context"}
        if isinstance(one, np.generic) and one.dtype.kind in "biuf":
            return {KIND: "scalar", "type": one.dtype.str, "of": self.value(one.item(), place)}
        return self._changeable(one, kind, place)

    def _changeable(self, one: Any, kind: type[Any], place: str) -> Any:
        """A value that can change, and so must not be held twice."""
        before = self._met.setdefault(id(one), place)
        if before != place:
            raise InputError(
                f"strategy {self._who}: its state has one {kind.__name__} in two places, {before} "
                f"and {place}; give state() and restore() that keep it once"
            )
        if kind is list:
            return self._many(one, place)
        if kind is dict:
            return self._mapping(one, place)
        if kind is set or kind is frozenset:
            return {KIND: kind.__name__, "of": sorted(self._many(one, place), key=repr)}
        if kind is deque:
            return {KIND: "deque", "most": one.maxlen, "of": self._many(one, place)}
        if kind is np.ndarray and one.dtype.kind in "biuf":
            plain = self._many(one.ravel().tolist(), place)
            return {KIND: "array", "type": one.dtype.str, "shape": list(one.shape), "of": plain}
        if kind is np.random.Generator:
            bits = one.bit_generator
            return {KIND: "generator", "type": type(bits).__name__, "of": _plain(bits.state)}
        if kind is random.Random:
            return {KIND: "random", "of": self.value(one.getstate(), place)}
        raise InputError(
            f"strategy {self._who}: its state has a {kind.__module__}.{kind.__name__} at {place}, "
            "which cannot be written as JSON; give state() and restore() that do without it"
        )

    def _many(self, values: Any, place: str) -> list[Any]:
        return [self.value(one, f"{place}[{at}]") for at, one in enumerate(values)]

    def _mapping(self, one: Mapping[Any, Any], place: str) -> dict[str, Any]:
        if all(type(key) is str for key in one) and KIND not in one:
            return {key: self.value(value, f"{place}[{key!r}]") for key, value in one.items()}
        pairs = [
            [self.value(key, f"a key of {place}"), self.value(value, f"{place}[{key!r}]")]
            for key, value in one.items()
        ]
        return {KIND: "mapping", "of": pairs}


def _plain(state: Any) -> Any:
    """Return a bit generator's state as JSON has it."""
    if isinstance(state, Mapping):
        return {name: _plain(value) for name, value in state.items()}
    if isinstance(state, np.ndarray):
        return [int(one) for one in state]
    return state if isinstance(state, str) else int(state)


def revived(code: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return what `written` was given, with the markets of ``context``.

    Raises ``InputError`` for what `written` does not write, ``LookupError`` for a market that the
    data do not have.
    """
    try:
        return {name: _value(one, context) for name, one in code.items()}
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise InputError(f"a strategy's state in the journal is damaged: {error!r}") from error


def _value(code: Any, context: Context) -> Any:
    if isinstance(code, list):
        return [_value(one, context) for one in code]
    if not isinstance(code, dict):
        return code
    kind = code.get(KIND)
    if kind is None:
        return {key: _value(one, context) for key, one in code.items()}
    if kind == "market":
        return context.market(code["of"])
    if kind == "context":
        return context
    return _KINDS[kind](code, _value(code["of"], context))


def _generator(code: Mapping[str, Any], state: Any) -> np.random.Generator:
    if code["type"] not in GENERATORS:
        raise ValueError(f"no generator {code['type']}")
    bits = getattr(np.random, code["type"])()
    bits.state = state
    return np.random.Generator(bits)


def _random(_code: Mapping[str, Any], state: Any) -> random.Random:
    found = random.Random()
    found.setstate(state)
    return found


_KINDS: dict[str, Callable[[Mapping[str, Any], Any], Any]] = {
    "float": lambda _, of: float(of),
    "decimal": lambda _, of: Decimal(of),
    "tuple": lambda _, of: tuple(of),
    "set": lambda _, of: set(of),
    "frozenset": lambda _, of: frozenset(of),
    "deque": lambda code, of: deque(of, code["most"]),
    "scalar": lambda code, of: np.dtype(code["type"]).type(of),
    "array": lambda code, of: np.array(of, dtype=code["type"]).reshape(code["shape"]),
    "mapping": lambda _, of: {key: value for key, value in of},
    "generator": _generator,
    "random": _random,
}
