"""A real database comes to the schema that this version needs, or the bridge says why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bridge.domain.errors import BridgeError, NotNowError
from bridge.store.engine import Database
from bridge.store.errors import DatabaseError
from bridge.store.migrate import migrate, revision
from bridge.store.store import Store
from bridge.store.tables import HEAD, metadata
from tests.world import listed
from tests.world.records import NOW, fail_some, statements


def test_the_migrations_make_the_very_tables_that_the_store_uses(own_store: Store) -> None:
    with own_store._database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic())


def alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", "bridge.store:migrations")
    return config


def test_the_store_needs_the_newest_migration() -> None:
    assert scripts().get_current_head() == HEAD


def test_numbers_of_migrations_rise_along_the_chain() -> None:
    """``refuse_newer`` compares them, as text."""
    chain = [script.revision for script in scripts().walk_revisions()][::-1]
    assert all(re.fullmatch(r"[0-9]{4}", number) for number in chain)
    assert chain == sorted(set(chain))
    for script in scripts().walk_revisions():
        assert Path(script.path).name.startswith(f"v{script.revision}_")


def test_a_database_of_an_unknown_version_is_refused_in_words(database_url: str) -> None:
    with Store(database_url) as store:
        statements(store, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(DatabaseError, match=r"its schema is 0000, which this version does not know"):
        Store(database_url, exclusive=True)


def test_a_new_database_is_made_by_the_daemon_and_by_a_command(database_url: str) -> None:
    with Store(database_url) as by_command:
        made = by_command.id
        assert revision(by_command._database) == HEAD
    with Store(database_url, exclusive=True) as by_daemon:
        assert by_daemon.id == made


def test_what_is_in_a_database_stays_when_it_is_opened_again(database_url: str) -> None:
    with Store(database_url, exclusive=True) as store:
        fail_some(store, [1])
    with Store(database_url, exclusive=True) as store:
        assert [event.message_id for _, event in listed.events(store)] == [1]
        assert store.messages.count_due(NOW) == 0


def test_two_databases_have_different_ids(sqlite_url: str) -> None:
    with Store(sqlite_url) as one, Store(f"{sqlite_url}.other") as other:
        assert one.id != other.id


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_database_of_a_newer_version_is_refused_in_clear_words(database_url: str, exclusive: bool) -> None:
    with Store(database_url) as store:
        name = store.name
        statements(store, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseError) as refused:
        Store(database_url, exclusive=exclusive)
    assert str(refused.value) == (
        f"the database {name} was made by a newer version of the bridge (its schema is 9999, this version knows up to "
        f"{HEAD}): install that version again, or restore a backup"
    )
    assert refused.value.exit_code == 74


def test_a_command_does_not_upgrade_a_database_under_a_running_daemon(
    own_store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.opening.PREPARED_WITHIN", 0.2)
    statements(own_store, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(NotNowError, match="is of another version: restart it first"):
        Store(database_url)


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str) -> None:
    database = Database(database_url)
    try:
        with database.write() as connection:
            connection.execute(sa.text("CREATE TABLE messages (something_else INTEGER)"))
        with pytest.raises(BridgeError) as failed:
            migrate(database)
        assert failed.type is DatabaseError
        with database.read() as connection:
            assert sa.inspect(connection).get_table_names() == ["messages"]
        with database.write() as connection:
            connection.execute(sa.text("DROP TABLE messages"))
        migrate(database)
        assert revision(database) == HEAD
    finally:
        database.close()
