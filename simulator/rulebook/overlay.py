"""Lay a few values over a rulebook's tables, each with its own source."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any

OWN = "own"
"""Id of the source of values that stand in an overlay without one."""


def overlay(base: dict[str, Any], over: dict[str, Any], text: str) -> dict[str, Any]:
    """Return the tables of ``base`` with the values of ``over`` in their place.

    Tables are laid over key by key; any other value, a list of brackets too, is replaced whole.
    Each value laid over has the source that its section names in ``over``, else one made of
    ``text``, so that no figure keeps the source of the one it replaced.
    """
    data = deepcopy(base)
    over = deepcopy(over)
    if not isinstance(over.get("sources", {}), dict):
        return data | {"sources": over["sources"]}  # for the schema to refuse
    sources = data.setdefault("sources", {})
    sources.update(over.pop("sources", {}))
    layer = _Layer()
    layer.lay(data, over, None, "", "")
    if layer.used_own:
        sources[OWN] = {"text": text, "sure": "chosen"}
    used = set(_named(data))
    data["sources"] = {key: value for key, value in sources.items() if key in used}
    return data


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with dotted paths unfolded, keys as text and floats as the decimals they show.

    >>> nested({"scenario.credit_rate": 0.2, "loans": {"maintenance_rate": {3: "0.1"}}})
    {'scenario': {'credit_rate': Decimal('0.2')}, 'loans': {'maintenance_rate': {'3': '0.1'}}}
    """
    tables: dict[str, Any] = {}
    for key, value in values.items():
        *above, last = str(key).split(".")
        entry: dict[str, Any] = {last: _exact(value)}
        for name in reversed(above):
            entry = {name: entry}
        join(tables, entry)
    return tables


def join(tables: dict[str, Any], more: dict[str, Any]) -> None:
    """Add values to tables, in place; one that stands there already is replaced."""
    for key, value in more.items():
        here = tables.get(key)
        if isinstance(here, dict) and isinstance(value, dict):
            join(here, value)
        else:
            tables[key] = value


def _exact(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _exact(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(entry) for entry in value]
    return Decimal(str(value)) if isinstance(value, float) else value


class _Layer:
    """One overlay on its way down; ``used_own``: a value came without a source."""

    def __init__(self) -> None:
        self.used_own = False

    def lay(
        self,
        data: dict[str, Any],
        over: dict[str, Any],
        section: dict[str, Any] | None,
        field: str,
        source: str,
    ) -> None:
        """Lay ``over`` on ``data``, ``field`` below the nearest ``section`` with a source."""
        named: Any = {}
        if "source" in data:
            section, field = data, ""
            source = over.pop("source", "") or OWN
            named = over.pop("sources", {})
        readable = isinstance(named, dict) and all(isinstance(n, str) for n in named.values())
        for key, value in over.items():
            path = f"{field}.{key}" if field else key
            here = data.get(key)
            if isinstance(value, dict) and isinstance(here, dict) and _same_kind(value, here):
                self.lay(here, value, section, path, source)
                continue
            data[key] = value
            if isinstance(value, dict) and (section is None or "source" in value):
                self.used_own |= value.setdefault("source", OWN) == OWN  # a whole section
            elif section is not None:
                self._credit(section, path, named.get(path, source) if readable else source)
        if section is data and readable:
            for path, name in named.items():
                data.setdefault("sources", {})[path] = name
        elif section is data:
            data["sources"] = named  # for the schema to refuse

    def _credit(self, section: dict[str, Any], path: str, source: str) -> None:
        sources = section.setdefault("sources", {})
        for old in [key for key in sources if key == path or key.startswith(f"{path}.")]:
            del sources[old]
        if source == OWN:
            self.used_own = True
        sources[path] = source


def _same_kind(value: dict[str, Any], here: dict[str, Any]) -> bool:
    """Whether a table can be laid over another: a component of another kind replaces it."""
    return "kind" not in value or value["kind"] == here.get("kind")


def _named(data: Any) -> list[str]:
    """Return the ids of sources that sections name."""
    if not isinstance(data, dict):
        return []
    found = [data["source"]] if isinstance(data.get("source"), str) else []
    if isinstance(data.get("source"), str) and isinstance(data.get("sources"), dict):
        found += [name for name in data["sources"].values() if isinstance(name, str)]
    for value in data.values():
        found += _named(value)
    return found
