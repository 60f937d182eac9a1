"""A real database comes to the schema that this version needs, or the bridge says why not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bridge.domain.breaker import CircuitBreaker
from bridge.domain.errors import BridgeError, NotNowError
from bridge.store.engine import Database
from bridge.store.migrate import migrate, revision
from bridge.store.sqlite_files import DatabaseError
from bridge.store.store import Store
from bridge.store.tables import HEAD, metadata
from tests.world.records import NOW, fail_some, statements

if TYPE_CHECKING:
    from collections.abc import Iterator


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


@pytest.fixture
def unmigrated(database_url: str) -> Iterator[Database]:
    """A database as it was before the circuit breakers."""
    database = Database(database_url)
    try:
        config = alembic()
        with database.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0009")
        yield database
    finally:
        database.close()


def add_gate(database: Database, receiver: str, *, shut: bool, failures: int, **more: object) -> None:
    row = {"step": 3, "failing_since": None, "probe_at": None, "paused_until": None, "reason": None} | more
    names = ["receiver", "shut", "failures", *row]
    insert = f"INSERT INTO gates ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
    with database.write() as connection:
        connection.execute(sa.text(insert), {"receiver": receiver, "shut": shut, "failures": failures, **row})


def millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def test_gates_of_before_become_circuit_breakers(unmigrated: Database, database_url: str) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    since, soon, late = now - timedelta(hours=9), now + timedelta(seconds=20), now + timedelta(hours=2)
    failing = {"failing_since": millis(since), "reason": "HTTP 503"}
    add_gate(unmigrated, "away", shut=True, failures=7, probe_at=millis(soon), **failing)
    add_gate(unmigrated, "away for long", shut=True, failures=70, probe_at=millis(late), **failing)
    add_gate(unmigrated, "shaky", shut=False, failures=2, **failing)
    add_gate(unmigrated, "paused", shut=False, failures=0, paused_until=millis(late), reason="HTTP 429")
    add_gate(unmigrated, "well", shut=False, failures=0)
    migrate(unmigrated)
    with Store(database_url) as store:
        down = CircuitBreaker("away", 7, since, is_open=True, probe_at=soon, reason="HTTP 503", down_since=since)
        assert store.ledger.breaker("away") == down
        assert store.ledger.breaker("shaky") == CircuitBreaker("shaky", 2, since, reason="HTTP 503")
        assert store.ledger.breaker("paused") == CircuitBreaker("paused", paused_until=late, reason="HTTP 429")
        assert store.ledger.breaker("well") == CircuitBreaker("well")
        long = store.ledger.breaker("away for long")
        assert (long.is_open, long.failures, long.down_since) == (True, 70, since)
        assert long.probe_at is not None
        assert timedelta(0) < long.probe_at - now < timedelta(minutes=2), "it waits for no step of hours any more"


def test_what_is_owed_waits_for_no_step_of_hours_after_the_migration(unmigrated: Database, database_url: str) -> None:
    now = millis(datetime.now(UTC))
    hour = 60 * 60 * 1000
    with unmigrated.write() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO events (id, type, at, subject, sequence, data) "
                "VALUES ('evt_1', 'source.up', 1, 'source', 1, '{}')"
            )
        )
        insert = sa.text(
            "INSERT INTO deliveries (event, subject, receiver, state, attempts, created_at, first_due_at, due_at) "
            "SELECT position, 'source', :receiver, 'owed', 5, 1, 1, :due_at FROM events"
        )
        for receiver, hours in (("soon", 2), ("late", 24)):
            connection.execute(insert, {"receiver": receiver, "due_at": now + hours * hour})
    migrate(unmigrated)
    with Store(database_url) as store:
        found = {each.receiver: each for each in store.listing.deliveries()}
    assert millis(found["soon"].due_at) == now + 2 * hour
    assert 0 <= millis(found["late"].due_at) - now - 3 * hour < 60 * 1000
    assert {(each.attempts, each.probes) for each in found.values()} == {(5, 0)}


def test_a_database_with_a_number_of_before_the_first_release_is_taken(database_url: str) -> None:
    with Store(database_url, exclusive=True) as store:
        fail_some(store, [1])
        statements(store, "UPDATE alembic_version SET version_num = '0006'")
    with Store(database_url, exclusive=True) as store:
        assert revision(store._database) == HEAD
        assert [event.message_id for _, event in store.listing.events()] == [1]


def test_a_database_of_an_unknown_version_is_refused_in_words(database_url: str) -> None:
    with Store(database_url) as store:
        statements(store, "UPDATE alembic_version SET version_num = '0008'")
    with pytest.raises(DatabaseError, match=r"its schema is 0008, which this version does not know"):
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
        assert [event.message_id for _, event in store.listing.events()] == [1]
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
    monkeypatch.setattr("bridge.store.store.PREPARED_WITHIN", 0.2)
    statements(own_store, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(NotNowError, match="is of another version: restart it first"):
        Store(database_url)


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str) -> None:
    database = Database(database_url)
    try:
        with database.write() as connection:
            connection.execute(sa.text("CREATE TABLE gates (something_else INTEGER)"))
        with pytest.raises(BridgeError) as failed:
            migrate(database)
        assert failed.type is DatabaseError
        with database.read() as connection:
            assert sa.inspect(connection).get_table_names() == ["gates"]
        with database.write() as connection:
            connection.execute(sa.text("DROP TABLE gates"))
        migrate(database)
        assert revision(database) == HEAD
    finally:
        database.close()
