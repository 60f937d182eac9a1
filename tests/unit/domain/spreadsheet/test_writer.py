"""CSV that is written: no spreadsheet calculates with it, and what is exported is read in again as it was."""

from __future__ import annotations

import csv
import io
import string
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.event_schemas import MEANINGS
from bridge.domain.json_views import message_json
from bridge.domain.model import LARGEST_ID, Details, Message, State, Status
from bridge.domain.redaction import clean_text
from bridge.domain.samples import sample_event
from bridge.domain.spreadsheet.reader import read_messages
from bridge.domain.spreadsheet.rows import EVENT_COLUMNS, event_row, message_columns, message_row
from bridge.domain.spreadsheet.writer import csv_text, guarded, list_text, unguarded
from bridge.domain.summary import WatchedMessage
from tests.world.clock import START

_ODD = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "'=1",
    "''+1",
    "'quoted'",
    "תשלום",
    "\u200fتذكير\u200e",
    "🧾",
    'a "b", c',
    "x\r\ny",
]
TEXT = (st.sampled_from(_ODD) | st.text(max_size=40)).map(clean_text).filter(str.strip)
NAME = st.text(st.sampled_from(string.ascii_letters + 'é,;"\n='), min_size=1, max_size=20).filter(
    lambda name: name == name.strip()
)
MOMENT = st.integers(0, 7 * 10**12).map(lambda millis: datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=millis))
DETAILS = st.builds(
    Details,
    st.none() | TEXT,
    st.dictionaries(NAME, TEXT.filter(lambda text: len(text) <= 40), max_size=3),
    st.none() | MOMENT,
)
LISTS = st.dictionaries(st.integers(1, LARGEST_ID), DETAILS, min_size=1, max_size=5)


def read_again(text: str) -> dict[int, Details]:
    faults: list[Any] = []
    found = {each.id: each.details for each in read_messages(text.encode(), faults.append)}
    assert faults == []
    return found


def shown(id_: int, details: Details, error: str | None) -> WatchedMessage:
    state = State(Status.FAILED, START, error)
    message = Message(id_, details.label, details.tags, state, 1, watched_since=START, expected_at=details.expected_at)
    return WatchedMessage(message, True, START, None)


@given(LISTS, st.none() | TEXT, st.sampled_from([None, ZoneInfo("Asia/Kolkata"), ZoneInfo("Africa/Monrovia")]))
def test_export_of_messages_is_a_list_that_says_the_same(
    messages: dict[int, Details], error: str | None, zone: ZoneInfo | None
) -> None:
    """In Monrovia, the offset of 1971 has seconds."""
    tags = sorted({name for details in messages.values() for name in details.tags})
    rows = [message_row(shown(id_, details, error), tags, zone) for id_, details in messages.items()]
    assert read_again(csv_text([message_columns(tags), *rows])) == messages


@given(LISTS)
def test_list_that_the_command_writes_says_the_same(messages: dict[int, Details]) -> None:
    given_ = [message_json(shown(id_, details, None)) for id_, details in messages.items()]
    assert read_again(list_text(given_)) == messages


@given(st.text() | st.sampled_from(_ODD))
def test_no_cell_is_calculated_and_the_guard_can_be_taken_away(text: str) -> None:
    cell = guarded(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguarded(cell) == text


@given(st.lists(st.lists(st.text(), min_size=2, max_size=3), min_size=1, max_size=3))
def test_raw_export_is_exactly_what_there_is(rows: list[list[str]]) -> None:
    assert list(csv.reader(io.StringIO(csv_text(rows, raw=True), newline=""), strict=True)) == rows


def test_guard_and_raw() -> None:
    assert csv_text([["=1", None, True, 5, "a,b"]]) == '\'=1,,true,5,"a,b"\r\n'
    assert csv_text([["=1", None, True, 5, "a,b"]], raw=True) == '=1,,true,5,"a,b"\r\n'


@pytest.mark.parametrize("type_", MEANINGS)
def test_each_type_of_event_is_a_row(type_: Any) -> None:
    event = sample_event(START + timedelta(days=1), type_)
    told = dict(zip(EVENT_COLUMNS, event_row(event), strict=True))
    assert (told["id"], told["type"], told["subject"]) == (event.id, str(event.type), event.subject)
    assert told["message_id"] == event.message_id
    if type_.startswith("message."):
        assert told["status"] == event.json["current"]["status"]
