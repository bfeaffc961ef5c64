"""What is wrong in a rulebook, in one line with the path of the value."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo


def first_error(error: ValidationError, root: type[BaseModel]) -> str:
    """Return the first error of a ``root`` as ``path: what is wrong``; an unknown key comes with
    the nearest known one.
    """
    found = error.errors()
    # A misspelt key shows as unknown and as missing; the unknown one is what the reader typed.
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    place, kind = _place(first["loc"], root)
    path = ".".join(place)
    if first["type"] == "extra_forbidden":
        return f"{path}: unknown key{nearest(place[-1], _fields(kind))}"
    if first["type"] == "missing":
        return f"{path}: missing"
    if first["type"].startswith("union_tag"):
        tags = [str(tag) for tag in _members(kind)]
        given = str(first.get("ctx", {}).get("tag", ""))
        wrong = f"unknown kind {given!r}{nearest(given, tags)}" if given else "missing"
        return f"{path}.kind: {wrong}; there are {', '.join(tags)}"
    message = first["msg"].removeprefix("Value error, ").replace("Input", "input", 1)
    shown = first["input"]
    if first["type"] != "value_error" and isinstance(shown, str | int | Decimal):
        message += f", not {shown}"
    return f"{path}: {message}" if path else message


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` with the known word nearest to one, empty without any."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _place(location: tuple[int | str, ...], root: type[BaseModel]) -> tuple[list[str], Any]:
    """Return an error's place as it stands in the file, and the type of what is, or holds, it.

    pydantic's own place names, besides, which kind of component it took.
    """
    path: list[str] = []
    kind: Any = root
    for part in location:
        members = _members(kind)
        if members:
            kind = members.get(str(part), kind)
            continue
        path.append(str(part))
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(part))
            if field is None:
                break
            kind = _bare(field.annotation)
        else:  # an entry of a dict or tuple: the type of its values
            arguments = [a for a in typing.get_args(kind) if a is not Ellipsis]
            kind = _bare(arguments[-1]) if arguments else kind
    return path, kind


def _members(kind: Any) -> dict[str, Any]:
    """Return the models of a union by their ``kind``; empty for anything else."""
    if typing.get_origin(kind) is not typing.Annotated:
        return {}
    union, *extra = typing.get_args(kind)
    if not any(isinstance(e, FieldInfo) and e.discriminator for e in extra):
        return {}
    return {
        typing.get_args(model.model_fields["kind"].annotation)[0]: model
        for model in typing.get_args(union)
    }


def _bare(kind: Any) -> Any:
    """Return a type without ``None``, and without what constrains it, a union's mark excepted."""
    if _members(kind):
        return kind
    if typing.get_origin(kind) is typing.Annotated:
        return _bare(typing.get_args(kind)[0])
    options = [a for a in typing.get_args(kind) if a is not type(None)]
    if type(None) in typing.get_args(kind) and len(options) == 1:
        return _bare(options[0])
    return kind


def _fields(kind: Any) -> list[str]:
    is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
    return list(kind.model_fields) if is_model else []
