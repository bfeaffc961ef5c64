"""The walk over a simulation's objects that writes them down.

Every value becomes JSON: what is plain stands as it is, everything else as a list that begins with
a tag.  Objects, lists and mappings are numbered in the order in which they are met, so that what
two hold is written once; arrays become views of numbered stretches of memory, so that two views of
one buffer stay so.  What is not known here is refused with its path: nothing is left out silently.

Tags of values: ``e`` enumeration, ``f`` float that is no number, ``d`` Decimal, ``q`` Fraction,
``b`` bytes, ``n`` numpy scalar, ``t`` tuple, ``z`` frozen set, ``c`` class, ``g`` function, ``m``
bound method, ``w`` closure (wiring: stays that of the simulation that the image is put into), ``s``
strategy, ``a`` array, ``v`` memoryview, ``h`` running hash, ``r`` reference to a numbered one.
Kinds of numbered ones: ``l`` list, ``p`` list of plain numbers in memory, ``i`` mapping, ``x``
read-only mapping, ``u`` set, ``k`` deque, ``o`` instance, ``C`` instance of a compiled class, ``y``
numpy generator.
"""

from __future__ import annotations

import ctypes
import math
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType
from typing import Any

import numpy as np

from simulator.store.image_kinds import (
    PACKAGE,
    ImageError,
    compiled_state,
    fields,
    is_compiled,
    is_frozen,
    method_of,
    name_of,
)

PLAIN = frozenset((type(None), bool, int, str))
PACKED_FROM = 32
"""Lists of so many plain integers or floats are kept in memory's form."""

LARGEST = 2**63

PAGE = 4096
"""Bytes of a page: pages of nothing but zeros are left out, and most of large columns are."""


