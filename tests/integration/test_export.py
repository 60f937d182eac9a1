"""Messages and events as tables: over HTTP, by command, and from the page, for as many rows as there are."""

from __future__ import annotations

import csv
import io
import tracemalloc
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import IncompleteRead
from typing import TYPE_CHECKING, Any

import pytest
import requests
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from bridge.domain.errors import NotNowError, UsageError
from bridge.domain.model import Details, Status
from bridge.domain.spreadsheet.reader import read_messages
from bridge.server.auth import Access
from bridge.simulator.api import Simulator
from bridge.store import export
from bridge.store.history import EventQuery
from bridge.store.search import MessageQuery
from bridge.store.tables import messages
from tests.integration.test_api import problem
from tests.integration.test_page import lite, serve
from tests.unit.domain.spreadsheet.test_writer import LISTS
from tests.world.api import SHOWN, TOKEN, Api
from tests.world.daemon import Daemon, account, command, write_config
from tests.world.records import NOW, fail_some, observe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.store.store import Store
    from tests.integration.test_page import Serve

__all__ = ["lite", "serve"]  # fixtures

FORMULA = '=HYPERLINK("http://evil.example","x")'


@pytest.fixture
def api(store: Store) -> Iterator[Api]:
    with Api(store, Access(token=TOKEN)).running() as running:
        yield running


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def table(api: Api, path: str, **params: Any) -> list[dict[str, str]]:
    answer = api.ask("GET", path, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return rows(answer.content.decode())


def some(store: Store) -> None:
    """Messages 1 to 6; 2 and 4 have failed."""
    store.messages.watch_each(
        {id_: Details(f"Invoice {id_}", {"team": "a" if id_ % 2 else "b"}) for id_ in (3, 5, 1)}, NOW
    )
    store.messages.watch_each({6: Details(FORMULA, {"note": "-1\n+2"}, datetime(2026, 12, 24, tzinfo=UTC))}, NOW)
    fail_some(store, [2, 4])
    observe(store, 5, Status.SENT, NOW + timedelta(hours=1))


def test_table_has_what_json_has_by_ids(api: Api) -> None:
    some(api.store)
    found = table(api, "/v1/messages.csv")
    assert [each["id"] for each in found] == ["1", "2", "3", "4", "5", "6"]
    assert list(found[0]) == [
        *("id", "label", "expected_at", "tags.note", "tags.team", "status", "since", "error", "sequence", "watched"),
        *("watched_since", "polled_at", "due_at"),
    ]
    listed = {str(each["id"]): each for each in api.get("/v1/messages")["items"]}
    for each in found:
        shown = listed[each["id"]]
        for name in ("status", "since", "error", "due_at", "watched_since"):
            assert each[name] == (shown[name] or ""), name
        assert each["watched"] == str(shown["watched"]).lower()
    assert (found[5]["label"], found[5]["tags.note"]) == (f"'{FORMULA}", "'-1\n+2")
    (raw,) = table(api, "/v1/messages.csv", id=6, raw=True)
    assert (raw["label"], raw["tags.note"], raw["expected_at"]) == (FORMULA, "-1\n+2", "2026-12-24T00:00:00.000Z")


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"status": "failed"},
        {"status": ["unseen", "sent"]},
        {"tag": "team=a"},
        {"text": "INVOICE", "status": "unseen"},
        {"id": [3, 4, 77]},
        {"since": "2026-11-23T20:30:00Z"},
        {"until": "2026-11-23T20:30:00Z", "watched": True},
        {"watched": False},
        {"reason": "no such"},
    ],
)
@pytest.mark.parametrize("page", [1, 2, 1000])
def test_filters_are_those_of_the_list(
    api: Api, params: dict[str, Any], page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", page)
    some(api.store)
    listed = sorted(each["id"] for each in api.get("/v1/messages", **params)["items"])
    assert [int(each["id"]) for each in table(api, "/v1/messages.csv", **params)] == listed
    assert [int(each["id"]) for each in table(api, "/v1/messages.csv", **params, limit=3)] == listed[:3]


@pytest.mark.parametrize("page", [1, 3, 1000])
def test_events_are_a_table_newest_first(api: Api, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE", page)
    some(api.store)
    listed = api.get("/v1/events")["items"]
    found = table(api, "/v1/events.csv")
    assert [each["id"] for each in found] == [each["id"] for each in listed]
    (of_five,) = table(api, "/v1/events.csv", message_id=5)
    assert (of_five["type"], of_five["subject"], of_five["message_id"]) == ("message.sent", "message/5", "5")
    assert (of_five["label"], of_five["tags"], of_five["status"]) == ("Invoice 5", "team=a", "sent")
    assert [each["error"] for each in table(api, "/v1/events.csv", type="message.failed", limit=1)] == [
        listed[-1]["data"]["current"]["error"]
    ]


def test_what_cannot_be_exported_is_a_problem_before_anything_is_sent(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problem(api.ask("GET", "/v1/messages.csv?statu=failed"), 422).startswith("statu: unknown parameter (did you")
    assert problem(api.ask("GET", "/v1/messages.csv?limit=0"), 422).startswith("limit: ")
    assert problem(api.ask("GET", "/v1/events.csv?cursor=e.1.2"), 422).startswith("cursor: unknown parameter")
    monkeypatch.setattr(export, "MOST_TAGS", 1)
    some(api.store)
    assert "more than 1 different tags" in problem(api.ask("GET", "/v1/messages.csv"), 400)
    assert len(table(api, "/v1/messages.csv", tag="team=a")) == 3


def test_table_that_breaks_off_is_not_taken_for_all(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE", 1)
    some(api.store)
    pages = export.Export._pages

    def broken(self: export.Export, query: MessageQuery, most: int | None) -> Iterator[Any]:
        for number, page in enumerate(pages(self, query, most)):
            if number == 2:
                raise NotNowError("the database is locked")
            yield page

    monkeypatch.setattr(export.Export, "_pages", broken)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, IncompleteRead)):
        api.ask("GET", "/v1/messages.csv")
    assert api.troubles == ["an export as CSV"]


def test_where_others_can_ask_the_table_needs_the_token(sqlite_store: Store) -> None:
    with Api(sqlite_store, Access(listen_host="0.0.0.0", token=TOKEN)).running() as api:
        assert api.ask("GET", "/v1/messages.csv", headers={}).status_code == 401
        assert api.ask("GET", "/v1/messages.csv", headers=SHOWN).status_code == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(LISTS)
def test_what_is_exported_is_handed_over_again(store: Store, described: dict[int, Details]) -> None:
    """Through the real store, with quotes, line breaks, formulas, emoji and right-to-left labels."""
    with store._database.write() as connection:
        connection.execute(sa.delete(messages))
    store.messages.watch_each(described, NOW)
    faults: list[Any] = []
    text = "".join(store.export.messages(MessageQuery()))
    again = {each.id: each.details for each in read_messages(text.encode(), faults.append)}
    assert faults == []
    assert again == described


def test_pages_are_read_by_ids_alone(store: Store) -> None:
    """No sort, and no other index: a page costs what it holds, whatever is asked for."""
    query = MessageQuery(statuses=[Status.FAILED, None], text="x", tags={"a": "b"}, watched=True, reason="x")
    query = replace(query, since=NOW, until=NOW + timedelta(days=1))
    executed: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        executed.append((statement, parameters))

    sa.event.listen(store._database._engine, "before_cursor_execute", note)
    list(store.export.messages(query))
    sa.event.remove(store._database._engine, "before_cursor_execute", note)
    (page,) = [each for each in executed if "ORDER BY messages.id" in each[0]]
    on_sqlite = store._database.path is not None
    with store._database.read() as connection:
        if not on_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_sort = off")
        explain = "EXPLAIN QUERY PLAN" if on_sqlite else "EXPLAIN"
        plan = " ".join(map(str, connection.exec_driver_sql(f"{explain} {page[0]}", page[1])))
    assert ("USING INTEGER PRIMARY KEY" if on_sqlite else "Index Scan using messages_pkey") in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


@pytest.mark.slow
def test_memory_does_not_grow_with_the_table(store: Store) -> None:
    many = 30_000
    with store._database.write() as connection:
        filled = {"listed": False, "added": True, "discovered": False, "watched_since": NOW, "tags": {"team": "x"}}
        all_ = [{"id": id_, "label": f"Invoice {id_} " * 10, **filled} for id_ in range(1, many + 1)]
        connection.execute(sa.insert(messages), all_)
    pieces = store.export.messages(MessageQuery())
    next(pieces)
    tracemalloc.start()
    try:
        size = sum(map(len, pieces))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 4_000_000
    assert peak < 8_000_000, "a thousand rows take some five, and there were thirty thousand"


def test_too_many_tags_are_refused_in_words(store: Store) -> None:
    for first in range(0, 1020, 20):
        store.messages.watch_each({first + 1: Details(None, {f"t{first + n}": "x" for n in range(20)})}, NOW)
    with pytest.raises(UsageError, match="more than 1,000 different tags"):
        store.export.messages(MessageQuery())
    assert len(list(store.export.events(EventQuery()))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("running", [True, False])
def test_commands_print_tables(tmp_path: Path, running: bool) -> None:
    label = f"{FORMULA}\r\nتذكير 🧾"
    with Simulator() as simulator, ExitStack() as stack:
        for id_ in range(1, 61):
            simulator.account.put(id_, Status.SENT)
        write_config(
            tmp_path,
            {
                "wbiztool": account(simulator),
                "messages": [{"id": id_, "label": label, "tags": {"team": "a"}} for id_ in range(1, 61)],
                "database": "sqlite:///bridge.db",
                "timezone": "Asia/Kolkata",
                "receivers": [{"webhook": "http://127.0.0.1:9/", "events": ["stuck"]}],
            },
        )
        assert command(tmp_path, "poll").returncode == 0
        if running:
            stack.enter_context(Daemon(tmp_path)).wait_until_ready()
        printed = command(tmp_path, "messages", "--csv", "--status", "sent")
        assert printed.returncode == 0, printed.stderr
        found = rows(printed.stdout)
        assert [int(each["id"]) for each in found] == list(range(1, 61))
        assert found[0]["label"].replace("\r\n", "\n") == f"'{label}".replace("\r\n", "\n")
        (raw,) = rows(command(tmp_path, "messages", "--csv", "--raw", "-n", "1").stdout)
        assert raw["label"].startswith("=")
        assert raw["since"].endswith("Z")
        assert found[0]["since"].endswith("+05:30")
        assert datetime.fromisoformat(found[0]["since"]) == datetime.fromisoformat(raw["since"])
        events = rows(command(tmp_path, "events", "--csv", "--message", "7").stdout)
        assert [(each["type"], each["message_id"]) for each in events] == [("message.sent", "7")]
        assert command(tmp_path, "messages", "--csv", "--status", "failed").stdout.count("\n") == 1
        for wrong in (["--raw"], ["--csv", "--json"]):
            assert command(tmp_path, "messages", *wrong).returncode == 2
        assert command(tmp_path, "events", "--csv", "--follow").returncode == 2


def test_page_downloads_what_is_searched(lite: Store, serve: Serve) -> None:
    some(lite)
    browser = serve(lite)
    for path, ids in (
        ("messages", [1, 2, 3, 4, 5, 6]),
        ("messages?status=failed", [2, 4]),
        ("messages?text=3", [3]),
        ("messages?text=%233", [3]),
        ("messages?text=invoice&tag=+team+%3D+a+&status=unseen", [1, 3]),
        ("messages?text=HYPERLINK", [6]),
        ("messages?since=2026-11-23T20:30:00Z", [5]),
    ):
        page = browser.open(browser.open(path).link("Download CSV"))
        assert page.headers["content-disposition"] == 'attachment; filename="messages.csv"'
        assert page.html.encode(page.headers.get("x", "utf-8"))[:3] == b"\xef\xbb\xbf", "Excel needs it"
        assert [int(each["id"]) for each in rows(page.html.removeprefix("\ufeff"))] == ids, path
    events = browser.open(browser.open("messages/4").link("Download CSV")).html
    assert [each["message_id"] for each in rows(events.removeprefix("\ufeff"))] == ["4"]
    assert "Download CSV" not in browser.open("messages?text=nothing-like-that").html
