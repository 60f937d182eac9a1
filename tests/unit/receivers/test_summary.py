"""An event on one line, as templates, workflows and notifications tell it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.domain.model import Event, EventType, Status
from bridge.receivers.digest import digest
from bridge.receivers.summary import headline_of, summary_of, tells_why
from bridge.receivers.text import size
from tests.unit.receivers.events import changed, receiver_down, source_down

PENDING = changed(1, Status.PENDING, label=None)
STUCK = replace(PENDING, type=EventType.MESSAGE_STUCK, json={**PENDING.json, "pending_seconds": 2 * 3600})


def reminded(event: Event) -> Event:
    return replace(event, json={**event.json, "reminder": 2, "lasting_seconds": 4 * 3600})


@pytest.mark.parametrize(
    ("event", "summary"),
    [
        (changed(), "WhatsApp message 12346 failed: invalid phone number · Invoice 88"),
        (changed(error=None, label=None), "WhatsApp message 12346 failed"),
        (changed(7, Status.SENT), "WhatsApp message 7 was sent · Invoice 88"),
        (STUCK, "WhatsApp message 1 is stuck: pending for 2 h"),
        (source_down(), "WbizTool's status API is down: Auth Error"),
        (receiver_down(reason="Apprise could not deliver it"), "Receiver crm is down: Apprise could not deliver it"),
        (
            reminded(changed(label=None)),
            "WhatsApp message 12346 failed (reminder 2, not acknowledged after 4 h): invalid phone number",
        ),
        (reminded(STUCK), "WhatsApp message 1 is still stuck after 4 h (reminder 2)"),
        (reminded(source_down()), "WbizTool's status API is still down after 4 h (reminder 2): Auth Error"),
    ],
)
def test_summary_says_what_happened_and_why(event: Event, summary: str) -> None:
    assert summary_of(event) == summary


def test_headline_is_cut_to_its_room_and_says_whether_it_tells_why() -> None:
    long = changed(error="Gateway says " + "no " * 100)
    assert size(headline_of(long, 145)) <= 145
    assert not tells_why(headline_of(long, 145), long)
    assert tells_why(headline_of(long, 500), long)
    assert tells_why(headline_of(changed(), 145), changed())
    assert tells_why(headline_of(changed(error=None), 145), changed(error=None))


def test_digest_of_reminders_says_so() -> None:
    assert digest([reminded(changed(1)), reminded(changed(2))]).heading(150) == (
        "❌ REMINDER: 2 WhatsApp messages failed: invalid numbers"
    )
    assert "REMINDER" not in digest([reminded(changed(1)), changed(2)]).heading(150)
