"""Goal: data are never code: nothing read from a file, a database or a network is executed.

Method: look in the syntax tree of everything that is installed for what executes or rebuilds
objects: eval, pickles, shells, modules loaded from a path, SQL put together from text.  What is
needed all the same stands in ``ALLOWED`` with its reason; SECURITY.md says what it protects from.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import name_of, python_files, syntax

FILES = python_files("simulator", "strategies", "replay_data")

MADE = "SQL put together"

ALLOWED = {
    ("simulator/cli/strategies.py", "compile"): "finds errors of syntax; runs nothing",
    ("simulator/cli/strategies.py", "spec_from_file_location"): "--strategy PATH, checked by name",
    ("simulator/cli/strategies.py", "exec_module"): "--strategy PATH, checked by name",
    ("simulator/cli/strategies.py", "import_module"): "a name that is in strategy_names()",
    ("simulator/cli/compiled.py", "spec_from_file_location"): "the same file, compiled",
    ("simulator/cli/compiled.py", "exec_module"): "the same file, compiled",
    ("simulator/cli/compiled.py", "ExtensionFileLoader"): "the same file, compiled",
    ("simulator/cli/frame.py", "import_module"): "a name that is in COMMANDS",
    ("simulator/__init__.py", "import_module"): "a name that is in __all__",
    ("simulator/store/bulk.py", MADE): "names of tables and columns in TABLES; values are bound",
    ("simulator/store/writing_process.py", MADE): "PRAGMA takes no parameters; constants",
    ("simulator/store/migrations/versions/0001_first.py", MADE): "names that stand in the file",
}
"""What is used in a file although it is banned, and why it executes no data."""

BANNED_MODULES = {
    "code", "codeop", "cloudpickle", "dill", "imp", "joblib", "jsonpickle", "marshal", "pickle",
    "runpy", "shelve", "telnetlib", "_pickle",
}  # fmt: skip
BANNED_NAMES = {"eval", "exec", "compile", "__import__", "breakpoint"}
BANNED_ATTRIBUTES = {
    "exec_module", "load_module", "spec_from_file_location", "ExtensionFileLoader",
    "SourceFileLoader", "read_pickle", "to_pickle", "mktemp", "unsafe_load", "full_load",
    "load_all", "literal_column",
}  # fmt: skip
OF_MODULES = {
    "os": {"system", "popen", "execv", "execve", "execvp", "spawnl", "spawnv", "startfile"},
    "subprocess": {"getoutput", "getstatusoutput"},
    "builtins": BANNED_NAMES,
}
SAFE_YAML = {"_Loader"}
"""Subclasses of ``yaml.SafeLoader``; a test below holds that they are."""

SQL = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|PRAGMA|COPY|VACUUM|ATTACH|TRUNCATE"
    r"|GRANT|WITH|LOCK|SET)\s+[A-Za-z_*\"({]",
)
EXECUTING = {"execute", "executemany", "executescript", "exec_driver_sql", "text", "copy"}
"""Calls whose first argument is SQL where it is text."""


def banned(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield name and place of what executes data or could."""
    for node in ast.walk(tree):
        line = f"line {getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            yield from ((n.name, line) for n in node.names if top(n.name) in BANNED_MODULES)
        if isinstance(node, ast.ImportFrom):
            if top(node.module or "") in BANNED_MODULES:
                yield node.module or "", line
            for name in node.names:
                if name.name in OF_MODULES.get(node.module or "", set()):
                    yield name.name, line
        if isinstance(node, ast.Call):
            yield from ((name, line) for name in banned_call(node))
        if isinstance(node, ast.JoinedStr | ast.BinOp) and is_put_together(node):
            yield MADE, line


def top(module: str) -> str:
    return module.partition(".")[0]


