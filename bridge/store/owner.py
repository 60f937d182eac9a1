"""Whose database is it? It keeps the account that it belongs to, and other accounts are refused."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.domain.account import AccountId
from bridge.domain.errors import NotNowError, OtherAccountError
from bridge.domain.postgres_url import is_postgres
from bridge.store import sqlite_files
from bridge.store.errors import DatabaseError
from bridge.store.facts import get_meta, set_meta
from bridge.store.tables import meta

if TYPE_CHECKING:
    from bridge.store.engine import Database

ACCOUNT = "account"
"""The fact that names the account."""


def parse(fact: str | None) -> AccountId | None:
    """Read the fact; None for a database that no account has used yet."""
    return None if fact is None else AccountId(**json.loads(fact))


def check(database: str, fact: str | None, account: AccountId, *, new_address: bool = False) -> None:
    """Check that a database may be used for an account. Pure.

    Args:
        database: Its name, as it may be shown.
        fact: What it says about its account.
        account: The configuration's.
        new_address: Allow another address for the same client id.

    Raises:
        OtherAccountError: It belongs to another one.
    """
    owner = parse(fact)
    if owner is None or (owner.client_id == account.client_id and (new_address or owner.address == account.address)):
        return
    if owner.client_id != account.client_id:
        raise OtherAccountError(
            f"the database {database} belongs to another WbizTool account: client id {owner.client_id} at "
            f"{owner.base_url}, but the configuration has client id {account.client_id} at {account.base_url}. "
            "Each account needs a database of its own: set `database:` in the configuration"
        )
    raise OtherAccountError(
        f"the database {database} belongs to client id {owner.client_id} at {owner.base_url}, but the configuration "
        f"has that client id at {account.base_url}. If it is the same account at a new address, run "
        "`wbiz-bridge run --accept-base-url` (or `poll`) once. If it is another account, set `database:` in the "
        "configuration"
    )


def of_file(file: Path) -> str | None:
    """Read the fact from a SQLite file without changing it; None where it has none.

    Raises:
        sqlite3.Error: The file is no database that can be read.
    """
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
            return None
        found = connection.execute("SELECT value FROM meta WHERE key = ?", [ACCOUNT]).fetchone()
        return None if found is None else str(found[0])


def check_file(url: str, account: AccountId) -> None:
    """Check whose a SQLite file is, where there is one that can be read. It is neither made nor changed.

    Raises:
        DatabaseError: It is no file.
        OtherAccountError: It belongs to another one.
    """
    file = None if is_postgres(url) else sa.make_url(url).database
    if file:
        sqlite_files.check_kinds(Path(file))
        with suppress(sqlite3.Error):
            check(file, of_file(Path(file)), account)


def adopt(database: Database, account: AccountId, *, new_address: bool = False, must: bool = True) -> None:
    """Let a database belong to an account from now on.

    Args:
        database: Which.
        account: Whose.
        new_address: The account is the same, and only its address has changed.
        must: False for a command that only reads: where the database can't be written now, it goes without.

    Raises:
        OtherAccountError: It belongs to another one.
        NotNowError: It can't be written now.
        DatabaseError: It can't be written.
    """
    with database.read() as connection:
        if parse(get_meta(connection, ACCOUNT)) == account:
            return
    written = json.dumps(asdict(account))
    try:
        with database.write() as connection:
            connection.execute(database.insert(meta).values(key=ACCOUNT, value=written).on_conflict_do_nothing())
            check(database.name, get_meta(connection, ACCOUNT), account, new_address=new_address)
            if new_address:
                set_meta(database, connection, ACCOUNT, written)
    except (DatabaseError, NotNowError):
        if must:
            raise
