"""The Slack receiver: one event or a digest of many as one message."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from bridge.receivers.digest import GROUP_KEYS, digest
from bridge.receivers.protocol import USER_AGENT
from bridge.receivers.slack import responses
from bridge.receivers.slack.blocks import PLAIN, Style, draw_digest, draw_event
from bridge.transport.message import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bridge.domain.model import Event
    from bridge.domain.outcome import Outcome

HEADERS: Final = MappingProxyType({"content-type": "application/json; charset=utf-8", "user-agent": USER_AGENT})


class SlackReceiver:
    """A Slack incoming webhook, or one of a service that is compatible with Slack's.

    Args:
        name: The name that the configuration gives it.
        by: What events of one message are grouped by: some of ``type`` and ``error``.
        shown: How many events of a digest are named. The rest is counted.
        style: What its messages have beside that.

    Raises:
        ValueError: ``by`` holds something else.
    """

    def __init__(self, name: str, by: Sequence[str] = GROUP_KEYS, shown: int = 20, style: Style = PLAIN) -> None:
        if unknown := [key for key in by if key not in GROUP_KEYS]:
            raise ValueError(f"events can't be grouped by {unknown[0]!r}, only by {' and '.join(GROUP_KEYS)}")
        self.name = name
        self._by = tuple(by)
        self._shown = shown
        self._style = style

    def render(self, events: Sequence[Event], at: datetime) -> Request:  # noqa: ARG002 -- of the protocol; Slack shows the events' times
        """Write one Slack message.

        Args:
            events: At least one.
            at: The attempt's time; it does not show.

        Raises:
            ValueError: There is no event.
        """
        return self.request(self.draw(events))

    def request(self, payload: Mapping[str, Any]) -> Request:
        """Write a message that was drawn."""
        return Request(as_json(payload), HEADERS)

    def draw(self, events: Sequence[Event]) -> dict[str, Any]:
        """Draw a message: of a single event all that is known, of several a digest.

        Raises:
            ValueError: There is no event.
        """
        match events:
            case []:
                raise ValueError("a Slack message is about at least one event")
            case [event]:
                return draw_event(event, self._style)
            case _:
                return draw_digest(digest(events, self._by, self._shown), events, self._style)

    def read(self, reply: Reply, at: datetime) -> Outcome:
        """Read an answer as :func:`bridge.receivers.slack.responses.read` does."""
        return responses.read(reply, at)


def text_alone(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out how a message looks. Its text says the same."""
    return {key: value for key, value in drawn.items() if key not in {"blocks", "attachments"}}


def as_json(payload: Mapping[str, Any]) -> bytes:
    """Write a body."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
