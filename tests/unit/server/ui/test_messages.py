"""The search: what a person writes into the form, and what the store is asked."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.model import Status
from bridge.server.ui.messages import Asked, id_in
from bridge.store.search import MessageQuery


@pytest.mark.parametrize(
    ("text", "id_"),
    [("12346", 12346), ("007", 7), ("0", None), ("", None), ("-1", None), ("1.5", None), ("٣", None), ("9" * 19, None)],
)
def test_an_id_is_a_plain_number_that_a_database_can_hold(text: str, id_: int | None) -> None:
    assert id_in(text) == id_


def test_a_number_may_be_an_id_or_text() -> None:
    for written in ("12346", "#12346", " 12346 "):
        asked = Asked.read(written, "", "")
        assert asked.query(by_id=True) == MessageQuery(ids=(12346,))
    assert Asked.read("88", "", "").query(by_id=False) == MessageQuery(text="88")


def test_everything_that_is_chosen_must_hold() -> None:
    query = Asked.read("invoice", "failed", " team = billing ").query(by_id=False)
    assert query == MessageQuery(text="invoice", statuses=(Status.FAILED,), tags={"team": "billing"})
    assert Asked.read("", "unseen", "").query(by_id=False) == MessageQuery(statuses=(None,))
    assert Asked.read("", "", "").query(by_id=False) == MessageQuery()


@pytest.mark.parametrize(("status", "tag"), [("lost", ""), ("", "billing"), ("", "=billing"), ("", " =")])
def test_what_cannot_be_is_said(status: str, tag: str) -> None:
    assert Asked.read("", status, tag).wrong


@pytest.mark.parametrize(("status", "tag"), [("", ""), ("failed", "a=b"), ("unseen", "a=b=c"), ("", "a=")])
def test_what_can_be_is_not_complained_of(status: str, tag: str) -> None:
    assert Asked.read("", status, tag).wrong is None


@given(st.text(max_size=50), st.sampled_from(["", "failed"]), st.text(max_size=50), st.none() | st.text(max_size=50))
def test_the_address_of_a_page_asks_for_the_same(text: str, status: str, tag: str, reason: str | None) -> None:
    asked = Asked.read(text, status, tag, reason, "2026-11-23T20:00Z")
    query = parse_qs(urlsplit(asked.address("abc")).query, keep_blank_values=True)
    fields = {name: values[0] for name, values in query.items()}
    assert fields.pop("cursor") == "abc"
    assert Asked.read(**{"text": "", "status": "", "tag": "", **fields}) == asked


@given(st.text())
def test_what_no_database_holds_is_left_out(text: str) -> None:
    assert "\0" not in Asked.read(text + "\0", "", "").text
