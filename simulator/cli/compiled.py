"""``--compile``: a strategy's own file, compiled with Cython as it stands, and kept.

The file is read in Cython's pure Python mode, so plain Python is enough and ``cython`` annotations
are used where there are any.  Extensions are kept in the cache folder (``UNIMARGIN_CACHE``) under
the hash of the source and of all that decides what a compiler makes of it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

C_FLAGS = ("-O2", "-shared", "-fPIC", "-ffp-contract=off", "-w")
"""No fused multiply-add: a compiled strategy must decide as its source does."""

ROOT = Path(__file__).parent.parent.parent
"""Where ``simulator`` is imported from, for sources that cimport from it."""

Note = Callable[[str], None]


class CannotCompileError(Exception):
    """Why a file runs as plain Python, in one line."""


def compiler() -> list[str] | None:
    """Return the C compiler's command: ``CC``, Python's own, cc, gcc or clang; ``None`` without."""
    configured = str(sysconfig.get_config_var("CC") or "").split(" ")[0]
    for words in (os.environ.get("CC") or "", configured, "cc", "gcc", "clang"):
        command = shlex.split(words)
        if command and shutil.which(command[0]):
            return command
    return None


def load_compiled(source: Path, module: str, note: Note) -> ModuleType | None:
    """Return ``source`` as a compiled module named ``module``; ``None`` if it cannot be compiled.

    ``note`` is told in one line that it is being compiled, or why it is not.
    """
    try:
        extension = _cached(source, module, note)
    except CannotCompileError as reason:
        note(f"--compile: {reason}; {source.name} runs as plain Python")
        return None
    loader = ExtensionFileLoader(module, str(extension))
    spec = spec_from_file_location(module, extension, loader=loader)
    assert spec is not None, f"{extension} has no import specification"
    made = module_from_spec(spec)
    made.__dict__["__source__"] = str(source.resolve())
    sys.modules[module] = made
    loader.exec_module(made)
    return made


def _cached(source: Path, module: str, note: Note) -> Path:
    from simulator.replay.catalogue import cache_folder

    suffix = str(sysconfig.get_config_var("EXT_SUFFIX"))
    try:
        version = importlib.metadata.version("cython")
    except importlib.metadata.PackageNotFoundError:
        raise CannotCompileError("Cython is not installed") from None
    parts = (module, version, sys.version, suffix, " ".join(C_FLAGS))
    digest = hashlib.sha256("\0".join(parts).encode() + source.read_bytes()).hexdigest()
    extension = cache_folder() / "compiled" / digest[:32] / f"{module}{suffix}"
    if not extension.is_file():
        command = compiler()
        if command is None:
            raise CannotCompileError("no C compiler found (install one, or name it in CC)")
        note(f"compiling {source.name} with Cython {version}, kept in {extension.parent}")
        _build(source, module, command, extension)
    return extension


def _build(source: Path, module: str, command: list[str], extension: Path) -> None:
    """Compile into a folder of its own and move the result in place, whoever else does the same."""
    try:
        extension.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=extension.parent) as folder:
            c_file, made = Path(folder) / f"{module}.c", Path(folder) / extension.name
            # -P: a cython.py beside the strategy is not what was asked for.
            cython = [sys.executable, "-P", "-m", "cython", "-3", "-I", str(ROOT)]
            # From the source's folder, so that tracebacks name it alike wherever it is run from.
            named = ["--module-name", module, "-o", str(c_file), source.name]
            _call([*cython, *named], "Cython", source.resolve().parent)
            include = f"-I{sysconfig.get_path('include')}"
            _call([*command, *C_FLAGS, include, str(c_file), "-o", str(made)], command[0], folder)
            made.replace(extension)
    except OSError as error:
        raise CannotCompileError(f"{extension.parent}: {error.strerror or error}") from error


def _call(command: list[str], who: str, folder: Path | str) -> None:
    done = subprocess.run(  # nosec B603 # no shell; Cython and the user's own compiler
        command, capture_output=True, text=True, errors="replace", check=False, cwd=folder
    )
    if done.returncode:
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        found = [line for line in said if re.search(r"\.(py|c):\d+:", line)]
        first = (found or said or [f"exit code {done.returncode}"])[0]
        raise CannotCompileError(f"{who} refused it: {first}")
