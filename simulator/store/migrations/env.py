"""Alembic's environment: migrations run on the connection that `migrate` hands over."""

from __future__ import annotations

from alembic import context

from simulator.store.schema import METADATA, VERSION

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION.name,
)
with context.begin_transaction():
    context.run_migrations()
