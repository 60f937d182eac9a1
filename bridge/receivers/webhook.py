"""The webhook receiver: one event, one POST, in the form of Standard Webhooks 1.0."""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from bridge import __version__
from bridge.events import envelope
from bridge.receivers import answers
from bridge.receivers.signing import key_of, sign
from bridge.redact import clean_text
from bridge.wire import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bridge.model import Event, Outcome
    from bridge.receivers.answers import Success

USER_AGENT = f"wbiztool-bridge/{__version__}"
"""How the bridge names itself to receivers."""

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class WebhookReceiver:
    """A program that takes events as signed JSON.

    Args:
        name: The name that the configuration gives it.
        secrets: ``whsec_…``; each makes a signature, in order. None: nothing is signed.
        headers: Sent beside the receiver's own. A header of Standard Webhooks or ``content-type`` can't be replaced:
            it would no longer say what is sent.
        success: Answers that count as taken; none for every 2xx.

    Raises:
        ValueError: A secret is none. The text does not hold it.
    """

    content_type = "application/json"

    def __init__(
        self,
        name: str,
        secrets: Sequence[str] = (),
        headers: Mapping[str, str] = _NO_HEADERS,
        success: Sequence[Success] = (),
    ) -> None:
        self.name = name
        self._success = tuple(success)
        self._keys = tuple(key_of(secret) for secret in secrets)
        self._headers = {header.lower(): value for header, value in headers.items()}

    def render(self, events: Sequence[Event], at: datetime) -> Request:
        """Write one event. The same event makes the same bytes on every attempt; only time and signature differ.

        Args:
            events: Exactly one.
            at: The attempt's time, aware: ``webhook-timestamp``.

        Raises:
            ValueError: There is not exactly one event, or it holds a number that JSON can't (NaN, infinity).
        """
        if len(events) != 1:
            raise ValueError(f"a webhook takes one event in a POST, not {len(events)}")
        (event,) = events
        body = self.body_of(event)
        timestamp = math.floor(at.timestamp())
        headers = {
            "user-agent": USER_AGENT,
            **self._headers,
            **self.headers_of(event, body),
            "content-type": self.content_type,
            "webhook-id": event.id,
            "webhook-timestamp": str(timestamp),
        }
        headers.pop("webhook-signature", None)
        if self._keys:
            headers["webhook-signature"] = sign(self._keys, event.id, timestamp, body)
        return Request(body, headers, path=self.path_of(event))

    def body_of(self, event: Event) -> bytes:
        """Write the body."""
        return body_of(event)

    def headers_of(self, event: Event, body: bytes) -> Mapping[str, str]:  # noqa: ARG002 -- for those whose headers do
        """Write the headers that change with the event: none."""
        return _NO_HEADERS

    def path_of(self, event: Event) -> str:  # noqa: ARG002 -- for those whose address does
        """Write the end of the address, where it changes with the event: it does not."""
        return ""

    def read(self, reply: Reply, at: datetime) -> Outcome:
        """Read the answer by the general table: :func:`bridge.receivers.answers.read`."""
        return answers.read(reply, at, self._success)


def body_of(event: Event) -> bytes:
    """Write the body: compact JSON in UTF-8, keys in the order of the documentation.

    Raises:
        ValueError: The event holds a number that JSON can't (NaN, infinity).
    """
    text = json.dumps(envelope(event), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return clean_text(text).encode()  # half of a surrogate pair in a label has no UTF-8