class Walk:
    """One walk; ``strategies`` are opaque, they tell their state themselves."""

    def __init__(self, strategies: Sequence[Any]) -> None:
        self._strategy = {id(one): number for number, one in enumerate(strategies)}
        self._number: dict[int, int] = {}
        self._alive: list[Any] = []  # an object that is gone would give its id to another
        self._queue: deque[tuple[int, Any]] = deque()
        self._from: list[tuple[int, str]] = []
        self._nodes: list[Any] = []
        self._memory = _Memory()
        self.classes: dict[str, int | None] = {}
        self.hashes: list[str] = []
        self._by_type: dict[type[Any], Callable[[Any, int, str], Any]] = {
            float: self._float,
            tuple: self._tuple,
            frozenset: self._frozen_set,
            Decimal: lambda one, _at, _label: ["d", str(one)],
            Fraction: lambda one, _at, _label: ["q", one.numerator, one.denominator],
            bytes: lambda one, _at, _label: ["b", one.hex()],
            np.ndarray: self._array,
            memoryview: self._array,
            FunctionType: self._function,
            MethodType: self._method,
            BuiltinFunctionType: self._method,
        }

    def write(self, roots: Sequence[Any]) -> dict[str, Any]:
        """Return the document of everything that is reached from the roots.

        Raises ``ImageError`` naming the path of what cannot be written.
        """
        found = [self._value(one, -1, f"root {number}") for number, one in enumerate(roots)]
        while self._queue:
            number, one = self._queue.popleft()
            self._nodes[number] = self._node(one, number)
        return {
            "roots": found,
            "nodes": self._nodes,
            "classes": self.classes,
            "hashes": self.hashes,
            **self._memory.document(),
        }

    def memory(self) -> list[memoryview]:
        """Return the pieces of memory that the document names, in order, not copied."""
        return self._memory.pieces()

    # Values

    def _value(self, one: Any, at: int, label: str) -> Any:
        kind = type(one)
        if kind in PLAIN:
            return one
        known = self._number.get(id(one))
        if known is not None:
            return ["r", known]
        by_type = self._by_type.get(kind)
        if by_type is not None:
            return by_type(one, at, label)
        if id(one) in self._strategy:
            return ["s", self._strategy[id(one)]]
        return self._other(one, kind, at, label)

    def _other(self, one: Any, kind: type[Any], at: int, label: str) -> Any:
        """A value whose exact type is in no table."""
        if isinstance(one, Enum):
            return ["e", self._named(kind, at, label), one.name]
        if isinstance(one, np.generic):
            return ["n", one.dtype.str, one.tobytes().hex()]
        if isinstance(one, type):
            return ["c", self._named(one, at, label)]
        if kind.__name__ in ("memoryview", "_memoryviewslice"):  # Cython's
            return self._array(one, at, label)
        own = kind.__module__.partition(".")[0] == PACKAGE
        if own or kind in _NODES or isinstance(one, np.random.Generator):
            return self._numbered(one, at, label)
        if hasattr(one, "hexdigest") and getattr(one, "name", "") == "sha256":
            self.hashes.append(one.hexdigest())
            return ["h", len(self.hashes) - 1]
        if method_of(one) is not None:
            return self._method(one, at, label)
        raise self._refused(one, at, label)

    def _numbered(self, one: Any, at: int, label: str) -> Any:
        number = len(self._nodes)
        self._number[id(one)] = number
        self._alive.append(one)
        self._nodes.append(None)
        self._from.append((at, label))
        self._queue.append((number, one))
        return ["r", number]

    def _float(self, one: float, _at: int, _label: str) -> Any:
        return one if math.isfinite(one) else ["f", str(one)]

    def _tuple(self, one: tuple[Any, ...], at: int, label: str) -> Any:
        return ["t", [self._value(part, at, f"{label}[{n}]") for n, part in enumerate(one)]]

    def _frozen_set(self, one: frozenset[Any], at: int, label: str) -> Any:
        return ["z", self._sorted(one, at, label)]

    def _sorted(self, one: Any, at: int, label: str) -> list[Any]:
        """Members of a set in an order of their own: its own depends on how it was filled."""
        return sorted((self._value(part, at, f"{label}{{}}") for part in one), key=repr)

    def _array(self, one: Any, at: int, label: str) -> Any:
        array = np.asarray(one)
        if array.dtype.kind not in "biufSUM":
            raise self._refused(one, at, label)
        self._alive.append(array)
        return ["a" if type(one) is np.ndarray else "v", self._memory.view(array)]

    def _function(self, one: Any, at: int, label: str) -> Any:
        if one.__closure__ is None and "<" not in one.__qualname__:
            return ["g", self._named(one, at, label)]
        for cell in one.__closure__ or ():
            held = type(cell.cell_contents)
            if held.__module__.partition(".")[0] != PACKAGE or is_frozen(held):
                raise self._refused(one, at, label)
        if one.__module__.partition(".")[0] != PACKAGE:
            raise self._refused(one, at, label)
        return ["w", one.__qualname__]

    def _method(self, one: Any, at: int, label: str) -> Any:
        found = method_of(one)
        if found is None:
            raise self._refused(one, at, label)
        return ["m", self._value(found[0], at, f"{label}.__self__"), found[1]]

    # Numbered ones

    def _node(self, one: Any, at: int) -> Any:
        kind = type(one)
        if kind is list:
            packed = _packed(one)
            if packed is not None:
                self._alive.append(packed)
                return ["p", self._memory.view(packed)]
            return ["l", [self._value(part, at, f"[{n}]") for n, part in enumerate(one)]]
        if kind in (dict, MappingProxyType):
            pairs = [
                [self._value(key, at, "key"), self._value(value, at, f"[{key!r}]")]
                for key, value in one.items()
            ]
            return ["i" if kind is dict else "x", pairs]
        if kind is set:
            return ["u", self._sorted(one, at, "")]
        if kind is deque:
            return ["k", one.maxlen, [self._value(p, at, f"[{n}]") for n, p in enumerate(one)]]
        if isinstance(one, np.random.Generator):
            return ["y", type(one.bit_generator).__name__, _plain(one.bit_generator.state)]
        return self._instance(one, kind, at)

    def _instance(self, one: Any, kind: type[Any], at: int) -> Any:
        name = self._named(kind, at, "")
        if is_compiled(kind):
            checksum, state = compiled_state(one)
            self._alive.append(state)
            self.classes[name] = checksum
            values = [self._value(part, at, f".<{n}>") for n, part in enumerate(state)]
            return ["C", name, values]
        if callable(one) or hasattr(one, "__next__") or hasattr(one, "__enter__"):
            raise self._refused(one, at, "")
        self.classes[name] = None
        return ["o", name, {n: self._value(part, at, f".{n}") for n, part in fields(one)}]

    # Errors

    def _named(self, one: Any, at: int, label: str) -> str:
        try:
            return name_of(one)
        except ImageError as error:
            raise ImageError(f"image: {self._path(at, label)}: {error}") from None

    def _refused(self, one: Any, at: int, label: str) -> ImageError:
        kind = type(one)
        return ImageError(
            f"image: {self._path(at, label)} is a {kind.__module__}.{kind.__qualname__}, "
            "of which an image does not know how to tell the state"
        )

    def _path(self, at: int, label: str) -> str:
        parts = [label]
        while at >= 0:
            at, label = self._from[at]
            parts.append(label)
        return "".join(reversed(parts))


_NODES = frozenset((list, dict, MappingProxyType, set, deque))


