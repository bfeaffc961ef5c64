"""Read rulebooks: the bundled ones by name, any other by path."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simulator.errors import InputError
from simulator.files import TOO_DEEP, text_of
from simulator.rulebook.messages import first_error, nearest
from simulator.rulebook.overlay import overlay
from simulator.rulebook.schema import Rulebook

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Return the names of the bundled rulebooks, ``textbook`` (the default) first."""
    found = {path.stem for path in FOLDER.glob("*.toml") if "." not in path.stem}
    return sorted(found, key=lambda name: (name != "textbook", name))


def load(name_or_path: str | Path) -> Rulebook:
    """Return a rulebook, checked: a bundled one by name, else the TOML file at the path.

    A file may ``include`` others beside it, whose tables are added to its own, and may ``extends``
    another rulebook (a bundled name, or a file beside it), of which it then replaces values, after
    taking away those whose paths it lists in ``without``.
    Raises InputError naming the file, the path of the wrong value in it, and what would be right.
    """
    path = _find(str(name_or_path), Path())
    try:
        return Rulebook.model_validate(_data(path, ()))
    except ValidationError as error:
        raise InputError(f"{path}: {first_error(error, Rulebook)}") from None


def _find(text: str, folder: Path) -> Path:
    path = Path(text)
    if path.suffix == ".toml" or path.name != text:
        if not (folder / path).is_file():
            raise InputError(f"rulebook {text}: no such file")
        return folder / path
    if text not in names():
        raise InputError(
            f"rulebook {text!r} is not known{nearest(text, names())}; "
            f"bundled: {', '.join(names())}; or give the path of a .toml file"
        )
    return FOLDER / f"{text}.toml"


def _data(path: Path, below: tuple[Path, ...]) -> dict[str, Any]:
    """Return a file's tables with those it includes, over those it extends."""
    if path.resolve() in below:
        raise InputError(f"{path}: extends: the file extends itself")
    data = _read(path)
    includes = data.pop("include", [])
    if not isinstance(includes, list) or not all(isinstance(name, str) for name in includes):
        raise InputError(f"{path}: include: must be a list of file names")
    for name in includes:
        other = path.parent / name
        if not other.is_file():
            raise InputError(f"{path}: include: no such file beside it: {name}")
        _add(data, _read(other), path, other)
    if "extends" not in data:
        return data
    base, without = data.pop("extends"), data.pop("without", [])
    if not isinstance(base, str):
        raise InputError(f"{path}: extends: must be the name or the path of a rulebook")
    try:
        found = _find(base, path.parent)
    except InputError as error:
        raise InputError(f"{path}: extends: {error}") from None
    under = _data(found, (*below, path.resolve()))
    _take_away(under, without, path)
    return overlay(under, data, f"Stated by {path.name}, without a source")


def _take_away(data: dict[str, Any], paths: Any, path: Path) -> None:
    if not isinstance(paths, list) or not all(isinstance(name, str) for name in paths):
        raise InputError(f"{path}: without: must be a list of paths")
    for name in paths:
        *above, last = name.split(".")
        table: Any = data
        for key in above:
            table = table.get(key) if isinstance(table, dict) else None
        if not isinstance(table, dict) or last not in table:
            known = table if isinstance(table, dict) else data
            raise InputError(f"{path}: without: nothing at {name}{nearest(last, known)}")
        del table[last]


def _read(path: Path) -> dict[str, Any]:
    text = text_of(path)
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except RecursionError:
        raise InputError(f"{path}: {TOO_DEEP}") from None
    except (ValueError, ArithmeticError) as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None


def _add(data: dict[str, Any], more: dict[str, Any], path: Path, other: Path) -> None:
    for key, value in more.items():
        mine = data.get(key)
        if key == "sources" and isinstance(mine, dict) and isinstance(value, dict):
            twice = sorted(mine.keys() & value.keys())
            if twice:
                raise InputError(f"{other}: sources.{twice[0]}: stands in {path.name} too")
            mine.update(value)
        elif key in data:
            raise InputError(f"{other}: {key}: stands in {path.name} too")
        else:
            data[key] = value
