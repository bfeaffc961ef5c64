"""The peers: engines we measure against, each in an environment of its own under
bench/.venvs.

Setting a peer up finds an interpreter that it supports, makes the environment and installs it
with pip from whatever index pip is set up for.  What does not work is a result too:
``Setup.reason`` says why, and the table of figures carries that sentence in place of the peer's
numbers.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).parent
VENVS = BENCH / ".venvs"

INSTALL_SECONDS = 900
"""Longest time that pip may take for one peer."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A package to compare with: what pip installs and the Python versions it runs on."""

    name: str
    requirement: str
    distribution: str
    pythons: tuple[tuple[int, int], ...]

    @property
    def python(self) -> Path:
        """Interpreter of its environment."""
        return VENVS / self.name / "bin" / "python"

    @property
    def driver(self) -> Path:
        """Script that runs its cases."""
        return BENCH / "drivers" / f"{self.name}_driver.py"


PEERS = {
    peer.name: peer
    for peer in (
        Peer("hftbacktest", "hftbacktest==2.4.*", "hftbacktest", ((3, 12), (3, 11), (3, 13))),
        Peer("nautilus_trader", "nautilus_trader", "nautilus_trader", ((3, 12), (3, 13), (3, 14))),
        Peer("backtesting", "backtesting", "backtesting", ((3, 12), (3, 11), (3, 13))),
        Peer("lrvx", "lrvx==0.11.*", "lrvx", ((3, 11), (3, 12), (3, 13))),
    )
}


@dataclass(frozen=True, slots=True)
class Setup:
    """Outcome of setting a peer up: its versions, or the reason why it cannot be measured."""

    peer: Peer
    version: str = ""
    python: str = ""
    reason: str = ""

    @property
    def works(self) -> bool:
        return not self.reason


def set_up(peer: Peer) -> Setup:
    """Return the peer's environment, made now if it is not there yet."""
    installed = _installed(peer)
    if installed:
        return installed
    interpreter = _interpreter(peer)
    if interpreter is None:
        wanted = " or ".join(f"{major}.{minor}" for major, minor in peer.pythons)
        return Setup(peer, reason=f"no Python {wanted} on this machine")
    for command in (
        [str(interpreter), "-m", "venv", "--clear", str(VENVS / peer.name)],
        [str(peer.python), "-m", "pip", "install", "--quiet", peer.requirement],
    ):
        reason = _failure(command)
        if reason:
            shutil.rmtree(VENVS / peer.name, ignore_errors=True)
            return Setup(peer, reason=reason)
    return _installed(peer) or Setup(peer, reason="installed, but it cannot be imported")


def _installed(peer: Peer) -> Setup | None:
    """Return the working environment, or ``None`` where there is none."""
    if not peer.python.exists():
        return None
    code = (
        "import importlib.metadata, platform, importlib;"
        f"importlib.import_module({peer.name!r});"
        f"print(importlib.metadata.version({peer.distribution!r}), platform.python_version())"
    )
    answer = subprocess.run([str(peer.python), "-c", code], capture_output=True, text=True)
    if answer.returncode:
        return None
    version, python = answer.stdout.split()[-2:]
    return Setup(peer, version, python)


def _failure(command: list[str]) -> str:
    """Run a command; return the sentence that says why it failed, empty if it did not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"installing took longer than {INSTALL_SECONDS} s"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines
    return errors[-1].strip() if errors else f"{command[2]} ended with {done.returncode}"


def _interpreter(peer: Peer) -> Path | None:
    """Return an interpreter of a version that the peer supports, the preferred version first."""
    for wanted in peer.pythons:
        for path in _candidates(wanted):
            if _version(path) == wanted:
                return path
    return None


def _candidates(version: tuple[int, int]) -> Iterator[Path]:
    """Yield where an interpreter of a version may be: ours, the path, pyenv's and uv's folders."""
    if sys.version_info[:2] == version:
        yield Path(sys.base_prefix) / "bin" / "python3"
    name = f"python{version[0]}.{version[1]}"
    found = shutil.which(name)
    if found:
        yield Path(found)
    for folder in (".pyenv/versions", ".local/share/uv/python"):
        yield from sorted((Path.home() / folder).glob(f"*/bin/{name}"), reverse=True)


def _version(python: Path) -> tuple[int, int] | None:
    """Return an interpreter's version, ``None`` if it does not run (a shim without a version)."""
    code = "import sys, venv; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([str(python), "-c", code], capture_output=True, text=True)
    except OSError:
        return None
    if answer.returncode:
        return None
    major, minor = answer.stdout.split()
    return int(major), int(minor)
