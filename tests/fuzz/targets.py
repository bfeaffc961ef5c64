"""All targets."""

from __future__ import annotations

from tests.fuzz import command, databases, documents, market_files, saved, tapes

TARGETS = (
    *market_files.TARGETS,
    *tapes.TARGETS,
    *documents.TARGETS,
    *saved.TARGETS,
    *command.TARGETS,
    *databases.TARGETS,
)
