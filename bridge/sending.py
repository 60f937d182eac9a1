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
        reply = channel.send(receiver.render(events, at))
        # Receivers may echo what they were sent, tokens included.
        http_status, answer = reply.status, redact(clean_text(reply.text))[:ANSWER_KEPT]
        outcome = receiver.read(reply, clock.now())
    except WireError as error:
        outcome = Retry(redact(str(error)), quick=True)
    except Exception as error:  # noqa: BLE001 -- a fault of ours with one event must not stop the others
        outcome = Dead(f"a fault of the bridge's own with this event ({type(error).__name__}): please report this")
    return Attempt(at, clock.monotonic() - started, outcome, http_status, answer)
