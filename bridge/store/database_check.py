"""Tries a database as the bridge would use it, and changes nothing: for ``check --online``, and before a move."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain import postgres_url
from bridge.store.engine import Database
from bridge.store.facts import get_meta
from bridge.store.migrate import refuse_newer, revision
from bridge.store.owner import ACCOUNT, check
from bridge.store.postgres_errors import READ_ONLY, meaning_of
from bridge.store.tables import HEAD, metadata

if TYPE_CHECKING:
    from bridge.domain.account import AccountId
    from bridge.domain.errors import BridgeError

_NEEDS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def try_database(url: str, account: AccountId) -> str:
    """See whether the bridge can use a database. Returns what it found, in words.

    Raises:
        NotNowError: Not now: it is locked, read-only or out of reach.
        CredentialsError: It refuses the user or the password.
        ConfigurationError: It never can: no such database, another encoding, a pooler before it, a right is missing.
        DatabaseError: It is damaged, or of a newer version.
        OtherAccountError: It belongs to another account.
    """
    if not postgres_url.is_postgres(url) and not Path(sa.make_url(url).database or "").exists():
        return "does not exist yet; the bridge makes it"
    database = Database(url)
    try:
        database.verify()
        database.check()
        current = revision(database)
        refuse_newer(database, current)
        with database.read() as connection:
            if database.path is None:
                _check_rights(connection, database.name, made=current is not None)
            if current is not None:
                check(database.name, get_meta(connection, ACCOUNT), account)
    finally:
        database.close()
    if current is None:
        return "can be used; it is empty"
    return "can be used" if current == HEAD else "can be used; the next start upgrades it"


def _check_rights(connection: sa.Connection, name: str, *, made: bool) -> None:
    """See whether a user of PostgreSQL may do what the bridge does."""
    if connection.scalar(sa.text("SHOW transaction_read_only")) == "on":
        raise _refusal(READ_ONLY, name)
    if made:
        rights = sa.text(
            "SELECT bool_and(has_table_privilege(t, p)) FROM unnest(CAST(:tables AS text[])) t,"
            " unnest(CAST(:needs AS text[])) p"
        )
        tables = [table.name for table in metadata.sorted_tables if sa.inspect(connection).has_table(table.name)]
        if not connection.scalar(rights, {"tables": tables, "needs": list(_NEEDS)}):
            raise _refusal("42501", name)
        return
    may_create = connection.scalar(sa.text("SELECT has_schema_privilege(current_schema(), 'CREATE')"))
    if may_create is None:
        raise _refusal("3F000", name)
    if not may_create:
        raise _refusal("42501", name)


def _refusal(sqlstate: str, name: str) -> BridgeError:
    meaning = meaning_of(sqlstate, "")
    assert meaning is not None
    return meaning[0](f"the database {name} {meaning[1]}")
