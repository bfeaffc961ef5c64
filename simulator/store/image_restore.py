"""Putting an image into a simulation of the same settings.

The simulation's own objects are walked in step with the image: an instance that stands at the same
place as one of the image, of the same class, takes that one's state in place, so that whoever holds
it (strategies their markets, bound methods their owners) holds the restored one.  Lists, mappings,
arrays and values are made anew; so are instances that a run has made since it began.  Closures stay
the simulation's own.  The tags are those of `simulator.store.image_encode`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import FunctionType, MappingProxyType
from typing import Any

import numpy as np

from simulator.store.image_kinds import (
    ImageError,
    bound,
    class_named,
    compiled_state,
    fields,
    is_frozen,
    named,
    new_compiled,
    set_fields,
)

GENERATORS = ("PCG64", "PCG64DXSM", "Philox", "SFC64", "MT19937")


class Restorer:
    """Puts one document; ``memory`` are its stretches, ``hashes`` running hashes as it needs them.

    Raises ``ImageError`` for what does not fit the simulation, which is then half restored and of
    no use.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        memory: Sequence[np.ndarray],
        strategies: Sequence[Any],
        hashes: Sequence[Any],
    ) -> None:
        self._nodes: list[Any] = document["nodes"]
        self._views: list[Any] = document["views"]
        self._roots: list[Any] = document["roots"]
        self._memory = memory
        self._strategies = strategies
        self._hashes = hashes
        self._made: dict[int, Any] = {}
        self._claimed: set[int] = set()
        self._alive: list[Any] = []  # an object that is gone would give its id to another
        self._queue: deque[tuple[int, Any, Any]] = deque()
        self._values: dict[str, Callable[[Any, Any], Any]] = {
            "e": lambda code, _: _member(code),
            "f": lambda code, _: float(code[1]),
            "d": lambda code, _: Decimal(code[1]),
            "q": lambda code, _: Fraction(code[1], code[2]),
            "b": lambda code, _: bytes.fromhex(code[1]),
            "n": lambda code, _: np.frombuffer(bytes.fromhex(code[2]), dtype=code[1])[0],
            "t": self._tuple,
            "z": lambda code, _: frozenset(self.value(part, None) for part in code[1]),
            "c": lambda code, _: class_named(code[1]),
            "g": lambda code, _: named(code[1]),
            "m": self._method,
            "w": self._wiring,
            "s": lambda code, _: self._strategies[code[1]],
            "a": lambda code, _: self._array(code[1]),
            "v": lambda code, _: self._array(code[1]).data,
            "h": lambda code, _: self._hashes[code[1]],
            "r": lambda code, own: self._numbered(code[1], own),
        }

    def put(self, roots: Sequence[Any]) -> None:
        """Give the roots, and all that is reached from them, the state of the image."""
        for code, own in zip(self._roots, roots, strict=True):
            if self.value(code, own) is not own:
                raise ImageError("image: it is of another kind of simulation")
        while self._queue:
            self._fill(*self._queue.popleft())

    def value(self, code: Any, own: Any) -> Any:
        """Return the value of a code; ``own`` is what the simulation has at its place."""
        if type(code) is not list:
            return code
        return self._values[code[0]](code, own)

    # Values

    def _tuple(self, code: Any, own: Any) -> Any:
        parts = own if type(own) is tuple and len(own) == len(code[1]) else [None] * len(code[1])
        return tuple(self.value(part, one) for part, one in zip(code[1], parts, strict=True))

    def _method(self, code: Any, own: Any) -> Any:
        return bound(self.value(code[1], getattr(own, "__self__", None)), code[2])

    def _wiring(self, code: Any, own: Any) -> Any:
        if type(own) is not FunctionType or own.__qualname__ != code[1]:
            raise ImageError(f"image: the simulation does not have {code[1]} where the image does")
        return own

    def _array(self, number: int) -> np.ndarray:
        stretch, offset, dtype, shape, strides = self._views[number]
        if stretch < 0:
            return np.zeros(shape, dtype=dtype)
        return np.ndarray(shape, dtype, self._memory[stretch], offset, strides)

    # Numbered ones

    def _numbered(self, number: int, own: Any) -> Any:
        if number not in self._made:
            made = self._shell(self._nodes[number], own)
            self._made[number] = made
            self._queue.append((number, made[0] if type(made) is _Shared else made, own))
        found = self._made[number]
        return found.shown if type(found) is _Shared else found

    def _shell(self, node: Any, own: Any) -> Any:
        """Return the object that will be filled: the simulation's own, or a new one."""
        kind = node[0]
        if kind in ("l", "p"):
            return []
        if kind == "i":
            return {}
        if kind == "x":
            return _Shared({})
        if kind == "u":
            return set()
        if kind == "k":
            return deque(maxlen=node[1])
        if kind == "y":
            return _generator(node)
        made = class_named(node[1])
        free = type(own) is made and not is_frozen(made) and id(own) not in self._claimed
        one = own if free else object.__new__(made) if node[0] == "o" else new_compiled(made)
        self._claimed.add(id(one))  # a new one too: what is restored is nobody else's place
        self._alive.append(one)
        return one

    def _fill(self, number: int, one: Any, own: Any) -> None:
        """Give an object of the image its content; ``own`` stands at its place, if anything."""
        node = self._nodes[number]
        kind = node[0]
        if kind == "C":
            self._fill_compiled(node, one, own)
        elif kind == "o":
            known = dict(fields(own)) if type(own) is type(one) else {}
            values = {n: self.value(code, known.get(n)) for n, code in node[2].items()}
            set_fields(one, values)
        elif kind == "l":
            parts = own if type(own) is list else []
            for place, code in enumerate(node[1]):
                one.append(self.value(code, parts[place] if place < len(parts) else None))
        elif kind == "p":
            one.extend(self._array(node[1]).tolist())
        elif kind in ("i", "x"):
            before = own if isinstance(own, Mapping) else {}
            for key_code, code in node[1]:
                key = self.value(key_code, None)
                one[key] = self.value(code, before.get(key))
        elif kind == "u":
            one.update(self.value(code, None) for code in node[1])
        elif kind == "k":
            one.extend(self.value(code, None) for code in node[2])

    def _fill_compiled(self, node: Any, one: Any, own: Any) -> None:
        before: Sequence[Any] = ()
        if type(own) is type(one):
            before = compiled_state(own)[1]
            self._alive.append(before)
        if len(before) != len(node[2]):
            before = [None] * len(node[2])
        state = tuple(self.value(code, part) for code, part in zip(node[2], before, strict=True))
        one.__setstate_cython__(state)


class _Shared(list[Any]):
    """A mapping that is filled, first, and the read-only view of it that others hold."""

    def __init__(self, filled: dict[Any, Any]) -> None:
        super().__init__([filled])
        self.shown = MappingProxyType(filled)


def _member(code: Any) -> Any:
    kind = class_named(code[1])
    if not issubclass(kind, Enum) or code[2] not in kind.__members__:
        raise ImageError(f"image: there is no {code[1]} {code[2]}")
    return kind[code[2]]


def _generator(node: Any) -> np.random.Generator:
    if node[1] not in GENERATORS:
        raise ImageError(f"image: there is no generator {node[1]}")
    bits = getattr(np.random, node[1])()
    bits.state = node[2]
    return np.random.Generator(bits)