def banned_call(node: ast.Call) -> Iterator[str]:
    """Yield what is wrong with a call."""
    called, owner = name_called(node)
    if called in BANNED_ATTRIBUTES or (not owner and called in BANNED_NAMES):
        yield called
    if called in OF_MODULES.get(owner, set()):
        yield called
    first = node.args[0] if node.args else None
    if called == "import_module" and not isinstance(first, ast.Constant):
        yield called
    if called == "load" and owner == "yaml":
        loaders = [word.value for word in node.keywords if word.arg == "Loader"] + node.args[1:]
        if not any(isinstance(one, ast.Name) and one.id in SAFE_YAML for one in loaders):
            yield "yaml.load"
    for word in node.keywords:
        if word.arg in ("shell", "allow_pickle") and not is_false(word.value):
            yield f"{word.arg}="
    if called in EXECUTING and first is not None and is_made(first):
        yield MADE
    if called == "format" and isinstance(node.func, ast.Attribute):
        text = node.func.value
        if isinstance(text, ast.Constant) and SQL.match(str(text.value)):
            yield MADE


def name_called(node: ast.Call) -> tuple[str, str]:
    """Return the last name of what is called, and what stands before it (empty if nothing)."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr, ast.unparse(node.func.value)
    return (node.func.id, "") if isinstance(node.func, ast.Name) else ("", "")


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def is_made(node: ast.expr) -> bool:
    """Return whether an expression is text with values in it, by its own syntax."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Mod) and any(map(is_text, (node.left, node.right)))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in ("format", "join") and is_text(node.func.value)
    return False


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def is_put_together(node: ast.JoinedStr | ast.BinOp) -> bool:
    """Return whether text that begins as SQL does has values put into it."""
    first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
    if isinstance(node, ast.BinOp):
        first = node.left
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        return False
    return bool(SQL.match(first.value)) and is_made(node)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_data_are_never_code(path: Path) -> None:
    found = [
        (name, place)
        for name, place in banned(syntax(path))
        if (name_of(path), name) not in ALLOWED
    ]
    assert found == []


@pytest.mark.parametrize(("file", "name"), ALLOWED, ids=str)
def test_exceptions_are_still_needed(file: str, name: str) -> None:
    (path,) = [path for path in FILES if name_of(path) == file]
    assert name in {found for found, _ in banned(syntax(path))}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_process_takes_modules_from_the_working_folder(path: Path) -> None:
    """``python -m`` puts the folder that one stands in before everything else, -P does not."""
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.List | ast.Tuple):
            words = [ast.unparse(one) for one in node.elts]
            if "sys.executable" in words[:-1]:
                assert words[words.index("sys.executable") + 1] == "'-P'", f"line {node.lineno}"


def test_yaml_loaders_are_safe() -> None:
    import yaml

    from simulator.calculator import read

    for name in SAFE_YAML:
        assert issubclass(vars(read)[name], yaml.SafeLoader)


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "import os, marshal",
        "from os import system",
        "os.system(command)",
        "eval(text)",
        "exec(text, {})",
        "__import__(name)",
        "builtins.eval(text)",
        "subprocess.run(command, shell=True)",
        "subprocess.run(command, shell=asked)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.load(text, yaml.FullLoader)",
        "yaml.unsafe_load(text)",
        "import_module(f'strategies.{name}')",
        "importlib.util.spec_from_file_location(name, path)",
        "connection.execute(text(f'SELECT * FROM {table}'))",
        "connection.execute('SELECT * FROM runs WHERE n = %s' % n)",
        "connection.execute('SELECT * FROM runs WHERE n = ' + n)",
        "connection.exec_driver_sql('{}'.format(sql))",
        "sql = f'DELETE FROM {table}'",
        "sql = 'DROP TABLE ' + table",
        "sql = 'COPY {} FROM STDIN'.format(table)",
        "cursor.executemany(','.join(parts), rows)",
    ],
)
def test_bans_are_seen(code: str) -> None:
    assert list(banned(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "subprocess.run(command, shell=False)",
        "re.compile(pattern)",
        "import_module('simulator.simulation')",
        "yaml.load(text, Loader=_Loader)",
        "connection.execute(select(runs).where(runs.c.n == n))",
        "connection.execute(text('SELECT 1'))",
        "raise InputError(f'Select one of {names}')",
        "raise InputError(f'set {name} to a number')",
        "model.execute(order)",
    ],
)
def test_harmless_code_passes(code: str) -> None:
    assert not list(banned(ast.parse(code)))
