"""What people read about a rate of failures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.domain.model import Event, EventType
from bridge.receivers.digest import digest
from bridge.receivers.slack.blocks import draw_event
from bridge.receivers.summary import sentence_of
from bridge.receivers.wording import name_of

_AT = datetime(2026, 11, 23, 20, 11, tzinfo=UTC)
_FAILING: dict[str, Any] = {
    "by": "tags.team",
    "group": "billing",
    "failed": 12,
    "of": 50,
    "share": 24.0,
    "within_seconds": 900,
    "reasons": [{"reason": "Invalid phone number", "count": 8}, {"reason": None, "count": 4}],
}


def _event(type_: EventType = EventType.ACCOUNT_FAILING, **data: Any) -> Event:
    return Event("evt_1", type_, _AT, "account", 1, _FAILING | data)


def test_a_failing_group_says_how_many_of_how_many_whose_and_why() -> None:
    said = sentence_of(_event())
    assert said == (
        "📉 12 of 50 messages failed in the last 15 min (24%), team billing: 8 invalid numbers, 4 without a reason"
    )


def test_expired_is_the_bridges_own_word_and_not_quoted() -> None:
    reasons = [{"reason": "expired", "count": 3}, {"reason": "Gone", "count": 1}]
    assert sentence_of(_event(reasons=reasons)).endswith(": 3 expired, 1 “Gone”")


@pytest.mark.parametrize(
    ("by", "group", "ending", "name"),
    [
        (None, None, "15 min (24%)", "all messages"),
        ("tags.team", None, "(24%), messages without team", "messages without team"),
        ("tags.team", "billing", "(24%), team billing", "team billing"),
    ],
)
def test_the_group_is_named(by: str | None, group: str | None, ending: str, name: str) -> None:
    event = _event(by=by, group=group, reasons=[])
    assert sentence_of(event).endswith(ending)
    assert name_of(event) == name


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Messages of team billing are being sent again: 2 of 60 failed in the last 15 min"),
        ({"group": None}, "Messages without team are being sent again: 2 of 60 failed in the last 15 min"),
        ({"by": None, "group": None}, "Messages are being sent again: 2 of 60 failed in the last 15 min"),
        (
            {"failed": 0, "of": 0, "within_seconds": 7200},
            "Messages of team billing are no longer failing: none got a final status in the last 2 h",
        ),
    ],
)
def test_a_recovery_is_worded_as_such(data: dict[str, Any], said: str) -> None:
    event = _event(EventType.ACCOUNT_RECOVERED, **({"failed": 2, "of": 60, "reasons": []} | data))
    assert sentence_of(event) == f"📈 {said}"


def test_a_reminder_says_that_its_numbers_are_those_of_the_beginning() -> None:
    reminder: dict[str, Any] = {"reminder": 2, "lasting_seconds": 7200, "within_seconds": 60}
    assert sentence_of(_event(**reminder)) == (
        "📉 Messages of team billing are still failing after 2 h (reminder 2): "
        "when it began, 12 of 50 failed within 1 min (24%): 8 invalid numbers, 4 without a reason"
    )
    assert "team that is new are still failing after" in sentence_of(_event(**reminder, group="that is new"))


@pytest.mark.parametrize(("seconds", "last"), [(60, "minute"), (3600, "hour"), (120, "2 min"), (61, "61 s")])
def test_one_minute_is_the_last_minute(seconds: int, last: str) -> None:
    assert f"failed in the last {last} (24%)" in sentence_of(_event(within_seconds=seconds))


def test_a_digest_has_the_counts_of_each_group_and_its_most_frequent_reason() -> None:
    other = _event(group="a", failed=5, of=10, share=50.0, reasons=[{"reason": "expired", "count": 5}])
    (line,) = (told := digest([_event(), replace(other, id="evt_2", subject="account/a")])).groups
    assert (
        told.line_of(line)
        == "team billing: 12 of 50 failed (24%): 8 invalid numbers; team a: 5 of 10 failed (50%): 5 expired"
    )
    reminders = [replace(_event(reminder=1, group=group), subject=f"account/{group}") for group in "ab"]
    (line,) = (told := digest(reminders)).groups
    assert told.line_of(line).startswith(
        "team a: when it began, 12 of 50 failed (24%): 8 invalid numbers; team b: when"
    )
    (line,) = digest([_event(EventType.ACCOUNT_RECOVERED, group=g, failed=0, of=0, share=None) for g in "ab"]).groups
    assert line.names == ("team a", "team b")


@pytest.mark.parametrize("key", list(_FAILING))
@pytest.mark.parametrize("value", [None, "x", {"a": 1}, [[]]])
def test_damaged_data_are_still_worded(key: str, value: Any) -> None:
    for type_ in (EventType.ACCOUNT_FAILING, EventType.ACCOUNT_RECOVERED):
        assert sentence_of(_event(type_, **{key: value}))


def test_the_longest_heading_fits_slacks_header() -> None:
    event = _event(group="ä" * 300, failed=1_234_567, of=2_345_678, share=52.6, within_seconds=86_340)
    assert len(draw_event(event)["blocks"][0]["text"]["text"]) <= 150
