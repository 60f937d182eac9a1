"""Events as they happen, over a real socket: in order, from where one was, and for as long as the client keeps up."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from bridge.domain.model import Details, Status
from bridge.server import event_stream
from bridge.server.auth import Access
from tests.world.api import TOKEN, Api
from tests.world.records import after, fail_some, observe
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.store.store import Store


@pytest.fixture
def api(sqlite_store: Store) -> Iterator[Api]:
    with Api(sqlite_store, Access(token=TOKEN)).running() as running:
        yield running


@contextmanager
def following(api: Api, path: str = "/v1/events/stream", **headers: str) -> Iterator[Iterator[str]]:
    """Follow events; the lines come as they are sent."""
    with requests.Session() as session:
        session.trust_env = False
        with session.get(api.url + path, headers=headers, stream=True, timeout=5) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.iter_lines(decode_unicode=True)
            assert next(lines) == "retry: 2000"
            yield lines


def some(lines: Iterator[str], count: int) -> list[dict[str, str]]:
    """Read this many events, each with its fields."""
    found: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            found.append(fields)
            fields = {}
        if len(found) == count:
            break
    return found


def ids(found: list[dict[str, str]]) -> list[int]:
    return [json.loads(fields["data"])["data"]["message_id"] for fields in found]


def happens(api: Api, *message_ids: int) -> None:
    fail_some(api.store, list(message_ids))
    api.streams.wake()


def test_what_happens_is_shown_at_once_and_in_order(api: Api) -> None:
    happens(api, 1)
    with following(api) as lines:
        until(lambda: api.streams._waiting)
        started = time.monotonic()
        happens(api, 2, 3)
        found = some(lines, 2)
        assert time.monotonic() - started < event_stream.LOOK
    assert ids(found) == [2, 3]
    assert found[0]["event"] == "message.failed"
    until(lambda: not api.streams._waiting)
    assert api.streams._open == 0


def test_a_client_that_comes_back_goes_on_where_it_was(api: Api) -> None:
    happens(api, 1, 2, 3)
    with following(api, "/v1/events/stream?after=0") as lines:
        first, second, _ = some(lines, 3)
    with following(api, **{"Last-Event-ID": first["id"]}) as lines:
        assert ids(some(lines, 2)) == [2, 3]
    with following(api, f"/v1/events/stream?after={json.loads(second['data'])['id']}") as lines:
        assert ids(some(lines, 1)) == [3]
    with following(api, "/v1/events?message_id=3", Accept="text/event-stream", **{"Last-Event-ID": "0"}) as lines:
        assert ids(some(lines, 1)) == [3]
    gone = api.ask("GET", "/v1/events/stream?after=evt_" + "a" * 24)
    assert (gone.status_code, "unknown or expired event" in gone.text) == (404, True)
    assert api.ask("GET", "/v1/events/stream?after=yesterday").status_code == 422


def test_only_what_was_asked_for_is_shown(api: Api) -> None:
    with following(api, "/v1/events/stream?type=message.sent&after=0") as lines:
        happens(api, 1, 2)
        observe(api.store, 2, Status.SENT, after(1))
        api.streams.wake()
        assert ids(some(lines, 1)) == [2]


def test_nothing_in_a_label_begins_a_line_of_its_own(api: Api) -> None:
    api.store.messages.watch([1], after(0), Details("a\ndata: {}\n\nevent: x\r\u2028"))
    observe(api.store, 1, Status.PENDING)
    with following(api, "/v1/events/stream?after=0") as lines:
        (found,) = some(lines, 1)
    assert json.loads(found["data"])["data"]["label"] == "a\ndata: {}\n\nevent: x\r\u2028"


def test_a_silent_stream_says_that_it_lives(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT", 0.05)
    monkeypatch.setattr(event_stream, "LOOK", 0.05)
    with following(api) as lines:
        assert [line for line in (next(lines) for _ in range(4)) if line] == [":", ":"]


def test_streams_are_few_and_end_with_the_server(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MOST_STREAMS", 2)
    with ExitStack() as stack:
        followers = [stack.enter_context(following(api)) for _ in range(2)]
        refused = api.ask("GET", "/v1/events/stream")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert api.ask("GET", "/v1/events").status_code == 200
        started = time.monotonic()
        api.streams.close()
        assert [[line for line in lines if line] for lines in followers] == [[], []]
        assert time.monotonic() - started < 1
    until(lambda: api.streams._open == 0)


def test_of_many_that_come_at_once_no_more_may_stay(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MOST_STREAMS", 2)
    host, port = api.url.removeprefix("http://").split(":")
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((host, int(port)), 5)) for _ in range(20)]
        for client in clients:
            client.sendall(b"GET /v1/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        first_lines = [client.recv(100).partition(b"\r\n")[0] for client in clients]
        assert first_lines.count(b"HTTP/1.1 200 OK") == 2
    until(lambda: api.streams._open == 0)


@pytest.mark.slow
def test_a_client_that_takes_nothing_is_cut_and_holds_nobody_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.server.connection.PATIENCE", 0.3)
    api.store.messages.watch(range(1, 1001), after(0), Details("x" * 20_000))
    fail_some(api.store, range(1, 1001))  # more than the system keeps for a client that takes nothing
    host, port = api.url.removeprefix("http://").split(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((host, int(port)))
        client.sendall(b"GET /v1/events/stream?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: api.streams._open == 1)
        assert len(api.get("/v1/events", limit=1)["items"]) == 1
        until(lambda: api.streams._open == 0)
