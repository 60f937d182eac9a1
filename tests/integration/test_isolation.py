"""A receiver that hangs, drips, floods or fails costs the others nothing, and no attempt outlasts its time-out."""

from __future__ import annotations

import resource
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bridge.delivery.attempt import attempt
from bridge.domain.clock import SystemClock
from bridge.domain.outcome import Retry
from bridge.domain.redaction import Redactor
from bridge.domain.samples import sample_event
from bridge.receivers.registry import sender_for
from bridge.receivers.webhook.config import WebhookReceiverConfig
from bridge.simulator.faulty_server import Answer, Manner
from bridge.simulator.sink import Sink

if TYPE_CHECKING:
    from bridge.domain.model import Attempt

SLOW = {
    "hangs": Answer.hang(),
    "drips its body": Answer.drip(),
    "drips its headers": Answer(manner=Manner.DRIP_HEADERS),
}


def tried(sink: Sink, timeout: str) -> Attempt:
    settings = WebhookReceiverConfig.model_validate({"name": "crm", "webhook": sink.url, "timeout": timeout})
    clock = SystemClock()
    with closing(sender_for(settings)) as sender:
        return attempt(sender, [sample_event(clock.now())], clock=clock, redact=Redactor())


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW.keys())
def test_no_attempt_outlasts_its_time_out_as_a_whole(answer: Answer) -> None:
    with Sink(lambda _: answer) as sink:
        made = tried(sink, "400ms")
    assert isinstance(made.outcome, Retry)
    assert "within 0.4 s" in made.outcome.why
    assert made.duration < 0.6


def test_a_gigabyte_is_not_read() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Sink(lambda _: Answer.endless()) as sink:
        made = tried(sink, "10s")
    assert made.http_status == 200
    assert len(made.answer) == 500
    assert made.duration < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "kilobytes"
