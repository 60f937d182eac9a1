"""What a queued delivery waits for: the receiver, its next try, or the end of a hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.breaker import CircuitBreaker
from bridge.domain.model import Delivery, DeliveryState
from bridge.domain.mute import Hold, Mute
from bridge.domain.samples import sample_event
from bridge.domain.summary import Summary
from bridge.server.ui.waiting import Waiting, waiting
from tests.world.records import NOW

LATER = NOW + timedelta(hours=1)
EVENT = replace(sample_event(NOW), test=False)
CALM = Summary({}, 0, None, {}, None, (), {})
MUTED = replace(CALM, mutes={"crm": Mute("crm", NOW, LATER, "deployment", "Ada")})
QUIET = replace(CALM, holds={"crm": Hold("crm", NOW, LATER)})
DOWN = replace(CALM, breakers=(CircuitBreaker("crm", is_open=True),))


PLAIN = Delivery(
    id=1,
    event=EVENT,
    receiver="crm",
    state=DeliveryState.QUEUED,
    attempts=0,
    created_at=NOW,
    first_due_at=NOW,
    due_at=NOW,
)


@pytest.mark.parametrize(
    ("summary", "changed", "said"),
    [
        (CALM, {}, None),
        (CALM, {"due_at": LATER}, Waiting("sent", LATER)),
        (CALM, {"due_at": LATER, "attempts": 2}, Waiting("next try", LATER)),
        (CALM, {"reason": "HTTP 500", "attempts": 1}, Waiting("waits for the receiver")),
        (DOWN, {}, Waiting("waits for the receiver")),
        (MUTED, {}, Waiting("held until", LATER, "muted by Ada: deployment")),
        (QUIET, {"due_at": LATER}, Waiting("held until", LATER, "quiet hours")),
        (QUIET, {"event": sample_event(NOW)}, None),
        (QUIET, {"state": DeliveryState.DELIVERED}, None),
    ],
)
def test_it_is_said_what_a_delivery_waits_for(
    summary: Summary, changed: dict[str, object], said: Waiting | None
) -> None:
    assert waiting(replace(PLAIN, **changed), summary, NOW) == said  # type: ignore[arg-type]


def test_what_is_gathered_goes_with_the_next_digest() -> None:
    assert waiting(PLAIN, CALM, NOW, {"crm": LATER}) == Waiting("waits for others, sent", LATER)
    assert waiting(PLAIN, CALM, NOW, {"ops": LATER}) is None
    assert waiting(PLAIN, DOWN, NOW, {"crm": LATER}) == Waiting("waits for the receiver")
