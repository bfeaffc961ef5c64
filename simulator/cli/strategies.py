"""Strategies by name: ``NAME`` is ``strategies/NAME.py``, ``path.py:Class`` the user's own."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from simulator.cli.scenario import nearest
from simulator.errors import InputError


def strategy_names() -> list[str]:
    """Return the names of the strategies that come with the package, sorted."""
    import strategies

    files = (path for folder in strategies.__path__ for path in Path(folder).glob("*.py"))
    return sorted(path.stem for path in files if not path.stem.startswith("_"))


def strategy_class(name: str) -> type[Any]:
    """Return the class that ``NAME`` or ``path.py:Class`` names.

    Raises ``InputError`` if there is no such file, module or class.
    """
    path, _, wanted = name.partition(":")
    if path.endswith(".py"):
        return _pick(_load_file(Path(path)), wanted, name)
    if path not in strategy_names():
        raise InputError(f"unknown strategy {name!r}{nearest(path, strategy_names())}")
    return _pick(import_module(f"strategies.{path}"), wanted, name)


def build(kinds: Sequence[type[Any]], parameters: Mapping[str, str]) -> list[Any]:
    """Return fresh strategies; each parameter goes to every strategy that has it.

    Raises ``InputError`` for a parameter that no strategy has, or a value of the wrong kind.
    """
    known = [_parameters(kind) for kind in kinds]
    every = sorted({name for names in known for name in names})
    for name in parameters:
        if name not in every:
            raise InputError(f"--param {name}: no strategy has it{nearest(name, every)}")
    made = []
    for kind, names in zip(kinds, known, strict=True):
        chosen = {n: _value(n, text, names[n]) for n, text in parameters.items() if n in names}
        try:
            made.append(kind(**chosen))
        except (TypeError, ValueError) as error:
            raise InputError(f"strategy {kind.__name__}: {error}") from error
    return made


def _parameters(kind: type[Any]) -> dict[str, Any]:
    """Return names and defaults of a strategy's constructor."""
    try:
        signature = inspect.signature(kind)
    except ValueError:  # a compiled class without a signature
        return {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: one.default for name, one in signature.parameters.items() if one.kind in named}


def _value(name: str, text: str, default: Any) -> Any:
    """Return ``text`` as the kind of value that the parameter's default is."""
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(default, (int, float, Decimal)):
            return type(default)(text)
    except (ValueError, KeyError, InvalidOperation) as error:
        kind = type(default).__name__
        raise InputError(f"--param {name}={text}: not a value of kind {kind}") from error
    return tuple(text.split(",")) if isinstance(default, tuple) else text


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"strategy {path}: no such file")
    spec = spec_from_file_location(f"user_strategy_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"strategy {path}: not a Python file")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError) as error:
        raise InputError(f"strategy {path}: cannot be imported: {error}") from error
    return module


def _pick(module: ModuleType, wanted: str, name: str) -> type[Any]:
    found = {
        key: value
        for key, value in vars(module).items()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and any(base.__name__ == "Strategy" for base in value.__mro__[1:])
    }
    if wanted:
        if wanted not in found:
            raise InputError(
                f"strategy {name}: no Strategy class {wanted!r}{nearest(wanted, [*found])}"
            )
        return found[wanted]
    if len(found) != 1:
        raise InputError(f"strategy {name}: say which class, as {name}:CLASS; found {len(found)}")
    return next(iter(found.values()))
