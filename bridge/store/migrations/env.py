"""Alembic's entry: runs the migrations in the transaction that ``bridge.store.migrate`` opened."""

from alembic import context

from bridge.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
