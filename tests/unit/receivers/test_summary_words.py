"""What people read in a summary."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from bridge.domain.activity import Activity, Sums
from bridge.domain.json_object import written
from bridge.domain.model import Event, EventType, Status
from bridge.domain.samples import samples
from bridge.domain.summary_event import Circumstances, summary_data
from bridge.domain.summary_marks import DueSummary
from bridge.receivers.digest import digest
from bridge.receivers.links import link_to
from bridge.receivers.plain_text import write_note
from bridge.receivers.slack.blocks import Style, draw_digest, draw_event
from bridge.receivers.slack.mentions import Mention
from bridge.receivers.summary import sentence_of

if TYPE_CHECKING:
    from collections.abc import Mapping

KOLKATA = ZoneInfo("Asia/Kolkata")
NINE = datetime(2026, 11, 24, 9, 0, tzinfo=KOLKATA)
"""A Tuesday."""

RICH, QUIET, NASTY = (each for each in samples({}) if each.type is EventType.SUMMARY)


def summary(
    since: datetime, until: datetime = NINE, counts: Mapping[str, int] = MappingProxyType({}), *, late: bool = False
) -> Event:
    due = DueSummary("ops", since.astimezone(UTC), until.astimezone(UTC), until.astimezone(UTC))
    sums = Sums({Status(status): count for status, count in counts.items()})
    found = Activity(due.since, due.until, sums, None, (), Sums({Status.SENT: 90, Status.FAILED: 10}))
    made = until + timedelta(hours=1 if late else 0)
    data = summary_data(due, KOLKATA, found, Circumstances(), made.astimezone(UTC))
    return Event("evt_1", EventType.SUMMARY, made, "summary/ops", 1, written(data))


@pytest.mark.parametrize(
    ("since", "until", "late", "said"),
    [
        (NINE - timedelta(days=1), NINE, False, "Since yesterday 09:00"),
        (NINE - timedelta(days=1), NINE, True, "23 Nov 09:00 to 24 Nov 09:00"),
        (NINE - timedelta(days=4), NINE, False, "Since Friday 09:00"),
        (NINE - timedelta(days=7), NINE, False, "Since 17 Nov 09:00"),
        (NINE - timedelta(hours=4), NINE, False, "Since 05:00"),
        (NINE - timedelta(hours=33), NINE - timedelta(hours=9), False, "Yesterday"),
        (NINE - timedelta(hours=34), NINE - timedelta(hours=9), False, "Since Sunday 23:00"),
    ],
)
def test_period_is_named_as_people_there_say_it(since: datetime, until: datetime, late: bool, said: str) -> None:
    assert sentence_of(summary(since, until, late=late)) == f"☀️ {said}: all well, no message sent"


@pytest.mark.parametrize(
    ("days", "counts", "said"),
    [
        (1, {"sent": 1}, "☀️ Since yesterday 09:00: all well, 1 message sent"),
        (1, {"sent": 1204, "cancelled": 2}, "☀️ Since yesterday 09:00: all well, 1,204 messages sent, 2 cancelled"),
        (
            1,
            {"sent": 99, "failed": 1, "unknown": 3},
            "📋 Since yesterday 09:00: 99 messages sent, 1 failed, 3 unknown to WbizTool (1%, the day before 10%)",
        ),
        (7, {"failed": 4}, "📋 Since 17 Nov 09:00: no message sent, 4 failed (100%, the week before 10%)"),
        (3, {"sent": 1, "failed": 1}, "📋 Since Saturday 09:00: 1 message sent, 1 failed (50%, before 10%)"),
    ],
)
def test_sums_are_told_and_compared(days: int, counts: dict[str, int], said: str) -> None:
    assert sentence_of(summary(NINE - timedelta(days=days), NINE, counts)) == said


def test_rest_is_told_the_worst_first() -> None:
    assert sentence_of(RICH).endswith(
        ": 12 invalid numbers, 5 not on WhatsApp · +4915112345678 is disconnected · 4 dead letters · half within 8 s "
        "· 3 still waiting"
    )
    body = write_note([RICH], ("type",), 20, "https://bridge.example.com").body
    assert body.splitlines() == [
        "Reason: 12 invalid numbers, 5 not on WhatsApp",
        "Numbers: +4915112345678 is disconnected",
        "Dead letters: 4 deliveries were given up",
        "Still waiting: 3 messages",
        "Time until sent: half within 8 s, 95% within 41 s; slowest: 12346 (Invoice 88) 41 min",
        "Time: 2026-11-22 20:00:00 UTC to 2026-11-23 20:00:00 UTC",
        f"Event: {RICH.id}",
        "https://bridge.example.com/report?since=2026-11-22T20:00Z&until=2026-11-23T20:00Z&timezone=UTC",
    ]


def test_slack_shows_the_time_as_each_reader_s_clock_does_with_a_link_and_mentions_nobody() -> None:
    style = Style(pages="https://bridge.example.com", mention=Mention(("<!here>",)))
    drawn = json.dumps(draw_event(RICH, style), ensure_ascii=False)
    assert "<!date^1795377600^{date_short_pretty} {time}|2026-11-22 20:00:00 UTC> to <!date^1795464000^" in drawn
    address = "https://bridge.example.com/report?since=2026-11-22T20:00Z&amp;until=2026-11-23T20:00Z&amp;timezone=UTC"
    assert f"<{address}|Open the report>" in drawn
    assert "<!here>" not in drawn
    asked = Style(mention=Mention(("<!here>",), ("summary",)))
    assert "<!here>" in json.dumps(draw_event(RICH, asked))


def test_link_leads_to_the_report_of_that_time() -> None:
    pages = "https://bridge.example.com"
    yesterday = summary(NINE - timedelta(hours=33), NINE - timedelta(hours=9))
    address = f"{pages}/report?since=2026-11-22T18:30Z&until=2026-11-23T18:30Z&timezone=Asia%2FKolkata"
    assert link_to(pages, [yesterday]).address == address
    assert (
        link_to(pages, [replace(yesterday, json={**yesterday.json, "timezone": "local"})]).address == f"{pages}/report"
    )
    assert link_to(pages, [replace(yesterday, test=True)]).address == f"{pages}/"


@pytest.mark.parametrize("event", [RICH, QUIET, NASTY])
def test_slack_s_limits_hold(event: Event) -> None:
    payload = draw_event(event)
    assert len(json.dumps(payload)) < 40_000
    header, *blocks = payload["blocks"]
    assert len(header["text"]["text"]) <= 150
    for block in blocks:
        assert len(block.get("fields", [])) <= 10
        assert all(len(field["text"]) <= 2000 for field in block.get("fields", []))
        assert len(block.get("text", {}).get("text", "")) <= 3000


def test_several_are_counted() -> None:
    """Only `render` ever puts some together."""
    two = [RICH, replace(QUIET, subject="summary/others")]
    assert digest(two).heading(150) == "☀️ 2 summaries"
    assert draw_digest(digest(two), two)["text"].startswith("☀️ 2 summaries")


@pytest.mark.parametrize("key", [key for key in RICH.json if key != "receiver"])
@pytest.mark.parametrize("value", [None, "x", 7, [7, {}], {"a": []}])
def test_data_of_another_version_are_readable(key: str, value: Any) -> None:
    event = Event(RICH.id, RICH.type, RICH.at, RICH.subject, 1, {**RICH.json, key: value})
    assert sentence_of(event)
    assert draw_event(event)
    assert write_note([event], ("type",), 20).title
    assert sentence_of(Event("evt_1", EventType.SUMMARY, NINE, "", 1, {}))


def test_time_of_day_is_that_of_the_zone() -> None:
    since = datetime.combine(NINE.date() - timedelta(days=1), time(9, 30), tzinfo=KOLKATA)
    assert summary(since).json["period"] == "Since yesterday 09:30"
