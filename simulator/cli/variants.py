"""``[[variants]]`` of a scenario file: the same scenario with other values, as further columns.

::

    [[variants]]
    name = "thin book"
    impact.depth = 1_000_000  # any field of the scenario; tables are laid over key by key

    [[variants]]
    name = "no shorts"
    people."retail longs".side = "long"  # of a list of tables: one of them, by its name

Without variants there is one run a mode.  A scenario with variants runs these alone, each in every
mode; one that is to have the file's own values has a name and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from simulator.errors import InputError
from simulator.rulebook.messages import nearest

OWN = ("name", "variant", "variants")
"""What a variant cannot change."""


def overlays(fields: Mapping[str, Any], given: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return each variant's name, and a scenario's fields with its values in their place.

    Raises ``InputError`` for what is no variant.
    """
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise InputError("variants: are tables in two pairs of brackets, [[variants]]")
    found: list[tuple[str, dict[str, Any]]] = []
    for number, table in enumerate(given, start=1):
        over = dict(table)
        name = over.pop("name", None)
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"variant {number}: name: must be a text of its own")
        if name in dict(found):
            raise InputError(f"variant {number}: name: {name!r} is there already")
        for key in OWN:
            if key in over:
                raise InputError(f"variant {name}: {key}: cannot be changed by a variant")
        try:
            found.append((name, laid_over(fields, over)))
        except ValueError as error:
            raise InputError(f"variant {name}: {error}") from None
    return found


def laid_over(base: Mapping[str, Any], over: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Return ``base`` with the values of ``over``; tables key by key, named ones by name.

    >>> laid_over({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    >>> laid_over({"people": [{"name": "x", "share": 1}]}, {"people": {"x": {"share": 0.5}}})
    {'people': [{'name': 'x', 'share': 0.5}]}

    A law and a table of shares are replaced whole (``{5 = 1}`` over ``{5 = 0.5, 10 = 0.5}``).
    """
    made = deepcopy(dict(base))
    for key, value in over.items():
        here, path = made.get(key), f"{where}.{key}" if where else str(key)
        if isinstance(value, Mapping) and isinstance(here, list) and _named(here):
            made[key] = _by_name(here, value, path)
        elif isinstance(value, Mapping) and isinstance(here, Mapping) and not _whole(key, value):
            made[key] = laid_over(here, value, path)
        else:
            made[key] = deepcopy(value)
    return made


def _named(tables: list[Any]) -> bool:
    return bool(tables) and all(
        isinstance(one, dict) and isinstance(one.get("name"), str) for one in tables
    )


WHOLE = ("collateral", "instruments", "side", "mode", "scale", "deposits")
"""Tables that are one value, whose entries mean nothing without one another."""


def _whole(key: str, value: Mapping[str, Any]) -> bool:
    return key in WHOLE or "law" in value or all(_number(one) for one in value)


def _number(key: str) -> bool:
    try:
        float(key)
    except ValueError:
        return False
    return True


def _by_name(here: list[Any], over: Mapping[str, Any], path: str) -> list[Any]:
    names = [one["name"] for one in here]
    for name, fields in over.items():
        if name not in names:
            raise ValueError(
                f"{path}: none is named {name!r}{nearest(name, names)}; there are "
                f"{', '.join(names)}"
            )
        if not isinstance(fields, Mapping):
            raise ValueError(f"{path}.{name}: must be a table of its fields, not {fields!r:.60}")
    return [
        laid_over(one, over[one["name"]], f"{path}.{one['name']}") if one["name"] in over else one
        for one in deepcopy(here)
    ]