def _packed(values: list[Any]) -> np.ndarray | None:
    """Return a long list of nothing but plain integers or floats as an array."""
    if len(values) < PACKED_FROM:
        return None
    kind = type(values[0])
    if kind not in (int, float) or any(type(one) is not kind for one in values):
        return None
    if kind is int and not all(-LARGEST <= one < LARGEST for one in values):
        return None
    return np.array(values, dtype="<i8" if kind is int else "<f8")


def _plain(state: Any) -> Any:
    """Return a bit generator's state as JSON has it."""
    if isinstance(state, dict):
        return {name: _plain(value) for name, value in state.items()}
    if isinstance(state, np.ndarray):
        return [int(one) for one in state]
    return state if isinstance(state, str) else int(state)


class _Memory:
    """Views of arrays, and the stretches of memory that they are views of."""

    def __init__(self) -> None:
        self._known: dict[Any, int] = {}
        self._views: list[tuple[int, int, np.ndarray]] = []  # first and behind-last address
        self._spans: list[tuple[int, int]] = []
        self._place: list[tuple[int, int]] = []
        self._runs: list[list[tuple[int, int]]] = []

    def view(self, array: np.ndarray) -> int:
        """Return the number of a view."""
        start, end = _extent(array)
        key = (_address(array), array.dtype.str, array.shape, array.strides)
        if start == end:
            key = (-1 - len(self._views), *key[1:])
        if key not in self._known:
            self._known[key] = len(self._views)
            self._views.append((start, end, array))
        return self._known[key]

    def document(self) -> dict[str, Any]:
        """Join what overlaps, and return stretches (bytes) and views of them."""
        self._join()
        views = [
            [span, offset, array.dtype.str, list(array.shape), list(array.strides)]
            for (span, offset), (_, _, array) in zip(self._place, self._views, strict=True)
        ]
        sizes = [end - start for start, end in self._spans]
        self._runs = [filled(one) for one in self._whole()]
        return {"stretches": sizes, "runs": self._runs, "views": views}

    def _join(self) -> None:
        """Number the stretches in the order of their first views, whatever their addresses."""
        order = sorted(range(len(self._views)), key=lambda n: self._views[n][:2])
        joined: list[tuple[int, int]] = []
        of: dict[int, int] = {}
        for number in order:
            start, end, _ = self._views[number]
            if start == end:
                continue
            if joined and start < joined[-1][1]:
                joined[-1] = joined[-1][0], max(end, joined[-1][1])
            else:
                joined.append((start, end))
            of[number] = len(joined) - 1
        renumbered: dict[int, int] = {}
        self._spans, self._place = [], []
        for number, (_, _, array) in enumerate(self._views):
            if number not in of:
                self._place.append((-1, 0))
                continue
            span = of[number]
            if span not in renumbered:
                renumbered[span] = len(self._spans)
                self._spans.append(joined[span])
            self._place.append((renumbered[span], _address(array) - joined[span][0]))

    def pieces(self) -> list[memoryview]:
        """Return the bytes that are not all zero of each stretch, without copying them."""
        return [
            whole[first * PAGE : (first + pages) * PAGE]
            for whole, runs in zip(self._whole(), self._runs, strict=True)
            for first, pages in runs
        ]

    def _whole(self) -> list[memoryview]:
        return [
            memoryview((ctypes.c_ubyte * (end - start)).from_address(start)).cast("B")
            for start, end in self._spans
        ]


def filled(whole: memoryview) -> list[tuple[int, int]]:
    """Return runs of pages (first, how many) in which something is not zero; the last may be short.

    >>> filled(memoryview(bytes(2 * PAGE) + b"1" + bytes(PAGE)))
    [(2, 1)]
    """
    every = np.frombuffer(whole, dtype=np.uint8)
    pages = len(every) // PAGE
    words = every[: pages * PAGE].view(np.uint64).reshape(pages, PAGE // 8)
    there = np.zeros(pages + 2, dtype=np.int8)
    there[:pages] = np.bitwise_or.reduce(words, axis=1) != 0
    there[pages] = every[pages * PAGE :].any()
    changes = np.flatnonzero(np.diff(there, prepend=np.int8(0)))
    firsts, ends = changes[::2].tolist(), changes[1::2].tolist()
    return [(first, end - first) for first, end in zip(firsts, ends, strict=True)]


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def _extent(array: np.ndarray) -> tuple[int, int]:
    """Return first and behind-last address of what a view reaches."""
    start = _address(array)
    if array.size == 0:
        return start, start
    steps = [(n - 1) * s for n, s in zip(array.shape, array.strides, strict=True)]
    low = start + sum(step for step in steps if step < 0)
    high = start + sum(step for step in steps if step > 0)
    return low, high + array.itemsize
