"""The Slack receiver: one event or a digest of many as one message, and what Slack's answers mean."""

from __future__ import annotations

import json
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from bridge.model import Dead
from bridge.receivers import answers
from bridge.receivers.slack_blocks import PLAIN, Style, draw_digest, draw_event
from bridge.receivers.slack_digest import GROUP_KEYS, digest
from bridge.receivers.webhook import USER_AGENT
from bridge.wire import Reply, Request, http_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bridge.model import Event, Outcome

_HEADERS: Final = MappingProxyType({"content-type": "application/json; charset=utf-8", "user-agent": USER_AGENT})

_NEW_WEBHOOK: Final = "make a new incoming webhook and put it into the configuration"
_REPORT: Final = "please report this"
_ADMIN: Final = "ask an administrator of the workspace, or make an incoming webhook for another channel"

PERMANENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "action_prohibited": f"an administrator restricted what this webhook may post: {_ADMIN}",
        "channel_is_archived": f"the channel is archived: unarchive it, or {_NEW_WEBHOOK}",
        "channel_not_found": f"the channel was deleted, or the Slack app was taken out of it: {_NEW_WEBHOOK}",
        "invalid_attachments": f"Slack does not understand the message: {_REPORT}",
        "invalid_blocks": f"Slack does not understand the message: {_REPORT}",
        "invalid_blocks_format": f"Slack does not understand the message: {_REPORT}",
        "invalid_payload": f"Slack does not understand the message: {_REPORT}",
        "invalid_token": f"the webhook's URL is wrong or was revoked: copy it once more, or {_NEW_WEBHOOK}",
        "missing_text_or_fallback_or_attachments": f"Slack finds no text in the message: {_REPORT}",
        "no_active_hooks": f"the webhook was switched off: switch it on in the Slack app's settings, or {_NEW_WEBHOOK}",
        "no_service": f"the Slack app or its webhook was removed: {_NEW_WEBHOOK}",
        "no_service_id": f"the webhook's URL is not complete: copy it once more, or {_NEW_WEBHOOK}",
        "no_team": f"the workspace in the webhook's URL does not exist: copy it once more, or {_NEW_WEBHOOK}",
        "no_text": f"Slack finds no text in the message: {_REPORT}",
        "posting_to_general_channel_denied": f"this webhook may not post to #general: {_ADMIN}",
        "team_disabled": f"the Slack workspace is not active any more: {_NEW_WEBHOOK}, of another workspace",
        "too_many_attachments": f"Slack finds too many parts in the message: {_REPORT}",
        "user_not_found": f"the person whom the webhook writes to is not in the workspace any more: {_NEW_WEBHOOK}",
    }
)
"""Slack's answers that no retry changes, and what to do.

Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks ("Handling errors") and
https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks; the codes with ``blocks``,
``invalid_attachments`` and ``missing_text_or_fallback_or_attachments`` are what people report of the same URLs.
"""


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
        """Write one Slack message: of a single event all that is known, of several a digest.

        Args:
            events: At least one.
            at: The attempt's time; it does not show.

        Raises:
            ValueError: There is no event.
        """
        match events:
            case []:
                raise ValueError("a Slack message is about at least one event")
            case [event]:
                payload = draw_event(event, self._style)
            case _:
                times = [event.at for event in events]
                payload = draw_digest(digest(events, self._by, self._shown), min(times), max(times), self._style)
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        return Request(body, _HEADERS)

    def read(self, reply: Reply, at: datetime) -> Outcome:
        """Read an answer: Slack's own permanent errors, else the general table.

        Any 2xx is a delivery, whatever its body: Slack says ``ok``, compatible services say other things.
        """
        refused = HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR
        code = reply.text.strip().lower()
        if refused and reply.status != HTTPStatus.TOO_MANY_REQUESTS and code in PERMANENT:
            return Dead(f"{http_words(reply.status)}, {code}: {PERMANENT[code]}")
        return answers.read(reply, at)
