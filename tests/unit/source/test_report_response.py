"""What the report's answer, and that of the call for numbers, is taken for."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.numbers import Number
from bridge.domain.poll_answer import Malformed, Refused, Throttled, Unavailable
from bridge.domain.report import Row
from bridge.source.numbers_response import read_numbers
from bridge.source.report_response import Page, days, read_page
from bridge.transport.message import Reply
from tests.world.clock import START

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


def page(body: object, status: int = 200) -> object:
    return read_page(Reply(status, {}, json.dumps(body).encode()), START)


def numbers(body: object, status: int = 200) -> object:
    return read_numbers(Reply(status, {}, json.dumps(body).encode()), START)


def history(*rows: object, total: object = 1) -> dict[str, object]:
    return {"status": 0, "message": "Success", "total": total, "history": list(rows)}


# The report


def test_status_0_with_a_total_is_success() -> None:
    found = page(history({"id": 7, "message_status": "Sent"}, {"id": "8", "message_status": 1}, total=2))
    assert found == Page(2, 2, (Row(7, '"Sent"'), Row(8, "1")))
    assert page(history(total=0)) == Page(0, 0, ())


def test_without_a_total_it_is_a_refusal_in_the_apis_own_words() -> None:
    assert page({"status": 0, "message": "Invalid date format"}) == Refused("Invalid date format")
    assert page({"status": 0, "message": "Success"}) == Refused("Success")
    assert isinstance(page({"status": 0}), Malformed)
    assert page({"message": "Auth Error"}, 403) == Refused("Auth Error")
    assert isinstance(page({}, 429), Throttled)
    assert isinstance(page({}, 502), Unavailable)


@pytest.mark.parametrize("total", [None, True, -1, 1.5, "many", [], "9" * 30])
def test_a_total_that_is_no_count_is_malformed(total: object) -> None:
    assert isinstance(page(history(total=total)), Malformed)


def test_rows_without_an_id_are_left_out_and_still_counted_as_shown() -> None:
    rows = [{"message_status": "Sent"}, {"id": True}, {"id": 0}, {"id": 2**63}, "row", None, {"id": 5}]
    assert page(history(*rows)) == Page(1, 7, (Row(5, "null"),))


def test_a_label_is_taken_from_what_the_row_offers() -> None:
    row = {"id": 1, "message_status": "Sent", "msg": "a secret text", "phone": "49151", "campaign_name": " Spring\0 "}
    assert page(history(row)) == Page(1, 1, (Row(1, '"Sent"', "Spring\N{REPLACEMENT CHARACTER}"),))
    assert page(history({"id": 1, "message_status": "Sent", "phone": ""})) == Page(1, 1, (Row(1, '"Sent"'),))


@given(one=JSON, other=JSON)
def test_a_hint_is_the_same_for_the_same_value_only_and_short(one: object, other: object) -> None:
    first, second = page(history({"id": 1, "message_status": one})), page(history({"id": 1, "message_status": other}))
    assert isinstance(first, Page)
    assert isinstance(second, Page)
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (first.rows[0].hint == second.rows[0].hint) == same
    assert len(first.rows[0].hint) <= 64


@given(JSON | st.fixed_dictionaries({"total": JSON, "history": JSON | st.lists(JSON)}))
def test_no_answer_whatsoever_raises(body: object) -> None:
    assert isinstance(page(body), Page | Malformed | Refused)
    numbers(body)


@given(hours=st.integers(0, 500_000), count=st.integers(1, 31), zone=st.integers(-12, 14))
def test_the_days_asked_for_hold_the_last_ones_in_every_time_zone(hours: int, count: int, zone: int) -> None:
    now = START + timedelta(hours=hours)
    first, end = (day[6:] + day[3:5] + day[:2] for day in days(now, count))
    there = now + timedelta(hours=zone)
    assert first <= f"{there - timedelta(days=count):%Y%m%d}"
    assert f"{there:%Y%m%d}" < end, "the end day itself is not included"


# Numbers


def test_numbers_are_read_with_their_state() -> None:
    listed = [
        {"whatsapp_client_id": 1, "whatsapp_number": "91980", "status": "connected"},
        {"whatsapp_client_id": "2", "whatsapp_number": None, "status": "not_connected"},
    ]
    assert numbers({"status": 1, "whatsapp_clients": listed}) == (Number(1, "91980", True), Number(2, "", False))


@pytest.mark.parametrize(
    "item",
    [{}, None, {"whatsapp_client_id": 1}, {"whatsapp_client_id": 1, "status": "asleep"}, {"status": "connected"}],
)
def test_an_answer_with_a_number_that_cannot_be_read_says_nothing_at_all(item: object) -> None:
    good = {"whatsapp_client_id": 1, "whatsapp_number": "91980", "status": "connected"}
    assert isinstance(numbers({"status": 1, "whatsapp_clients": [good, item]}), Malformed)


def test_a_refusal_says_why() -> None:
    assert numbers({"status": 0, "message": "Plan expired"}) == Refused("Plan expired")
    assert isinstance(numbers({"status": 1}), Malformed)
