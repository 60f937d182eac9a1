"""One attempt: render, POST, read the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.model import Attempt, Dead, Retry
from bridge.redact import Redactor, clean_text
from bridge.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.channel import Channel
    from bridge.clock import Clock
    from bridge.model import Event, Outcome
    from bridge.receivers import Receiver

ANSWER_KEPT = 500
"""Characters of an answer's body that its record keeps."""


def attempt(
    receiver: Receiver, channel: Channel, events: Sequence[Event], *, clock: Clock, redact: Redactor
) -> Attempt:
    """Hand events to a receiver, once. Whatever happens is in the attempt that is returned; nothing is raised."""
    at, started = clock.now(), clock.monotonic()
    http_status, answer = None, ""
    outcome: Outcome
    try:
        request = receiver.render(events, at)
    except Exception as error:  # noqa: BLE001 -- an event that can't be rendered must not stop those that can
        outcome = Dead(
            f"the event could not be rendered for this receiver ({type(error).__name__}): please report this"
        )
    else:
        try:
            reply = channel.post(request)
        except WireError as error:
            outcome = Retry(redact(str(error)), quick=True)
        else:
            http_status, outcome = reply.status, receiver.read(reply, clock.now())
            # Receivers may echo what they were sent, tokens included.
            answer = redact(clean_text(reply.text))[:ANSWER_KEPT]
    return Attempt(at, clock.monotonic() - started, outcome, http_status, answer)
