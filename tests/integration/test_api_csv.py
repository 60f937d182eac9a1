"""Tables over HTTP, on a real socket and a real store: handed over whole or not at all."""

from __future__ import annotations

import time
from contextlib import suppress
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from bridge.domain.model import Details
from bridge.domain.spreadsheet.handover import LARGEST_CSV, MOST_ROWS
from bridge.server import connection
from bridge.server.auth import Access
from bridge.store.search import MessageQuery
from tests.integration.test_api import problem
from tests.world.api import SHOWN, TOKEN, Api
from tests.world.records import known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.store.store import Store

CSV = {**SHOWN, "Content-Type": "text/csv; charset=utf-8"}


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with Api(store, Access(token=TOKEN)).running() as running:
        yield running


def post(api: Api, table: str | bytes | Iterator[bytes], **headers: str) -> Any:
    data = table.encode() if isinstance(table, str) else table
    return api.ask("POST", "/v1/messages", data=data, headers={**CSV, **headers})


def count(api: Api) -> int:
    return len(api.store.search.messages(MessageQuery(), most=1000).items)


def test_table_is_watched_as_json_would_be(api: Api) -> None:
    api.store.messages.watch([6], api.now)
    table = "ID;Label;tags.team;expected_at\r\n5;Invoice 88;billing;2026-12-24T09:00+05:30\r\n6;;;\r\n"
    answer = post(api, table.encode("utf-16"))
    assert (answer.status_code, answer.json()) == (200, {"watched": [5], "already_watched": [6]})
    assert api.woken == ["poller"]
    message = known(api.store, 5)
    assert (message.label, message.tags) == ("Invoice 88", {"team": "billing"})
    assert post(api, "7\n8\n").json()["watched"] == [7, 8]


def test_nothing_of_a_wrong_table_is_watched_and_each_row_is_named(api: Api) -> None:
    answer = post(api, "id,label\n1,a\n1.2E+05,b\n1,c\n2,d,e\n")
    assert problem(answer, 422).startswith("line 3: id: 1.2E+05 is a number that a spreadsheet has shortened: ")
    errors = answer.json()["errors"]
    assert [(each["line"], each["column"], each.get("field")) for each in errors] == [
        (3, 1, "id"),
        (4, 1, "id"),
        (5, 5, None),
    ]
    assert errors[1]["detail"] == "the id 1 is listed twice (first on line 2); keep one"
    assert (count(api), api.woken) == (0, [])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "line 1: this is an Excel workbook: save it as CSV UTF-8"),
        ("id,label\n1,Größe\n".encode("latin-1"), "line 2: this is not UTF-8 text: save it as CSV UTF-8"),
        (b'id,label\n1,"x\n2,y\n', 'line 2: a quote (") opens here and is not closed in its cell'),
        (b"id,label\n1,x\0\n", "line 2: label: there is a NUL byte in this cell"),
        (b"id\n=1+1\n", "line 2: id: a message id is a whole number"),
        (b"", "line 1: it is empty"),
        (b"id\n", "line 1: there is no message in it"),
    ],
)
def test_what_is_no_list_is_refused_in_words(api: Api, table: bytes, words: str) -> None:
    assert problem(post(api, table), 422).startswith(words)
    assert count(api) == 0


@pytest.mark.slow
def test_row_too_many_is_refused(sqlite_store: Store) -> None:
    with Api(sqlite_store, Access(token=TOKEN)).running() as api:
        table = "\n".join(map(str, range(1, MOST_ROWS + 2)))
        assert problem(post(api, table), 422).startswith("line 100001: too many rows (allowed: 100,000)")
        assert count(api) == 0


def test_table_that_is_too_large_is_cut_early(api: Api) -> None:
    """By what the request says, before anything is read; and where it says nothing, while it comes in."""
    words = "the body is too large (allowed: up to 5000000 bytes)"
    promised = HTTPConnection(urlsplit(api.url).netloc, timeout=10)
    promised.request("POST", "/v1/messages", None, {**CSV, "Content-Length": str(10**10)})
    assert words in promised.getresponse().read().decode()
    promised.close()
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 10**9:
            sent += 1_000_000
            yield b"1\n" * 500_000

    with suppress(OSError):  # the connection may be closed while the rest is on its way
        assert words in problem(post(api, endless()), 413)
    assert sent < 50_000_000
    assert problem(post(api, b"x" * LARGEST_CSV), 422).startswith("line 1: ")
    assert count(api) == 0


@pytest.mark.slow
def test_only_a_table_may_be_so_large_and_only_with_the_token(api: Api) -> None:
    large = b"id\n1\n".ljust(LARGEST_CSV, b"\n")
    assert problem(api.ask("POST", "/v1/messages", data=large, headers={**SHOWN, "Content-Type": "text/plain"}), 413)
    assert problem(api.ask("POST", "/v1/messages/unwatch", data=large, headers=CSV), 413)
    assert problem(api.ask("POST", "/v1/messages", data=b"1\n", headers={"Content-Type": "text/csv"}), 401)
    assert problem(api.ask("POST", "/v1/messages?x=1", data=b"1\n", headers=CSV), 422).startswith(
        "x: unknown parameter"
    )
    assert post(api, large).json()["watched"] == [1]


def slowly(size: int, pieces: int, pause: float) -> Iterator[bytes]:
    """A table with an id in each piece of so many bytes."""
    for id_ in range(1, pieces + 1):
        yield b"%d\n".ljust(size, b"\n") % id_
        time.sleep(pause)


@pytest.mark.slow
def test_upload_takes_as_long_as_it_goes_on(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.3)
    with Api(sqlite_store, Access(token=TOKEN)).running() as api:
        with pytest.raises(requests.ConnectionError):
            post(api, slowly(1024, 12, 0.1))
        assert count(api) == 0
        assert post(api, slowly(connection.LEAST_UPLOAD, 12, 0.1)).status_code == 200
        assert count(api) == 12


@pytest.mark.waits
def test_upload_over_a_slow_line_takes_longer_than_a_request_may(sqlite_store: Store) -> None:
    with Api(sqlite_store, Access(token=TOKEN)).running() as api:
        began = time.monotonic()
        assert post(api, slowly(16 * 1024, 48, 0.5)).status_code == 200
        assert time.monotonic() - began > 2 * connection.PATIENCE


def test_given_details_replace_and_empty_cells_say_nothing(api: Api) -> None:
    api.store.messages.watch_each({1: Details("a", {"team": "x"})}, api.now)
    assert post(api, "id,label,tags.team\n1,b,\n").json()["already_watched"] == [1]
    assert (known(api.store, 1).label, known(api.store, 1).tags) == ("b", {"team": "x"})


def test_description_says_that_tables_are_taken(api: Api) -> None:
    call = api.get("/openapi.json")["paths"]["/v1/messages"]["post"]
    assert call["operationId"] == "watch_messages"
    table = call["requestBody"]["content"]["text/csv"]["example"]
    assert post(api, table).json()["watched"] == [12346, 12347]
