"""How this installation was built: which hot modules run compiled, and what to say if they do not.

The hot modules are ordinary Python files.  The build compiles them where it finds a C compiler;
elsewhere the same files run as they are, with the same results, about a hundred times slower.

A source tree that is compiled in place keeps checksums of what was compiled, in ``build/``: after a
``git pull`` the compiled modules stand before newer sources until the next build, and mixtures of
the two fail anywhere.  The checksums stand against accidents, so CRC-32 is enough.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from zlib import crc32

HOT_MODULES = (
    "simulator.units.arithmetic",
    "simulator.units.functions",
    "simulator.events.records",
    "simulator.events.rows",
    "simulator.book.queue",
    "simulator.book.levels",
    "simulator.book.columns",
    "simulator.book.triggers",
    "simulator.ledger.columns",
    "simulator.risk.kernels",
    "simulator.risk.options",
    "simulator.risk.scan",
    "simulator.risk.requirement",
    "simulator.risk.pools",
    "simulator.risk.ewma",
    "simulator.risk.population",
    "simulator.risk.survey",
    "simulator.risk.bands_edges",
    "simulator.risk.bands_box",
    "simulator.risk.bands",
    "simulator.exchange.ring",
    "simulator.exchange.orders",
    "simulator.exchange.settlement",
    "simulator.exchange.venue",
    "simulator.exchange.liquidity",
    "simulator.exchange.marks",
    "simulator.exchange.holders",
    "simulator.exchange.guard",
    "simulator.exchange.liquidation_log",
    "simulator.exchange.waterfall",
    "simulator.exchange.closing",
    "simulator.exchange.upkeep",
    "simulator.exchange.core",
    "simulator.strategy.context",
)
"""Names of the modules that the build compiles; setup.py reads them here."""

ROOT = Path(__file__).resolve().parent.parent
"""Folder of the package: a source tree, or where packages are installed."""


def is_compiled(module: str) -> bool:
    """Return whether importing ``module`` gives compiled code, without importing it.

    >>> is_compiled("simulator.build_info")
    False
    """
    spec = find_spec(module)
    origin = "" if spec is None or spec.origin is None else spec.origin
    return origin.endswith(tuple(EXTENSION_SUFFIXES))


def compiled_modules() -> tuple[str, ...]:
    """Return the names of the hot modules that run compiled, in the build's order."""
    return tuple(module for module in HOT_MODULES if is_compiled(module))


def uncompiled_notice() -> str | None:
    """Return a line for the user if hot modules run uncompiled, ``None`` if all are compiled."""
    missing = len(HOT_MODULES) - len(compiled_modules())
    if not missing:
        return None
    return (
        f"{missing} of {len(HOT_MODULES)} hot modules run uncompiled: same results, much slower "
        "(install a C compiler, then reinstall)"
    )


def distribution_version() -> str:
    """Return the installed version, ``unknown`` where the package runs from a bare folder."""
    try:
        return version("unimargin")
    except PackageNotFoundError:
        return "unknown"


def compiled_path(root: Path, module: str) -> Path:
    """Return where this Python looks first for a compiled module of a tree."""
    return root / (module.replace(".", "/") + EXTENSION_SUFFIXES[0])


def _sources(root: Path, module: str) -> list[Path]:
    """Return the files of a module that the build compiles."""
    plain = root / (module.replace(".", "/") + ".py")
    return [path for path in (plain, plain.with_suffix(".pxd")) if path.is_file()]


def _record(root: Path) -> Path:
    """Return the file of checksums; each version of Python has compiled modules of its own."""
    return root / "build" / f"compiled-{sys.implementation.cache_tag}.txt"


def record_build(root: Path, made_of: Sequence[tuple[str, Path]]) -> bool:
    """Write down what the compiled modules of a tree were made from; setup.py calls this.

    ``made_of`` has each module with its C file.  Returns whether all compiled modules in the tree
    are of this build: one that did not compile leaves an old one behind, and a wheel is compiled
    elsewhere.  Nothing is written then.
    """
    if not made_of:
        return False
    for module, translated in made_of:
        made = compiled_path(root, module)
        if made.is_file() and made.stat().st_mtime < translated.stat().st_mtime:
            return False
    paths = [path for module, _ in made_of for path in _sources(root, module)]
    lines = [
        f"{crc32(path.read_bytes()):08x} {path.relative_to(root).as_posix()}" for path in paths
    ]
    _record(root).parent.mkdir(exist_ok=True)
    _record(root).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return True


def stale_sources(root: Path = ROOT) -> list[str]:
    """Return the sources of compiled modules that were compiled from others, in the build's order.

    A module that was compiled behind the last build, by other means, is as good as its time says.
    """
    made = {module: compiled_path(root, module) for module in HOT_MODULES}
    compiled_ns = {
        module: path.stat().st_mtime_ns for module, path in made.items() if path.is_file()
    }
    if not compiled_ns:
        return []
    record, known, built_ns = _record(root), {}, 0
    if record.is_file():
        built_ns = record.stat().st_mtime_ns
        lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
        known = {path: checksum for checksum, _, path in (line.partition(" ") for line in lines)}
    stale = []
    for module in HOT_MODULES:
        for path in _sources(root, module):
            name = path.relative_to(root).as_posix()
            if known.get(name) == f"{crc32(path.read_bytes()):08x}":
                continue
            made_ns = compiled_ns.get(module)
            if made_ns is None:
                # New in a tree that is compiled otherwise; without a record it may never have been.
                if known and name not in known:
                    stale.append(name)
            elif made_ns <= built_ns or made_ns < path.stat().st_mtime_ns:
                stale.append(name)
    return stale


@cache
def stale_notice(root: Path = ROOT) -> str | None:
    """Return a line for the user if compiled modules are not those of their sources, else ``None``.

    Only a source tree has sources that change; an installed package is not looked at, and may have
    another package's setup.py beside it.
    """
    if not (root / "setup.py").is_file() or any(root.glob("unimargin-*.dist-info")):
        return None
    stale = stale_sources(root)
    if not stale:
        return None
    more = f" and {len(stale) - 1} more" if len(stale) > 1 else ""
    return (
        f"compiled modules are older than their source ({stale[0]}{more}): "
        "run `make build` (or `pip install -e .`)"
    )
