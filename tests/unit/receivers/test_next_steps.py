"""What to do: one line that fits what happened, and nothing where nothing can be done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.domain.model import Event, EventType
from bridge.domain.samples import sample_event, samples
from bridge.receivers.next_steps import MOST_STEPS, step_of, steps_of, to_do
from bridge.receivers.wording import Severity, severity_of
from tests.unit.receivers.events import STEPS, changed, number_disconnected, source_down
from tests.world.clock import START

WAIT = "Wait: the bridge keeps trying. If this lasts, check WbizTool and your network."
CREDENTIALS = "Check client_id and API key in the bridge's configuration."


@pytest.mark.parametrize(
    ("event", "step"),
    [
        (changed(), "Check the number, then send again or call."),
        (changed(error="WhatsApp client is disconnected"), "Open WbizTool, scan the QR code, then send again."),
        (changed(error="Gateway error"), "Look at the message in WbizTool, then send again or call."),
        (changed(error=None), "Look at the message in WbizTool, then send again or call."),
        (number_disconnected(), "Open WbizTool and scan the QR code."),
        (source_down("Auth Error"), CREDENTIALS),
        (source_down("Invalid API key"), CREDENTIALS),
        (source_down("HTTP 503 Service Unavailable"), WAIT),
        (source_down(None), WAIT),
        (sample_event(START), ""),
    ],
)
def test_step_fits_what_happened(event: Event, step: str) -> None:
    assert step_of(event) == step


def test_stuck_message_whose_answers_are_unreadable_is_looked_up_by_hand() -> None:
    stuck = replace(changed(), type=EventType.MESSAGE_STUCK)
    assert "WhatsApp number" in step_of(stuck)
    assert "can't read" in step_of(replace(stuck, json={**stuck.json, "unreadable_seconds": 960}))


def test_whatever_failed_has_a_step_and_good_news_has_none() -> None:
    for event in samples({}):
        severity = severity_of([event])
        assert step_of(event) in {*STEPS, ""}
        assert step_of(event) or severity is not Severity.FAILURE
        assert not step_of(event) or severity is not Severity.SUCCESS


def test_several_steps_are_listed_below_each_other() -> None:
    assert steps_of([changed(1), changed(2), source_down()]) == [
        "Check the number, then send again or call.",
        CREDENTIALS,
    ]
    assert to_do([]) == []
    assert to_do(["Send again."]) == ["What to do: Send again."]
    assert to_do(["Send again.", "Wait."]) == ["What to do:", "• Send again.", "• Wait."]


def test_nobody_is_given_more_steps_than_can_be_read() -> None:
    assert len(steps_of(samples({}))) == MOST_STEPS
