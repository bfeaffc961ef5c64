"""Other interpreters and compilers of this machine, and trees built with them.

What is found is kept in ``build/determinism``: an environment with the locked packages for each
Python, a copy of the tree for each build.  Copies keep the times of files, so that a later build
compiles only what has changed.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.conftest import ROOT
from tests.plain import COMPILED, PACKAGES

KEPT = ROOT / "build" / "determinism"
VERSIONS = ((3, 11), (3, 12), (3, 13), (3, 14))
"""What pyproject.toml promises."""

PLACES = (
    "~/.pyenv/versions/*/bin/python",
    "~/.local/share/uv/python/cpython-*/bin/python3",
    "~/.asdf/installs/python/*/bin/python",
    "/opt/python/*/bin/python3",
    "/opt/hostedtoolcache/Python/*/x64/bin/python",
    "/usr/local/bin/python3.*[0-9]",
    "/usr/bin/python3.*[0-9]",
)
"""Where interpreters lie that are not on the path; ``UNIMARGIN_PYTHONS`` names others."""

PROBE = "import sys; print(sys.implementation.name, *sys.version_info[:2])"


class MissingError(Exception):
    """What this machine does not have, in one line."""


@dataclass(frozen=True)
class Build:
    """A compiler and its flags, beside those of ``setup.py``."""

    name: str
    compiler: tuple[str, ...]
    flags: str


BUILDS = (
    Build("gcc -O3", ("gcc",), "-O3"),
    Build("gcc x86-64-v3", ("gcc",), "-O3 -march=x86-64-v3 -ffp-contract=off"),
    Build("gcc native", ("gcc",), "-march=native -ffp-contract=off"),
    Build("gcc -O0", ("gcc",), "-O0"),
    Build("clang -O2", ("clang",), ""),
    Build("clang x86-64-v3", ("clang",), "-O3 -march=x86-64-v3 -ffp-contract=off"),
    Build("zig", (sys.executable, "-m", "ziglang", "cc"), ""),
)


@cache
def interpreters() -> dict[tuple[int, int], Path]:
    """Return one CPython for each version that is promised and found here."""
    named = [Path(one) for one in os.environ.get("UNIMARGIN_PYTHONS", "").split(os.pathsep) if one]
    names = [f"python{major}.{minor}" for major, minor in VERSIONS]
    named += [Path(found) for name in names if (found := shutil.which(name))]
    for place in PLACES:
        first, *rest = Path(place).expanduser().parts
        named += sorted(Path(first).glob(str(Path(*rest))), reverse=True)
    found: dict[tuple[int, int], Path] = {}
    for path in named:
        version = version_of(path)
        if version in VERSIONS:
            found.setdefault(version, path)
    return found


def version_of(python: Path) -> tuple[int, int]:
    """Return the version of a CPython, (0, 0) of what is none."""
    try:
        done = subprocess.run(
            [str(python), "-c", PROBE], capture_output=True, text=True, check=True, timeout=120
        )
        name, major, minor = done.stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0, 0
    return (int(major), int(minor)) if name == "cpython" else (0, 0)


def environment(version: tuple[int, int]) -> Path:
    """Return the Python of an environment with the locked packages.

    Raises ``MissingError`` where there is no such interpreter, or the packages cannot be had.
    """
    if version == sys.version_info[:2]:
        return Path(sys.executable)
    words = ".".join(map(str, version))
    if version not in interpreters():
        raise MissingError(f"no Python {words} here")
    lock = ROOT / "requirements.lock"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = KEPT / f"python{words}-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "whole").is_file():
        run([str(interpreters()[version]), "-m", "venv", "--clear", str(folder)], ROOT)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--require-hashes", "--requirement", str(lock)], ROOT)
        (folder / "whole").touch()
    return python


def tree(name: str) -> Path:
    """Return a copy of the tree, brought up to date, that a build may compile in."""
    target = KEPT / name.replace(" ", "-")
    for part in (*PACKAGES, "tests", "docs"):
        shutil.copytree(ROOT / part, target / part, ignore=COMPILED, dirs_exist_ok=True)
    translated = Path("build") / "cython"  # C sources, the same for every Python and compiler
    if (ROOT / translated).is_dir():
        shutil.copytree(ROOT / translated, target / translated, dirs_exist_ok=True)
    for file in ("pyproject.toml", "setup.py", "README.md", "requirements.lock"):
        shutil.copy2(ROOT / file, target / file)
    return target


def built(name: str, python: Path, compiler: tuple[str, ...] = (), flags: str = "") -> Path:
    """Return a tree compiled in place by an interpreter's Cython and a compiler."""
    if compiler and shutil.which(compiler[0]) is None:
        raise MissingError(f"no {compiler[0]} here")
    if "ziglang" in compiler:
        run([*compiler, "--version"], ROOT)
    target = tree(name)
    more = {"UNIMARGIN_CFLAGS": flags}
    if compiler:
        more |= {"CC": shlex.join(compiler), "LDSHARED": f"{shlex.join(compiler)} -shared"}
    command = [str(python), "setup.py", "--quiet", "build_ext", "--inplace", "--parallel", "2"]
    run(command, target, more)
    if not list(target.glob("simulator/exchange/core.*.so")):
        raise MissingError(f"{name}: nothing was compiled")
    return target


def run(command: list[str], folder: Path, more: dict[str, str] | None = None) -> str:
    """Run a command and return what it printed; ``MissingError`` with its last line if it fails."""
    environment = {**os.environ, **(more or {})}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise MissingError(f"{shlex.join(command[:4])}: {lines[-1] if lines else done.returncode}")
    return done.stdout
