"""The search: what a person writes into the form, and what the store is asked."""

from __future__ import annotations

from datetime import UTC
from urllib.parse import parse_qs, parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.model import Status
from bridge.domain.settings.units import parse_moment
from bridge.server.ui.messages import Asked, id_in
from bridge.store.search import MessageQuery
from tests.world.clock import START

KOLKATA = ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize(
    ("text", "id_"),
    [("12346", 12346), ("007", 7), ("0", None), ("", None), ("-1", None), ("1.5", None), ("٣", None), ("9" * 19, None)],
)
def test_an_id_is_a_plain_number_that_a_database_can_hold(text: str, id_: int | None) -> None:
    assert id_in(text) == id_


def asked(**given: str) -> Asked:
    return Asked.read(START, KOLKATA, **given)


def test_a_number_may_be_an_id_or_text() -> None:
    for written in ("12346", "#12346", " 12346 "):
        assert asked(text=written).query(by_id=True) == MessageQuery(ids=(12346,))
    assert asked(text="88").query(by_id=False) == MessageQuery(text="88")


def test_everything_that_is_chosen_must_hold() -> None:
    query = asked(text="invoice", status="failed", tag=" team = billing ").query(by_id=False)
    assert query == MessageQuery(text="invoice", statuses=(Status.FAILED,), tags={"team": "billing"})
    assert asked(status="unseen").query(by_id=False) == MessageQuery(statuses=(None,))
    assert asked(order="oldest").query(by_id=False) == MessageQuery(oldest_first=True)
    assert asked().query(by_id=False) == MessageQuery()


@pytest.mark.parametrize(
    "given",
    [
        {"status": "lost"},
        {"tag": "billing"},
        {"tag": "=billing"},
        {"tag": " ="},
        {"order": "id"},
        {"period": "ever"},
        {"period": "7d", "since": "2026-11-23"},
        {"since": "2026-11-24", "until": "2026-11-23"},
        {"since": "2026-02-30"},
        {"since": "2026-11-23T20:00"},
        {"until": "9999-12-31"},
        {"since": "0001-01-01"},
    ],
    ids=str,
)
def test_what_cannot_be_is_said(given: dict[str, str]) -> None:
    assert asked(**given).wrong


@pytest.mark.parametrize(("status", "tag"), [("", ""), ("failed", "a=b"), ("unseen", "a=b=c"), ("", "a=")])
def test_what_can_be_is_not_complained_of(status: str, tag: str) -> None:
    assert asked(status=status, tag=tag).wrong is None


@pytest.mark.parametrize(
    ("given", "since", "until"),
    [
        ({"period": "today"}, "2026-11-23T18:30Z", None),
        ({"period": "7d"}, "2026-11-16T20:11:12.345Z", None),
        ({"period": "30d"}, "2026-10-24T20:11:12.345Z", None),
        ({"since": "2026-11-01"}, "2026-10-31T18:30Z", None),
        ({"until": "2026-11-01"}, None, "2026-11-01T18:30Z"),
        ({"since": "2026-11-01", "until": "2026-11-01"}, "2026-10-31T18:30Z", "2026-11-01T18:30Z"),
        ({"since": "2026-11-01T00:00Z"}, "2026-11-01T00:00Z", None),
    ],
    ids=str,
)
def test_days_begin_where_people_are(given: dict[str, str], since: str | None, until: str | None) -> None:
    query = asked(**given).query(by_id=False)
    assert query == MessageQuery(
        since=None if since is None else parse_moment(since), until=None if until is None else parse_moment(until)
    )


def test_each_filter_has_an_address_without_it() -> None:
    given = {"text": "x", "status": "failed", "tag": "a=b", "period": "7d", "order": "oldest"}
    found = {each.words: dict(parse_qsl(urlsplit(each.without).query)) for each in asked(**given).filters()}
    assert found == {
        "Text: x": {name: value for name, value in given.items() if name != "text"},
        "Status: Failed": {name: value for name, value in given.items() if name != "status"},
        "Tag: a=b": {name: value for name, value in given.items() if name != "tag"},
        "Changed: Last 7 days,": {name: value for name, value in given.items() if name != "period"},
    }


@given(st.text(max_size=50), st.sampled_from(["", "failed"]), st.text(max_size=50), st.none() | st.text(max_size=50))
def test_the_address_of_a_page_asks_for_the_same(text: str, status: str, tag: str, reason: str | None) -> None:
    asked = Asked.read(START, UTC, reason, text=text, status=status, tag=tag, since="2026-11-23T20:00Z", order="oldest")
    query = parse_qs(urlsplit(asked.address("abc")).query, keep_blank_values=True)
    fields = {name: values[0] for name, values in query.items()}
    assert fields.pop("cursor") == "abc"
    assert Asked.read(START, UTC, **fields) == asked


@given(st.text())
def test_what_no_database_holds_is_left_out(text: str) -> None:
    assert "\0" not in asked(text=text + "\0").text
