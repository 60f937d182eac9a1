"""The Slack workflow receiver: one event starts a workflow of Slack's Workflow Builder, with flat variables.

Sources: https://docs.slack.dev/tools/slack-github-action/sending-techniques/sending-data-webhook-slack-workflow (the
variables are at the top, each a text), https://github.com/aws-samples/aws-health-aware/issues/39 (a variable that is
not sent ends the workflow), https://github.com/slackapi/node-slack-sdk/blob/main/packages/webhook/src/WebhookTrigger.ts
(the answers: ``{"ok": true}``, ``{"ok": false, "error": …}``, or nothing; the codes are not documented).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.domain.clock import isoformat
from bridge.receivers.slack import responses
from bridge.receivers.slack.receiver import HEADERS, as_json
from bridge.receivers.summary import sentence_of
from bridge.receivers.text import cut, one_line
from bridge.receivers.wording import error_of, label_of, name_of, statuses_of, tags_of
from bridge.transport.message import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.domain.model import Event
    from bridge.domain.outcome import Outcome

_LONGEST: Final = 2_000  # in the units of bridge.receivers.text.size

VARIABLES: Final = (
    *("event_id", "event", "time", "text", "message_id", "label", "tags", "status", "previous_status", "error"),
    *("about", "link", "test"),
)
"""What every call carries, each a text; empty where there is nothing to say."""


class WorkflowReceiver:
    """A workflow that starts from a webhook: ``https://hooks.slack.com/triggers/…`` or ``…/workflows/…``.

    Args:
        name: The name that the configuration gives it.
        pages: Where people see the bridge, for ``link``; None where they don't.
    """

    def __init__(self, name: str, pages: str | None = None) -> None:
        self.name = name
        self._pages = pages

    def render(self, events: Sequence[Event], at: datetime) -> Request:  # noqa: ARG002 -- of the protocol
        """Write one event as variables.

        Raises:
            ValueError: There is not exactly one event.
        """
        if len(events) != 1:
            raise ValueError(f"a workflow takes one event in a call, not {len(events)}")
        return Request(as_json(variables(events[0], self._pages)), HEADERS)

    def read(self, reply: Reply, at: datetime) -> Outcome:
        """Read an answer as :func:`bridge.receivers.slack.responses.read` does, but no code of Slack's is for good.

        A workflow that refuses is tried again: its owner can fix it or publish it, and its address stays the same.
        """
        return responses.read(reply, at, permanent={})


def variables(event: Event, pages: str | None = None) -> dict[str, str]:
    """Tell of an event in :data:`VARIABLES`.

    They are plain text on one line, not escaped: workflows also compare them, and write them into sheets and lists.
    """
    link = (
        f"{pages}/messages/{event.message_id}"
        if pages and event.message_id is not None and not event.test
        else f"{pages or ''}"
    )
    previous, status = statuses_of(event)
    values = {
        "event_id": event.id,
        "event": str(event.type),
        "time": isoformat(event.at),
        "text": sentence_of(event),
        "message_id": "" if event.message_id is None else str(event.message_id),
        "label": label_of(event),
        "tags": tags_of(event),
        "status": status,
        "previous_status": previous,
        "error": error_of(event),
        "about": name_of(event),
        "link": link,
        "test": "true" if event.test else "",
    }
    return {key: cut(one_line(values[key]), _LONGEST) for key in VARIABLES}
