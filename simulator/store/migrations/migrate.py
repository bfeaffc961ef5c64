"""Bringing a database's schema up to date with Alembic, from scripts in this package."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

FOLDER = Path(__file__).parent


def config_of(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration; nothing of it stands in a file."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(connection: Connection, revision: str = "head") -> None:
    """Run the migrations up to a revision within the connection's transaction."""
    command.upgrade(config_of(connection), revision)


def make_all(connection: Connection) -> None:
    """Make tables and views as all migrations do, where there are none; no version is noted."""
    scripts = ScriptDirectory.from_config(config_of())
    with Operations.context(MigrationContext.configure(connection)):
        for script in [*scripts.walk_revisions()][::-1]:
            script.module.upgrade()


def revisions() -> list[str]:
    """Return all revisions, oldest first."""
    scripts = ScriptDirectory.from_config(config_of())
    return [script.revision for script in scripts.walk_revisions()][::-1]
