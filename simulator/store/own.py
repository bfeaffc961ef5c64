"""Which snapshots are this user's own: those signed with a key that lies beside the user's cache.

An image becomes the engine's memory, and compiled modules trust their own numbers: one that was
made with intent could make the process crash, or worse.  So a run goes on from a snapshot only if
it was signed (HMAC-SHA-256) with the key of the user who goes on; with anybody else's database the
run is played from its start, which comes to the same digest.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from simulator.replay.catalogue import cache_folder

KEY_FILE = "snapshots.key"
KEY_BYTES = 32
SIGNATURE = "signature"


def key() -> bytes | None:
    """Return the user's key, made where there is none; None where none can be kept.

    A file of another length, or one that others may write or read, is no key.
    """
    try:
        path = cache_folder() / KEY_FILE
        if not path.exists():
            _make(path)
        found, told = path.read_bytes(), path.stat()
    except (OSError, RuntimeError):  # no home
        return None
    private = os.name != "posix" or (told.st_uid == os.geteuid() and not told.st_mode & 0o077)
    return found if private and len(found) == KEY_BYTES else None


def _make(path: Path) -> None:
    """Write a key, whole or not at all; another process may be first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{KEY_FILE}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)


def signed(own: bytes, number: int, image: bytes, told: dict[str, object]) -> str:
    """Return the state of a snapshot as JSON, with the signature over it and over its image."""
    return json.dumps({**told, SIGNATURE: _signature(own, number, image, told)})


def is_own(own: bytes | None, number: int, image: bytes, state: str | None) -> bool:
    """Whether a snapshot of batch ``number`` was signed with this key."""
    if own is None or state is None:
        return False
    try:
        told = json.loads(state)
        given = str(told.pop(SIGNATURE))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False
    return hmac.compare_digest(given.encode(), _signature(own, number, image, told).encode())


def _signature(own: bytes, number: int, image: bytes, told: dict[str, object]) -> str:
    found = hmac.new(own, json.dumps([number, told], sort_keys=True).encode(), "sha256")
    found.update(image)
    return found.hexdigest()
