"""How long do a report, a search and the pages take with a million messages? Times of one request each.

A million messages came to an end over 90 days, evenly: nine in ten were sent, the others failed for one of twelve
reasons; each has one of fifty teams as a tag. Nobody acknowledged those that failed in the last 30 days. Rows and sums
are written by SQL of our own, as the store would.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from benchmarks.measure import median, table
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
from bridge.store.column_types import to_millis
from bridge.store.search import MessageQuery, Search
from bridge.store.store import Store

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
_EVENT = (
    "INSERT INTO events (id, type, at, subject, sequence, message_id, data) VALUES (?, 'message.failed', ?, ?, 1, ?, ?)"
)
_INCIDENTS = "INSERT INTO incidents (subject, event, type, since) SELECT subject, position, type, at FROM events"
_COLUMNS = "id, tags, listed, added, status, since, error, reason, watched_since, sequence, seen"


def main(runs: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as place, Store(f"sqlite:///{place}/bridge.db", exclusive=True) as store:
        now = datetime.now(UTC)
        fill(store, now)
        size = Path(place, "bridge.db").stat().st_size
        print(
            f"{MESSAGES:,} messages, {size / 1e6:.0f} MB of which the sums {sums_size(store) / 1e6:.1f} MB; {runs} runs"
        )
        measured = [(name, call, limit) for name, call, limit in calls(store, now)]
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
    tally, sums, failures = Tally(), Counter[tuple[int, str, str, str]](), list[tuple[object, ...]]()
    insert = f"INSERT INTO messages ({_COLUMNS}) VALUES ({', '.join('?' * 11)})"
    with store._database.write() as connection:  # noqa: SLF001 -- nobody else may
        for start in range(0, MESSAGES, 50_000):
            ended = [one(number, first + number * step) for number in range(start, start + 50_000)]
            sums.update(tally.count(ended))
            connection.exec_driver_sql(insert, [row(start + at + 1, each) for at, each in enumerate(ended)])
            failures += [
                event(start + at + 1, each)
                for at, each in enumerate(ended)
                if each.status is Status.FAILED and each.at > now - MONTH
            ]
        connection.exec_driver_sql(_EVENT, failures)
        connection.exec_driver_sql(_INCIDENTS)
        listed = [(*key, count) for key, count in sorted(sums.items())]
        connection.exec_driver_sql(
            "INSERT INTO activity (slot, kind, value, status, count) VALUES (?, ?, ?, ?, ?)", listed
        )
        connection.exec_driver_sql("ANALYZE")


def one(number: int, at: datetime) -> Ended:
    """Make one message's end."""
    tags = {"team": f"team {number % 50}"}
    if number % 10:
        return Ended(Status.SENT, at, tags, waited=timedelta(seconds=1 + number % 600))
    return Ended(Status.FAILED, at, tags, ERRORS[number // 10 % len(ERRORS)])


def row(id_: int, ended: Ended) -> tuple[object, ...]:
    """Make its row."""
    at, reason = to_millis(ended.at), ended.error and reason_of(ended.error).key
    return id_, json.dumps(ended.tags), False, True, str(ended.status), at, ended.error, reason, at, 1, 3


def event(id_: int, ended: Ended) -> tuple[object, ...]:
    """Make the row of the event that it failed."""
    current = {"status": str(ended.status), "code": 3, "since": isoformat(ended.at), "error": ended.error}
    data = {"message_id": id_, "label": None, "tags": ended.tags, "sequence": 1, "previous": None, "current": current}
    return f"evt_{id_}", to_millis(ended.at), message_subject(id_), id_, json.dumps(data)


def sums_size(store: Store) -> int:
    """Return how many bytes the sums take."""
    with store._database.read() as connection:  # noqa: SLF001 -- as above
        return int(connection.exec_driver_sql("SELECT sum(pgsize) FROM dbstat WHERE name = 'activity'").scalar() or 0)
