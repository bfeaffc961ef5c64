"""From what the user names, tapes: tapes as they are, anything else imported once and kept.

Imports are kept in a cache folder under the hash of their content, so the same data is read once
whatever it is called.  The folder is ``UNIMARGIN_CACHE``, else the platform's place for caches.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from simulator.errors import InputError
from simulator.market.manifest import manifest_path, sha256_of
from simulator.market.read import is_tape
from simulator.replay.batch import OnGap
from simulator.replay.importer import files_of, import_paths
from simulator.replay.runs import Progress

IMPORTER = 2
"""Version of the importer's rules; a higher one makes cached imports be made anew."""


def cache_folder() -> Path:
    """Return where imports are kept."""
    named = os.environ.get("UNIMARGIN_CACHE")
    if named:
        return Path(named)
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "unimargin"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "unimargin"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "unimargin"


def load(
    paths: Path | str | Sequence[Path | str],
    *,
    on_gap: OnGap = "stop",
    progress: Progress = lambda _stage, _done, _total: None,
    note: Callable[[str], None] = lambda _line: None,
) -> list[Path]:
    """Return the tapes that ``paths`` (files and folders) stand for, in the order named.

    Files that are no tapes are imported together into one tape, which comes last.  ``note`` is told
    in one line what is being imported.  Raises ``InputError`` if a path is neither.
    """
    named = [paths] if isinstance(paths, Path | str) else list(paths)
    tapes: list[Path] = []
    raw: list[Path] = []
    for path in map(Path, named):
        found, rest = _split(path)
        tapes += [tape for tape in found if tape not in tapes]
        raw += rest
    if raw:
        tapes.append(_imported(raw, on_gap, progress, note))
    if not tapes:
        raise InputError(f"{', '.join(map(str, named))}: neither a tape nor data to import")
    return tapes


def _split(path: Path) -> tuple[list[Path], list[Path]]:
    """Return a path's tapes and its other data files."""
    files = [file for file, _ in files_of([path])]
    tapes = [file for file in files if is_tape(file)]
    if path.is_dir():
        return tapes, [file for file in files if file not in tapes]
    return (tapes, []) if tapes else ([], [path])


def _imported(
    raw: list[Path], on_gap: OnGap, progress: Progress, note: Callable[[str], None]
) -> Path:
    digests = sorted({sha256_of(path) for path in raw})
    key = hashlib.sha256("\n".join([str(IMPORTER), on_gap, *digests]).encode()).hexdigest()
    tape = cache_folder() / f"{key[:32]}.parquet"
    if not is_tape(tape):
        named = str(raw[0]) if len(raw) == 1 else f"{raw[0]} and {len(raw) - 1} more files"
        note(f"importing {named} into {tape}")
        try:
            tape.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{tape.parent}: no cache can be kept there ({error.strerror}); "
                "set UNIMARGIN_CACHE to a folder that can be written"
            ) from None
        manifest_path(tape).unlink(missing_ok=True)
        import_paths(raw, tape, on_gap=on_gap, lenient=True, progress=progress)
    return tape
