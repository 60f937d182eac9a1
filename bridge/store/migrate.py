"""Brings a database to the schema that this version needs. Forward only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.store.engine import DatabaseError
from bridge.store.schema import HEAD

if TYPE_CHECKING:
    from bridge.store.engine import Database


def revision(database: Database) -> str | None:
    """Tell which migration a database has; None for a new one."""
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        value: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return value


def migrate(database: Database) -> None:
    """Apply what is missing, as one transaction. Call it under the daemon's lock.

    Raises:
        DatabaseError: The database is from a newer version of the bridge.
    """
    current = revision(database)
    if current == HEAD:
        return
    # Alembic takes longer to import than everything else together, and is needed once for each new version.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "bridge.store:migrations")
    if current is not None and current not in {
        script.revision for script in ScriptDirectory.from_config(config).walk_revisions()
    }:
        raise DatabaseError(
            f"the database {database.name} was made by a newer version of the bridge (its schema is {current}, "
            f"this version knows up to {HEAD}): install that version again, or restore a backup"
        )
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
