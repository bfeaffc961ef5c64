"""Read a portfolio document: a file, text, standard input, or a mapping; YAML or JSON.

Scalars of YAML are kept as written, so that a number keeps every digit.  What is wrong raises
InputError with one line: where it came from, the path of the wrong value, what would be right.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Hashable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from simulator.calculator.document import Document
from simulator.errors import InputError
from simulator.files import TOO_DEEP, text_of

BYTES_MAX = 4_000_000
"""Largest document; 500 positions have 50 kB."""

SAID = {
    "dict_type": "must be a table of keys",
    "model_type": "must be a table of keys",
    "tuple_type": "must be a list",
    "string_type": "must be text",
    "int_parsing": "must be a whole number",
    "bool_parsing": "must be true or false",
}
"""Words for what the validator says in terms of its own types."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types here
    """YAML in which every scalar is a string, null apart, and no key stands twice."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the library's way to say it
        first: [(tag, pattern) for tag, pattern in found if tag == "tag:yaml.org,2002:null"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for name in names:
            if names.count(name) > 1:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {name!r:.40} stands twice", problem_mark=node.start_mark
                )
        made: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return made


def read(source: str | Path | Mapping[str, Any] | Document) -> Document:
    """Return the document that ``source`` names or is; ``-`` is standard input.

    A string with a line break or a brace is the document's text, any other the path of a file.
    """
    if isinstance(source, Document):
        return source
    if isinstance(source, Mapping):
        return parse(source, "document")
    text = str(source)
    if isinstance(source, str) and text == "-":
        return parse(from_text(_standard_input(), "standard input"), "standard input")
    if isinstance(source, str) and ("\n" in text or "{" in text or ": " in text):
        return parse(from_text(text, "document"), "document")
    path = Path(text)
    return parse(from_text(text_of(path, BYTES_MAX), str(path)), str(path))


def _standard_input() -> str:
    try:
        text = sys.stdin.read(BYTES_MAX + 1)
    except UnicodeDecodeError as error:
        raise InputError(f"standard input: not UTF-8 text (byte {error.start})") from None
    if len(text) > BYTES_MAX:
        raise InputError(
            f"standard input: more than {BYTES_MAX:,} characters; no portfolio document"
        )
    return text.removeprefix("\ufeff")


def from_text(text: str, where: str) -> Any:
    """Return what YAML or JSON text says; InputError with the line where it is neither."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(
                text,
                parse_float=Decimal,
                parse_constant=_no_constant,
                object_pairs_hook=_no_key_twice,
            )
        except json.JSONDecodeError as error:
            failed = f"{where}: not valid JSON: {error.msg} in line {error.lineno}"
            if "\t" in text:
                raise InputError(failed) from None
        except RecursionError:
            raise InputError(f"{where}: {TOO_DEEP}") from None
        except ValueError as error:
            raise InputError(f"{where}: {error}") from None
    try:
        return yaml.load(text, Loader=_Loader)  # nosec B506 # _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f" in line {mark.line + 1}" if mark else ""
        raise InputError(f"{where}: not valid YAML: {error.problem or error.context}{line}") from (
            None
        )
    except yaml.YAMLError as error:
        raise InputError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from None
    except (RecursionError, ValueError, TypeError):
        raise InputError(f"{where}: not valid YAML") from None


def _no_constant(name: str) -> Decimal:
    raise ValueError(f"{name} is no number")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the key {name!r:.40} stands twice")
    return dict(pairs)


def parse(data: Any, where: str) -> Document:
    """Return the document of parsed data; ``where`` begins the message of an error."""
    if not isinstance(data, Mapping):
        raise InputError(
            f"{where}: must be a table of keys such as balances and positions, not "
            f"{'empty' if data is None else type(data).__name__}"
        )
    try:
        return Document.model_validate(dict(data))
    except ValidationError as error:
        raise InputError(f"{where}: {first_error(error)}") from None
    except RecursionError:
        raise InputError(f"{where}: {TOO_DEEP}") from None


def first_error(error: ValidationError) -> str:
    """Return a validation's first error as ``path: what is wrong``."""
    first = error.errors(include_url=False)[0]
    path = ""
    for part in first["loc"]:
        if part != "[key]":
            path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        message = "missing"
    elif first["type"] != "value_error":
        message = f"{message[0].lower()}{message[1:]}".replace("input should", "must")
        message = SAID.get(first["type"], message)
        if isinstance(first["input"], Mapping | list):
            message += f", not a {'list' if isinstance(first['input'], list) else 'table'}"
        if isinstance(first["input"], str | int | float | Decimal):
            message += f", not {str(first['input'])!s:.60}"
    return f"{path}: {message}" if path else message
