"""How long do a report, a search and the pages take with a million messages? Times of one request each.

A million messages came to an end over 90 days, evenly: nine in ten were sent, the others failed for one of twelve
reasons; each has one of fifty teams as a tag. Nobody acknowledged those that failed in the last 30 days. Rows and sums
are written as the store would, on both databases.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from benchmarks.measure import median, table
from benchmarks.nodes import database
from bridge.domain.activity import Ended, Tally
from bridge.domain.clock import isoformat
from bridge.domain.health import Health
from bridge.domain.incidents import message_subject
from bridge.domain.model import Status
from bridge.domain.reasons import reason_of
from bridge.server.app import make_app
from bridge.server.auth import Access
from bridge.server.context import ServerContext
from bridge.server.event_stream import Streams
from bridge.server.server import HttpServer
from bridge.server.tcp import TcpPlace
from bridge.store.search import MessageQuery, Search
from bridge.store.store import Store
from bridge.store.tables import activity, events, incidents, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGES = 1_000_000
DAYS = 90
MONTH = timedelta(days=30)
HERE: tzinfo = ZoneInfo("Asia/Kolkata")

ERRORS = ("Invalid phone number", "Not on WhatsApp", *(f"Gateway says {letter}" for letter in "abcdefghij"))
_REASON = reason_of(ERRORS[-1]).key
PAGES = (
    "/",
    "/messages",
    f"/messages?{urlencode({'status': 'failed', 'reason': _REASON})}",
    "/messages?order=oldest",
    "/messages?period=30d",
    f"/messages?{urlencode({'tag': 'team=team 7'})}",
    f"/messages?{urlencode({'tag': 'team=nobody'})}",
    "/messages?text=gateway&order=oldest",
    "/messages?text=nothing-like-that",
    f"/messages/{MESSAGES // 2}",
    "/incidents",
    "/deliveries",
    "/report?period=today",
    "/report?period=7d",
    "/report?period=30d",
    "/report?period=30d&timezone=Asia/Kolkata&by=tag.team",
)


def main(runs: int) -> None:
    """Print a table for each database."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "bridge.db")
        measure("SQLite", f"sqlite:///{file}", runs)
        print(f"{file.stat().st_size / 1e6:.0f} MB, of which the sums take {sums_size(file) / 1e6:.1f}")
    with database() as url:
        measure("PostgreSQL", url, runs)


def measure(name: str, url: str, runs: int) -> None:
    """Print the table of one database."""
    with Store(url, exclusive=True) as store:
        now = datetime.now(UTC)
        fill(store, now)
        print(f"{name}: {MESSAGES:,} messages; {runs} runs")
        measured = list(calls(store, now))
        with serving(store) as get:
            for path in PAGES:
                get(path)  # the first one compiles the templates
                measured.append((f"page {path}", partial(get, path), "200 ms"))
            rows = [(name, *summed([timed(call) for _ in range(runs)]), limit) for name, call, limit in measured]
        table(("", "median", "longest", "limit"), rows)


def calls(store: Store, now: datetime) -> Iterator[tuple[str, Callable[[], object], str]]:
    """List what is measured."""
    read, search = store.activity.read, store.search
    for by in (None, "reason", "tags.team", "day", "hour"):
        yield f"report of 30 days, by {by or 'nothing'}", partial(read, now - MONTH, now, by, HERE), "1,000 ms"
    failed = MessageQuery(statuses=(Status.FAILED,))
    rare = MessageQuery(statuses=(Status.FAILED,), reason=_REASON)
    yield "messages that failed, a page", partial(search.messages, failed), "200 ms"
    yield "messages that failed for one reason, a page", partial(search.messages, rare), "200 ms"
    yield "all messages by status, for the overview", lambda: Search(store._database).totals(), "200 ms"  # noqa: SLF001


@contextmanager
def serving(store: Store) -> Iterator[Callable[[str], bytes]]:
    """Serve the pages on a port of this machine; what gets one, over a connection of its own."""

    def nothing(*_: object) -> None:
        pass

    context = ServerContext(store, partial(datetime.now, UTC), nothing, nothing, nothing, Streams())
    app = make_app(lambda: Health({}), lambda _: (b"", ""), access=Access(), context=context)
    server = HttpServer(app, TcpPlace("127.0.0.1", 0))
    server.start()

    def get(path: str) -> bytes:
        with closing(HTTPConnection(*server.address, timeout=60)) as connection:
            connection.request("GET", path, headers={"Accept": "text/html"})
            answer = connection.getresponse()
            html = answer.read()
        assert answer.status == HTTPStatus.OK, html
        return html

    try:
        yield get
    finally:
        server.stop(1)


def summed(seconds: list[float]) -> tuple[str, str]:
    """Write their median, and the longest."""
    return f"{median(seconds) * 1000:.0f} ms", f"{max(seconds) * 1000:.0f} ms"


def timed(call: Callable[[], object]) -> float:
    """Time a call, in seconds."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def fill(store: Store, now: datetime) -> None:
    """Write the messages and their sums."""
    first, step = now - timedelta(days=DAYS), timedelta(days=DAYS) / MESSAGES
    tally, sums = Tally(), Counter[tuple[int, str, str, str]]()
    with store._database.write() as connection:  # noqa: SLF001 -- nobody else may
        for start in range(1, MESSAGES + 1, 50_000):
            ended = [(id_, one(id_, first + id_ * step)) for id_ in range(start, start + 50_000)]
            sums.update(tally.count([each for _, each in ended]))
            connection.execute(sa.insert(messages), [row(id_, each) for id_, each in ended])
            failed = [event(id_, each) for id_, each in ended if each.status is Status.FAILED and each.at > now - MONTH]
            if failed:
                connection.execute(sa.insert(events), failed)
        opened = sa.select(events.c.subject, events.c.position, events.c.type, events.c.at)
        connection.execute(sa.insert(incidents).from_select(["subject", "event", "type", "since"], opened))
        names = ("slot", "kind", "value", "status", "count")
        connection.execute(
            sa.insert(activity), [dict(zip(names, (*key, count), strict=True)) for key, count in sorted(sums.items())]
        )
        connection.execute(sa.text("ANALYZE"))


def one(number: int, at: datetime) -> Ended:
    """Make one message's end."""
    tags = {"team": f"team {number % 50}"}
    if number % 10:
        return Ended(Status.SENT, at, tags, waited=timedelta(seconds=1 + number % 600))
    return Ended(Status.FAILED, at, tags, ERRORS[number // 10 % len(ERRORS)])


def row(id_: int, ended: Ended) -> dict[str, Any]:
    """Make its row."""
    return {
        "id": id_,
        "tags": ended.tags,
        "listed": False,
        "added": True,
        "status": ended.status,
        "since": ended.at,
        "error": ended.error,
        "reason": ended.error and reason_of(ended.error).key,
        "watched_since": ended.at,
        "sequence": 1,
        "seen": 3,
    }


def event(id_: int, ended: Ended) -> dict[str, Any]:
    """Make the row of the event that it failed."""
    current = {"status": str(ended.status), "code": 3, "since": isoformat(ended.at), "error": ended.error}
    data = {"message_id": id_, "label": None, "tags": ended.tags, "sequence": 1, "previous": None, "current": current}
    return {
        "id": f"evt_{id_}",
        "type": "message.failed",
        "at": ended.at,
        "subject": message_subject(id_),
        "sequence": 1,
        "message_id": id_,
        "data": data,
    }


def sums_size(file: Path) -> int:
    """Return how many bytes the sums take in a SQLite database."""
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name = 'activity'").fetchone()
    return int(found[0])
