"""What an image may hold: classes, functions and fields, and how they are named in it.

Only classes and functions of this package are named, by module and qualified name, and only those
that are loaded already: reading an image imports nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from simulator.errors import InputError

PACKAGE = "simulator"


class ImageError(InputError):
    """An image cannot be taken or put: the message says where and why."""


def name_of(one: Any) -> str:
    """Return ``module:qualified name`` of a class or function of this package; else ``ImageError``.

    >>> name_of(ImageError)
    'simulator.store.image_kinds:ImageError'
    """
    module, name = str(one.__module__), str(one.__qualname__)
    if module.partition(".")[0] != PACKAGE or _found(module, name) is not one:
        raise ImageError(f"{module}.{name} is none of this package's own")
    return f"{module}:{name}"


def named(text: str) -> Any:
    """Return the class or function that ``name_of`` named; ``ImageError`` if there is none."""
    module, _, name = str(text).partition(":")
    found = _found(module, name) if module.partition(".")[0] == PACKAGE else None
    if found is None or f"{found.__module__}:{found.__qualname__}" != text:
        raise ImageError(f"image: there is no {text}")
    return found


def class_named(text: str) -> type[Any]:
    """Return the class of a name; ``ImageError`` if there is none."""
    found = named(text)
    if not isinstance(found, type):
        raise ImageError(f"image: {text} is no class")
    return found


def _found(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def is_compiled(kind: type[Any]) -> bool:
    """Whether instances tell and take their fields as compiled classes do."""
    return hasattr(kind, "__reduce_cython__")


def is_frozen(kind: type[Any]) -> bool:
    """Whether instances are values: dataclasses that do not change."""
    parameters = getattr(kind, "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


def compiled_state(one: Any) -> tuple[int, tuple[Any, ...]]:
    """Return the checksum of a compiled class's fields, and their values in the class's order."""
    made = one.__reduce_cython__()
    checksum, state = made[1][1], made[2] if len(made) > 2 else made[1][2]
    return int(checksum), tuple(state)


def new_compiled(kind: type[Any]) -> Any:
    """Return an instance of a compiled class without a state."""
    if not is_compiled(kind):
        raise ImageError(f"image: {kind.__qualname__} is not compiled")
    make: Any = kind.__new__
    return make(kind)


def has_fields(kind: type[Any], checksum: int) -> bool:
    """Whether a compiled class's fields have a checksum: its module refuses any other."""
    make = getattr(sys.modules[kind.__module__], f"__pyx_unpickle_{kind.__name__}")
    try:
        make(kind, checksum, None)
    except Exception:  # whatever that module's compiler raises for other fields
        return False
    return True


def slots_of(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of a class's slots, those of its bases included."""
    found: list[str] = []
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        found += [slots] if isinstance(slots, str) else slots
    return tuple(one for one in found if one not in ("__dict__", "__weakref__"))


def fields(one: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and value of an instance's fields, by name; slots without a value are left out."""
    kept: Mapping[str, Any] = getattr(one, "__dict__", {})
    found = {name: getattr(one, name) for name in slots_of(type(one)) if hasattr(one, name)}
    found.update(kept)
    yield from sorted(found.items())


def set_fields(one: Any, values: Mapping[str, Any]) -> None:
    """Give an instance these fields and no others; frozen ones too."""
    slots = slots_of(type(one))
    for name in slots:
        if name in values:
            object.__setattr__(one, name, values[name])
        elif hasattr(one, name):
            object.__delattr__(one, name)
    own = {name: value for name, value in values.items() if name not in slots}
    if hasattr(one, "__dict__"):
        kept = vars(one)
        kept.clear()
        kept.update(own)
    elif own:
        raise ImageError(f"image: {type(one).__qualname__} has no field {next(iter(own))}")


def method_of(one: Any) -> tuple[Any, str] | None:
    """Return owner and name of a bound method, None for what is none."""
    owner, name = getattr(one, "__self__", None), getattr(one, "__name__", None)
    if owner is None or name is None or isinstance(owner, type) or not callable(one):
        return None
    return (owner, str(name)) if hasattr(type(owner), str(name)) else None


def bound(owner: Any, name: str) -> Any:
    """Return the method of that name of an instance, what its class has and nothing else."""
    found = getattr(type(owner), name, None)
    if found is None or not callable(found):
        raise ImageError(f"image: {type(owner).__qualname__} has no method {name}")
    return found.__get__(owner, type(owner))
