"""Strategies by name: ``NAME`` is ``strategies/NAME.py``, ``path.py:Class`` the user's own.

A strategy is code and runs with the user's rights, so a path is loaded only when the command line
names it: what a file of data (a scenario, a database) says of paths is never enough.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
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


def is_path(name: str) -> bool:
    """Return whether a strategy's name means a file, not one that comes with the package.

    >>> is_path("mine.py:Mine"), is_path("mine.py"), is_path("cash_and_carry")
    (True, True, False)
    """
    return ".py:" in name or name.endswith(".py")


def check_named(
    names: Sequence[str], named: Sequence[str], where: str, option: str = "--strategy "
) -> None:
    """Raise ``InputError`` if a path among ``names`` is not one that the command line ``named``.

    ``where`` is what else names it: a scenario, a stored run; ``option`` would name it.
    """
    unnamed = [name for name in names if is_path(name) and name not in named]
    if unnamed:
        several = option.endswith("=")
        options = (
            option + ",".join(names) if several else " ".join(f"{option}{name}" for name in names)
        )
        raise InputError(
            f"{where}: {unnamed[0]} is code, and is loaded only when the command line names it: "
            f"look at it, then add {options}"
        )


def strategy_class(
    name: str, *, compiled: bool = False, note: Callable[[str], None] = lambda _line: None
) -> type[Any]:
    """Return the class that ``NAME`` or ``path.py:Class`` names.

    ``compiled``: its file is compiled first where that can be; ``note`` is told in one line.
    Raises ``InputError`` if there is no such file, module or class.
    """
    path, _, wanted = name.rpartition(":") if ".py:" in name else (name, "", "")
    if path.endswith(".py"):
        return _pick(_load_file(Path(path), compiled, note), wanted, name)
    path, _, wanted = name.partition(":")
    if path not in strategy_names():
        raise InputError(f"unknown strategy {name!r}{nearest(path, strategy_names())}")
    if compiled:
        return _pick(_load_file(_source_of(path), compiled, note), wanted, name)
    return _pick(import_module(f"strategies.{path}"), wanted, name)


def check_known(kinds: Sequence[type[Any]], given: Sequence[str], where: str = "--param") -> None:
    """Raise ``InputError`` for a parameter that no strategy has; ``where`` it was given."""
    every = sorted({name for kind in kinds for name in _parameters(kind)})
    for name in given:
        if name not in every:
            raise InputError(f"{where} {name}: no strategy has it{nearest(name, every)}")


def build(
    kinds: Sequence[type[Any]],
    parameters: Mapping[str, str],
    *,
    others: bool = False,
    where: str = "--param",
) -> list[Any]:
    """Return fresh strategies; each parameter, given ``where``, goes to every one that has it.

    Raises ``InputError`` for a parameter that no strategy has, unless there are ``others`` that may
    have it, or a value of the wrong kind.
    """
    if not others:
        check_known(kinds, list(parameters), where)
    known = [_parameters(kind) for kind in kinds]
    made = []
    for kind, names in zip(kinds, known, strict=True):
        given = {n: text for n, text in parameters.items() if n in names}
        chosen = {n: _value(f"{where} {n}={text}", text, names[n]) for n, text in given.items()}
        try:
            made.append(kind(**chosen))
        except (TypeError, ValueError) as error:
            raise InputError(f"strategy {kind.__name__}: {error}") from error
        except Exception as error:
            raise InputError(f"strategy {kind.__name__}: cannot be made: {_said(error)}") from error
    return made


def _parameters(kind: type[Any]) -> dict[str, Any]:
    """Return names and defaults: the constructor's, and a ``Strategy``'s own where it takes any."""
    try:
        signature = inspect.signature(kind)
    except ValueError:  # a compiled class without a signature
        return {}
    kinds = {one.kind for one in signature.parameters.values()}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    found = {name: one.default for name, one in signature.parameters.items() if one.kind in named}
    if inspect.Parameter.VAR_KEYWORD in kinds and hasattr(kind, "parameters"):
        found = {**kind.parameters(), **found}
    return found


def _value(said: str, text: str, default: Any) -> Any:
    """Return ``text`` as the kind of value that the parameter's default is; ``said`` if not."""
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(default, (int, float, Decimal)):
            number = type(default)(text)
            if number != number:  # a comparison in the strategy would let NaN through
                raise ValueError(text)
            return number
    except (ValueError, KeyError, InvalidOperation) as error:
        kind = type(default).__name__
        raise InputError(f"{said}: not a value of kind {kind}") from error
    return tuple(text.split(",")) if isinstance(default, tuple) else text


def _source_of(name: str) -> Path:
    import strategies

    folders = (Path(folder) / f"{name}.py" for folder in strategies.__path__)
    return next(path for path in folders if path.is_file())


def _load_file(path: Path, compiled: bool, note: Callable[[str], None]) -> ModuleType:
    if not path.is_file():
        raise InputError(f"strategy {path}: no such file")
    # Two files of one name in two folders are two modules.
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    name = f"user_strategy_{re.sub(r'[^A-Za-z0-9]', '_', path.stem)}_{place}"
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        made = None
        if compiled:
            from simulator.cli.compiled import load_compiled

            made = load_compiled(path, name, note)
        return made or _load_source(path, name)
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        raise InputError(f"strategy {path}: {where}{error.msg}") from error
    except Exception as error:
        raise InputError(f"strategy {path}: cannot be imported: {_said(error)}") from error


def _load_source(path: Path, name: str) -> ModuleType:
    spec = spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise InputError(f"strategy {path}: not a Python file")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _said(error: Exception) -> str:
    """Return an exception in one line, with the line of the file that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" (line {frames[-1].lineno})" if frames and frames[-1].lineno else ""
    return f"{type(error).__name__}: {error}{where}"


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
