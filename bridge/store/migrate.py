"""Brings a database to the schema that this version needs. Forward only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.errors import BridgeError, NotNowError
from bridge.store.backup import back_up
from bridge.store.errors import DamagedError, DatabaseError
from bridge.store.tables import HEAD

if TYPE_CHECKING:
    from bridge.store.engine import Database

SCRIPTS = "bridge.store:migrations"
"""Where the migrations are."""


def revision(database: Database) -> str | None:
    """Tell which migration a database has; None for a new one."""
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        value: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return value


def refuse_newer(database: Database, current: str | None) -> None:
    """Refuse a database that has a migration which this version does not know.

    Raises:
        DatabaseError: It has.
    """
    if current is not None and current > HEAD:  # numbers have four digits, and rise along the chain
        raise DatabaseError(
            f"the database {database.name} was made by a newer version of the bridge (its schema is {current}, "
            f"this version knows up to {HEAD}): install that version again, or restore a backup"
        )


def migrate(database: Database) -> None:
    """Apply what is missing, as one transaction. A SQLite file is backed up first. Call it under the daemon's lock.

    Raises:
        DatabaseError: The database is from a newer version of the bridge, or from one that this one knows nothing of.
        NotNowError: It could not be backed up first, and is as it was.
    """
    current = revision(database)
    if current == HEAD:
        return
    refuse_newer(database, current)
    # Alembic takes longer to import than everything else together, and is needed once for each new version.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    if current is not None:
        known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
        if current not in known:
            raise DatabaseError(
                f"the database {database.name} was not made by a release of the bridge (its schema is {current}, which "
                f"this version does not know): use the version that made it, or restore a backup"
            )
        _back_up(database)
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _back_up(database: Database) -> None:
    """Keep a SQLite database as it is beside itself, as ``bridge.db.before-0002``."""
    if database.path is None:
        return
    try:
        # One that is there already is from an attempt that failed, and what came after it is missing in it.
        back_up(database.path, database.path.with_name(f"{database.path.name}.before-{HEAD}"), force=True)
    except DamagedError:
        raise
    except BridgeError as error:
        raise NotNowError(
            f"the database {database.name} was not brought to the new version, because it has to be backed up first, "
            f"which failed: {error}"
        ) from None
