"""Read rulebooks: the bundled ones by name, any other by path."""

from __future__ import annotations

import difflib
import tomllib
import typing
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from simulator.errors import InputError
from simulator.rulebook.schema import Rulebook

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Return the names of the bundled rulebooks, ``textbook`` (the default) first."""
    found = {path.stem for path in FOLDER.glob("*.toml") if "." not in path.stem}
    return sorted(found, key=lambda name: (name != "textbook", name))


def load(name_or_path: str | Path) -> Rulebook:
    """Return a rulebook, checked: a bundled one by name, else the TOML file at the path.

    A file may ``include`` others beside it, whose tables are added to its own.  Raises InputError
    naming the file, the path of the wrong value in it, and what would be right.
    """
    text = str(name_or_path)
    path = Path(text)
    if path.suffix == ".toml" or path.name != text:
        if not path.is_file():
            raise InputError(f"rulebook {text}: no such file")
        return _parse(path)
    if text not in names():
        raise InputError(
            f"rulebook {text!r} is not known{_nearest(text, names())}; "
            f"bundled: {', '.join(names())}; or give the path of a .toml file"
        )
    return _parse(FOLDER / f"{text}.toml")


def _parse(path: Path) -> Rulebook:
    data = _read(path)
    includes = data.pop("include", [])
    if not isinstance(includes, list) or not all(isinstance(name, str) for name in includes):
        raise InputError(f"{path}: include: must be a list of file names")
    for name in includes:
        other = path.parent / name
        if not other.is_file():
            raise InputError(f"{path}: include: no such file beside it: {name}")
        _add(data, _read(other), path, other)
    try:
        return Rulebook.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{path}: {_first_error(error)}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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


def _first_error(error: ValidationError) -> str:
    """Return the first error as ``path: what is wrong``; an unknown key comes with the nearest
    known one.
    """
    found = error.errors()
    # A misspelt key shows as unknown and as missing; the unknown one is what the reader typed.
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _fields_at(first["loc"][:-1])
        return f"{path}: unknown key{_nearest(str(first['loc'][-1]), known)}"
    if first["type"] == "missing":
        return f"{path}: missing"
    message = first["msg"].removeprefix("Value error, ").replace("Input", "input", 1)
    shown = first["input"]
    if first["type"] != "value_error" and isinstance(shown, str | int | Decimal):
        message += f", not {shown}"
    return f"{path}: {message}" if path else message


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    """Return the names of the fields that the model at this place of the file has."""
    kind: Any = Rulebook
    for part in location:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(part)].annotation
        else:  # a dict's or tuple's entry: the type of its values
            kind = [a for a in typing.get_args(kind) if a is not Ellipsis][-1]
        options = [a for a in typing.get_args(kind) if a is not type(None)]
        if type(None) in typing.get_args(kind) and len(options) == 1:
            kind = options[0]
    return list(kind.model_fields) if issubclass(kind, BaseModel) else []


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
