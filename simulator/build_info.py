"""How this installation was built: which hot modules run compiled, and what to say if they do not.

The hot modules are ordinary Python files.  The build compiles them where it finds a C compiler;
elsewhere the same files run as they are, with the same results, about a hundred times slower.
"""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

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
