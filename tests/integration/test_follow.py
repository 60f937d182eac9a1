"""``events --follow`` on PostgreSQL: nothing that happens is skipped, whenever it is committed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from bridge.domain.clock import SystemClock
from bridge.store.column_types import to_millis
from bridge.store.store import Store
from tests.world.daemon import environment, write_config
from tests.world.nodes import cut_connections
from tests.world.records import fail_some
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@contextmanager
def following(folder: Path, database: str) -> Iterator[Callable[[], list[int]]]:
    """Follow events; the messages of those that were shown."""
    receivers = [{"name": "crm", "webhook": "http://127.0.0.1:9/"}]
    write_config(
        folder,
        {"wbiztool": {"client_id": 1, "api_key": "k"}, "messages": [1], "receivers": receivers, "database": database},
    )
    shown = folder / "shown"
    with (
        shown.open("w") as output,
        (folder / "errors").open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "bridge", "events", "--follow", "--json"],
            cwd=folder,
            env=environment(),
            stdout=output,
            stderr=errors,
        ) as process,
    ):
        try:
            yield lambda: [json.loads(line)["data"]["message_id"] for line in shown.read_text().splitlines()]
        finally:
            process.kill()


def event_behind(connection: psycopg.Connection[Any], message: int, position: int, at: datetime) -> None:
    """Write an event as another program would: with a position of before, and not committed yet."""
    data: dict[str, Any] = {
        "message_id": message,
        "sequence": 1,
        "label": None,
        "tags": {},
        "previous": None,
        "current": {},
    }
    connection.execute(
        "INSERT INTO events (position, id, type, at, subject, sequence, message_id, data)"
        " VALUES (%s, %s, 'message.failed', %s, %s, 1, %s, %s)",
        [position, f"evt_{message:024}", to_millis(at), f"message/{message}", message, json.dumps(data)],
    )


def test_event_that_is_committed_late_is_shown(tmp_path: Path, postgres_url: str, now: datetime) -> None:
    with Store(postgres_url) as store, following(tmp_path, postgres_url) as shown:
        fail_some(store, [1], now)
        until(lambda: shown() == [1])
        first = store.history.place(now)
        with psycopg.connect(postgres_url.replace("+psycopg", "")) as late:
            late.execute("SELECT nextval(pg_get_serial_sequence('events', 'position'))")
            event_behind(late, 2, first + 1, now)
            fail_some(store, [3], now)
            with pytest.raises(AssertionError):
                until(lambda: 3 in shown(), 1.5)
            late.commit()
        until(lambda: shown() == [1, 2, 3])


def test_who_begins_to_follow_meanwhile_does_not_skip_it(tmp_path: Path, postgres_url: str, now: datetime) -> None:
    with Store(postgres_url) as store:
        fail_some(store, [1], now)
        with psycopg.connect(postgres_url.replace("+psycopg", "")) as late:
            late.execute("SELECT nextval(pg_get_serial_sequence('events', 'position'))")
            event_behind(late, 2, store.history.place(now) + 1, now)
            fail_some(store, [3], now)
            with following(tmp_path, postgres_url) as shown:
                until(lambda: shown() == [1])
                late.commit()
                until(lambda: shown() == [1, 2, 3])


def test_transactions_of_the_bridge_commit_events_in_the_order_of_their_positions(
    postgres_url: str, now: datetime
) -> None:
    """However long one takes to commit, and however old its events are by then."""
    order: list[int] = []
    with Store(postgres_url) as store, Store(postgres_url) as other:
        store.messages.watch([1, 2], now)
        began = threading.Event()
        with store._database.write() as slow:
            store._database.keep_order(slow)
            event_behind(slow.connection.driver_connection, 1, 100, now)  # type: ignore[arg-type]  # it is psycopg's

            def fast() -> None:
                began.set()
                fail_some(other, [2], now)
                order.append(2)

            thread = threading.Thread(target=fast)
            thread.start()
            began.wait()
            thread.join(0.5)
            assert thread.is_alive(), "it waits for who inserted before"
            order.append(1)
        thread.join(20)
    assert order == [1, 2]


def test_database_that_goes_away_and_comes_back_is_followed_on(
    tmp_path: Path, postgres_url: str, now: datetime
) -> None:
    with Store(postgres_url) as store, following(tmp_path, postgres_url) as shown:
        fail_some(store, [1], now)
        until(lambda: shown() == [1])
        cut_connections(postgres_url)
        fail_some(store, [2], now)
        until(lambda: shown() == [1, 2])
        assert "Traceback" not in (tmp_path / "errors").read_text()


@pytest.fixture
def now() -> datetime:
    """What the following process calls now, too."""
    return SystemClock().now()
