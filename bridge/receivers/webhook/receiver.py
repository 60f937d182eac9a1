"""The webhook receiver: one event or a batch of them, one POST, signed as Standard Webhooks 1.0 says."""

from __future__ import annotations

import base64
import hashlib
import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from bridge.receivers import responses
from bridge.receivers.event_formats import STANDARD, Form, Written
from bridge.receivers.protocol import USER_AGENT
from bridge.receivers.signing import key_of, sign
from bridge.transport.message import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bridge.domain.model import Event
    from bridge.domain.outcome import Outcome
    from bridge.receivers.responses import Success

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class WebhookReceiver:
    """A program that takes events as signed JSON.

    Args:
        name: The name that the configuration gives it.
        secrets: ``whsec_…`` or ``whsk_…``; each makes a signature, in order. None: nothing is signed.
        headers: Sent beside the receiver's own. A header of Standard Webhooks or ``content-type`` can't be replaced:
            it would no longer say what is sent.
        success: Answers that count as taken; none for every 2xx.
        form: In which form it gets events.
        batched: Each body is a list of events.

    Raises:
        ValueError: A secret is none. The text does not hold it.
    """

    def __init__(
        self,
        name: str,
        secrets: Sequence[str] = (),
        headers: Mapping[str, str] = _NO_HEADERS,
        success: Sequence[Success] = (),
        *,
        form: Form = STANDARD,
        batched: bool = False,
    ) -> None:
        self.name = name
        self._success = tuple(success)
        self._form = form
        self._batched = batched
        self._keys = tuple(key_of(secret) for secret in secrets)
        self._headers = {header.lower(): value for header, value in headers.items()}

    def render(self, events: Sequence[Event], at: datetime) -> Request:
        """Write events. The same make the same bytes on every attempt; only time and signature differ.

        Args:
            events: Exactly one, or at least one where each body is a list.
            at: The attempt's time, aware: ``webhook-timestamp``.

        Raises:
            ValueError: There are too many or none, or one holds a number that JSON can't (NaN, infinity).
        """
        if self._batched and events:
            id_, written = batch_id(events), self._form.many(events)
        elif len(events) == 1:
            id_, written = events[0].id, self.write(events[0])
        else:
            raise ValueError(f"a webhook takes one event in a POST, not {len(events)}")
        timestamp = math.floor(at.timestamp())
        headers = {
            "user-agent": USER_AGENT,
            **self._headers,
            **written.headers,
            "content-type": written.content_type,
            "webhook-id": id_,
            "webhook-timestamp": str(timestamp),
        }
        if any(event.resent for event in events):
            headers["webhook-resent"] = "1"
        headers.pop("webhook-signature", None)
        if self._keys:
            headers["webhook-signature"] = sign(self._keys, id_, timestamp, written.body)
        return Request(written.body, headers, path=written.path)

    def write(self, event: Event) -> Written:
        """Write an event that goes by itself."""
        return self._form.one(event)

    def read(self, reply: Reply, at: datetime) -> Outcome:
        """Read the answer by the general table: :func:`bridge.receivers.responses.read`."""
        return responses.read(reply, at, self._success)


def batch_id(events: Sequence[Event]) -> str:
    """Derive a batch's ``webhook-id`` from the events in it: the same ones in the same order make the same id.

    A batch that is tried again may be cut in another way, and then is another: receivers tell repeats by the id that
    each event has.
    """
    digest = hashlib.sha256("/".join(event.id for event in events).encode()).digest()
    return "batch_" + base64.b32encode(digest[:15]).decode().lower()
