"""What holds up a delivery that was not tried yet, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from bridge.domain.model import Delivery, DeliveryState, EventType
from bridge.domain.mute import Hold
from bridge.domain.samples import sample_event
from bridge.domain.waits import Waits
from tests.world.clock import START

LATER = START + timedelta(seconds=30)
PLAIN = Delivery(
    id=1,
    event=sample_event(START),
    receiver="ops",
    state=DeliveryState.QUEUED,
    attempts=0,
    created_at=START,
    first_due_at=START,
    due_at=START,
)
GATHERED = "waits for others until 2026-11-23 20:11:42 UTC (`group.wait`)"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, GATHERED),
        ({"receiver": "crm"}, "waits for the receiver"),
        ({"receiver": "other"}, None),
        ({"reason": "held back"}, None),
        ({"attempts": 1}, None),
        ({"finished_at": START}, None),
    ],
)
def test_what_is_due_waits_for_others_or_for_the_receiver(changed: dict[str, object], words: str | None) -> None:
    waits = Waits({}, UTC, {"ops": LATER}, ("crm",))
    assert waits.wait_of(replace(PLAIN, **changed)) == words  # type: ignore[arg-type]


def test_hold_comes_first_but_for_what_is_never_held() -> None:
    waits = Waits({"ops": Hold("ops", START, LATER)}, UTC, {"ops": LATER})
    assert (waits.hold_of(PLAIN), waits.wait_of(PLAIN)) == ("in quiet hours until 2026-11-23 20:11 UTC", None)
    down = replace(PLAIN, event=sample_event(START, EventType.RECEIVER_DOWN))
    assert (waits.hold_of(down), waits.wait_of(down)) == (None, GATHERED)
