"""Images of a simulation's state at a cut: taken as bytes, put into a fresh simulation.

An image holds everything that the engine has: ledger, books, orders, pools, safe bands, messages
under way, timers, samples for the report.  It is a cut between two calls of ``Core.run_rows``.  Of
strategies it holds nothing: `states` asks them (``Strategy.state``), `restore_states` tells them.

The bytes are a magic word, a SHA-256 of the rest, and the rest packed by zlib: a header in JSON
(format, version and code that took it, of which run, layouts of classes, the document) and the raw
little-endian memory of all arrays.  Nothing in it is code: no pickle.  An image is good for the
same code and the same build, compiled or plain; otherwise `put` says so, and what the journal has
is executed again instead.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.build_info import compiled_modules, distribution_version
from simulator.store.image_encode import PAGE, Walk
from simulator.store.image_kinds import ImageError, class_named, has_fields, is_compiled
from simulator.store.image_restore import Restorer
from simulator.strategy.state import revived, written

if TYPE_CHECKING:
    from simulator.simulation import Simulation

MAGIC = b"unimargin image 1\n"
DIGEST_BYTES = 32
LEVEL = 1
"""Packing as fast as it gets: an image is taken while the run waits."""

LENGTH_BYTES = 8


def take(run: Simulation) -> bytes:
    """Return an image of a run between two blocks of rows; the run is as before.

    Raises ``ImageError`` naming the path of an object whose state cannot be told.
    """
    records = run.core.records
    records.digest()  # rows of the last block belong to the hash
    while records.kept and not len(records.kept[-1]):
        records.kept.pop()
    walk = Walk(run.strategies)
    document = walk.write(_roots(run))
    header = {"made_by": _made_by(), "run": _identity(run), "document": document}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    packer, whole = zlib.compressobj(LEVEL), hashlib.sha256()
    parts: list[bytes] = []
    pieces: list[bytes | memoryview] = [len(text).to_bytes(LENGTH_BYTES, "little"), text]
    pieces += walk.memory()
    for piece in pieces:
        parts.append(packer.compress(piece))
    parts.append(packer.flush())
    for part in parts:
        whole.update(part)
    return b"".join([MAGIC, whole.digest(), *parts])


def check(image: bytes) -> None:
    """Assert that an image is whole and was taken by this code and build, else ``ImageError``."""
    _opened(image)


def put(run: Simulation, image: bytes, outcomes: Iterable[np.ndarray]) -> None:
    """Open a fresh simulation and give it the state of an image.

    ``run`` has the settings and the strategies of the one that the image was taken of, and has not
    run; its strategies' ``on_start`` is called, so that they find their markets, and what they ask
    for there is forgotten with everything else the opening did.  ``outcomes`` are the outcomes of
    the run up to the image, int64 [rows, 8] in blocks, in order: the digest goes on from them.

    Raises ``ImageError``: a damaged image, one of another version, code, build or run (nothing is
    changed then), other outcomes than the image's, or parts that do not fit (``run`` is of no use
    then).
    """
    header, raw = _opened(image)
    document = header["document"]
    if header["run"] != _identity(run):
        known, here = header["run"], _identity(run)
        other = next(name for name in here if known.get(name) != here[name])
        raise ImageError(
            f"image: it is of a run with {other} {known.get(other)}, here {here[other]}"
        )
    if run._ran:
        raise ImageError("image: this simulation has run; make a new one to put it into")
    running = [_hash_of(outcomes, digest) for digest in document["hashes"]]
    run._ran = True
    run._open()
    try:
        memory = _memory(raw, document["stretches"], document["runs"])
        Restorer(document, memory, run.strategies, running).put(_roots(run))
    except ImageError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ImageError(f"image: it does not fit this simulation: {error}") from error


def states(run: Simulation) -> str | None:
    """Return what the strategies remember, as JSON; None if one of them cannot tell.

    Raises ``InputError`` naming the strategy and the attribute that cannot be written.
    """
    found = []
    for strategy in run.strategies:
        state = strategy.state()
        if state is None:
            return None
        found.append(written(state, type(strategy).__name__))
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False)


def restore_states(run: Simulation, text: str) -> None:
    """Tell the strategies of a simulation, after `put`, what `states` returned."""
    try:
        found = json.loads(text)
        pairs = list(zip(run.strategies, run.core.contexts, found, strict=True))
    except (TypeError, ValueError) as error:
        raise ImageError(f"image: the strategies' states are damaged: {error}") from error
    for strategy, context, state in pairs:
        strategy.restore(revived(state, context))


def _roots(run: Simulation) -> tuple[Any, ...]:
    return run.core, run.desk, run._entrants


def _identity(run: Simulation) -> dict[str, Any]:
    """What must be the same of a run for an image to fit."""
    return {
        "mode": run.mode,
        "rulebook": _rulebook_digest(run),
        "seed": run.seed,
        "instruments": [one.name for one in run.player.instruments],
        "assets": list(run.assets),
        "accounts": run.roster.accounts,
        "span": list(run.span),
        "rows": run.rows,
        "strategies": [type(one).__qualname__ for one in run.strategies],
    }


def _rulebook_digest(run: Simulation) -> str:
    return hashlib.sha256(run.rules.model_dump_json().encode()).hexdigest()[:16]


# What made an image


def _made_by() -> dict[str, Any]:
    return {
        "version": distribution_version(),
        "code": _code_digest(),
        "compiled": list(compiled_modules()),
        "byteorder": sys.byteorder,
    }


@cache
def _code_digest() -> str:
    """SHA-256 over this package's source files, by name: other code may mean other state."""
    root = Path(__file__).parents[1]
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(f"{path.relative_to(root).as_posix()}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def _check_made_by(header: Mapping[str, Any]) -> None:
    made, here = header["made_by"], _made_by()
    if made["version"] != here["version"]:
        raise ImageError(f"image: of version {made['version']}, this is {here['version']}")
    if made["compiled"] != here["compiled"]:
        raise ImageError("image: taken with other modules compiled than are compiled here")
    if made != here:
        raise ImageError("image: taken by other code than this")
    for name, checksum in header["document"]["classes"].items():
        kind = class_named(name)
        if is_compiled(kind) != (checksum is not None):
            raise ImageError(f"image: {name} is compiled in one and plain in the other")
        if checksum is not None and not has_fields(kind, checksum):
            raise ImageError(f"image: {name} has other fields")


# Bytes


def _opened(image: bytes) -> tuple[dict[str, Any], memoryview]:
    """Return the header and the memory behind it; ``ImageError`` for what is damaged or strange."""
    start = len(MAGIC) + DIGEST_BYTES
    if image[: len(MAGIC)] != MAGIC:
        raise ImageError("image: these bytes are no image, or of another format")
    packed = memoryview(image)[start:]
    if hashlib.sha256(packed).digest() != image[len(MAGIC) : start]:
        raise ImageError("image: damaged, its SHA-256 is another")
    try:
        raw = memoryview(zlib.decompress(packed))
        length = int.from_bytes(raw[:LENGTH_BYTES], "little")
        header = json.loads(bytes(raw[LENGTH_BYTES : LENGTH_BYTES + length]))
        _check_made_by(header)
    except (zlib.error, LookupError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ImageError(f"image: damaged: {error}") from error
    return header, raw[LENGTH_BYTES + length :]


def _memory(raw: memoryview, sizes: Sequence[int], runs: Sequence[Any]) -> list[np.ndarray]:
    """Return stretches of memory of their own; ``ImageError`` if there is less or more."""
    every, found, at = np.frombuffer(raw, dtype=np.uint8), [], 0
    for size, filled in zip(sizes, runs, strict=True):
        stretch = np.zeros(size, dtype=np.uint8)
        for first, pages in filled:
            part = stretch[first * PAGE : (first + pages) * PAGE]
            part[:] = every[at : at + len(part)]
            at += len(part)
        found.append(stretch)
    if at != len(every):
        raise ImageError("image: damaged, it has other memory than its header says")
    return found


def _hash_of(outcomes: Iterable[np.ndarray], wanted: str) -> Any:
    """Hash the outcomes again; ``ImageError`` if they are not those of the image."""
    found = hashlib.sha256()
    for rows in outcomes:
        found.update(np.ascontiguousarray(rows, dtype="<i8").data)
    if found.hexdigest() != wanted:
        raise ImageError("image: the outcomes given are not those that it was taken after")
    return found
