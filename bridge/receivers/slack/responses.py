"""What the answers of Slack, and of services that are compatible with it, mean for a delivery. Pure.

An incoming webhook of Slack's answers ``ok``. Compatible services answer 204, nothing, ``{"ok": true}``,
``{"success": true}`` (Rocket.Chat, https://github.com/gogs/gogs/issues/3169). A refusal can come with status 200 too:
Slack's Web API says ``{"ok": false, "error": "not_authed"}`` to who takes its address for a webhook's
(https://docs.slack.dev/apis/web-api/#responses), and a proxy or a login page answers with HTML.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from bridge.domain.errors import REPORT_IT
from bridge.domain.http_answers import json_object, retry_after
from bridge.domain.outcome import Dead, Delivered, Retry
from bridge.receivers import responses

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bridge.domain.outcome import Outcome
    from bridge.transport.message import Reply

_NEW_WEBHOOK: Final = "make a new incoming webhook and put its URL in place of this one"
_ADMIN: Final = "ask an administrator of the workspace, or make an incoming webhook for another channel"
_NO_WEBHOOK: Final = (
    "this address needs a token, so it is not an incoming webhook: make one (https://hooks.slack.com/services/…) and "
    "put its URL in place of this one"
)
UNKNOWN: Final = "Slack refuses it: look this code up on docs.slack.dev"

PERMANENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "action_prohibited": f"an administrator restricted what this webhook may post: {_ADMIN}",
        "channel_is_archived": f"the channel is archived: unarchive it, or {_NEW_WEBHOOK}",
        "channel_not_found": f"the channel was deleted, or the Slack app was removed from it: {_NEW_WEBHOOK}",
        "invalid_attachments": f"Slack does not understand the message: {REPORT_IT}",
        "invalid_blocks": f"Slack does not understand the message: {REPORT_IT}",
        "invalid_blocks_format": f"Slack does not understand the message: {REPORT_IT}",
        "invalid_payload": f"Slack does not understand the message: {REPORT_IT}",
        "invalid_token": f"the webhook's URL is wrong or was revoked: copy it again, or {_NEW_WEBHOOK}",
        "missing_text_or_fallback_or_attachments": f"Slack finds no text in the message: {REPORT_IT}",
        "no_active_hooks": f"the webhook was switched off: switch it on in the Slack app's settings, or {_NEW_WEBHOOK}",
        "no_service": f"the Slack app or its webhook was removed: {_NEW_WEBHOOK}",
        "no_service_id": f"the webhook's URL is incomplete: copy it again, or {_NEW_WEBHOOK}",
        "no_team": f"the workspace in the webhook's URL does not exist: copy it again, or {_NEW_WEBHOOK}",
        "no_text": f"Slack finds no text in the message: {REPORT_IT}",
        "posting_to_general_channel_denied": f"this webhook may not post to #general: {_ADMIN}",
        "team_disabled": f"the Slack workspace is no longer active: {_NEW_WEBHOOK}, of another workspace",
        "too_many_attachments": f"the message has too many parts for Slack: {REPORT_IT}",
        "user_not_found": f"the person the webhook writes to has left the workspace: {_NEW_WEBHOOK}",
    }
)
"""Slack's codes that no retry changes, and what to do.

Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks ("Handling errors") and
https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks; the codes with ``blocks``,
``invalid_attachments`` and ``missing_text_or_fallback_or_attachments`` are what people report of the same URLs.
"""

PASSING: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("account_inactive", "invalid_auth", "missing_scope", "not_allowed_token_type", "not_authed"), _NO_WEBHOOK
        ),
        **dict.fromkeys(("token_expired", "token_revoked"), _NO_WEBHOOK),
        "is_archived": "the channel is archived: unarchive it",
        "not_in_channel": "the Slack app is not in the channel: invite it",
        **dict.fromkeys(("rate_limited", "ratelimited"), "too many calls for Slack"),
        **dict.fromkeys(
            ("fatal_error", "internal_error", "rollup_error", "service_unavailable"),
            "a fault of Slack's (status.slack.com)",
        ),
    }
)
"""Codes that a later attempt may not get any more, and what they mean.

Source: https://docs.slack.dev/reference/methods/chat.postMessage ("Errors"), with the changelog above.
"""

LAYOUT: Final = frozenset(
    {
        *("attachment_payload_limit_exceeded", "invalid_attachments", "invalid_blocks", "invalid_blocks_format"),
        *("msg_blocks_too_long", "too_many_attachments"),
    }
)
"""Codes that are about how a message looks: its text alone may be taken."""

PLAIN: Final = "Slack refused the layout: tried as plain text"

_CODE = re.compile(r"[a-z][a-z_]{0,60}")
_BLANK: Final = "\ufeff \t\r\n"
_PAGE: Final = (
    "a web page was returned instead of Slack's answer: check that the address is that of an incoming webhook, and "
    "that no proxy or login page answers in its place"
)
_UNEXPLAINED: Final = (
    "the answer is a refusal without a reason: check that the address is the right one, and try `wbiz-bridge test`"
)


def read(reply: Reply, at: datetime, permanent: Mapping[str, str] = PERMANENT) -> Outcome:
    """Read an answer: the general table, but a 2xx may be a refusal, and Slack's own codes say more than a status.

    The reason begins with the code, to be looked up. The status, which may be 200, is in the attempt's record.

    Args:
        reply: The answer, with any status and any body.
        at: When it came, aware, in UTC.
        permanent: The codes that no retry changes, and what to do.
    """
    outcome = responses.read(reply, at)
    taken = isinstance(outcome, Delivered)
    refused = HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if not taken and (not refused or reply.status == HTTPStatus.TOO_MANY_REQUESTS):
        return outcome
    code = code_in(reply)
    if code is not None and code in permanent:
        return Dead(f"{code}: {permanent[code]}")
    if isinstance(outcome, Dead):
        return outcome
    if code is not None:
        about_event = code not in PASSING and isinstance(outcome, Retry) and outcome.about_event
        why = f"{code}: {PASSING.get(code, UNKNOWN)}"
        return Retry(why, retry_after(reply.headers, at), about_event=about_event)
    if taken and _is_page(reply):
        return Retry(_PAGE)
    if taken and responses.refuses(json_object(reply.body) or {}):
        return Retry(_UNEXPLAINED)
    return outcome


def code_in(reply: Reply) -> str | None:
    """Find Slack's code in a refusal: a known one as plain text, or the ``error`` of a JSON object; None without one.

    What is no code is not repeated: it may hold anything. The attempt's record keeps the answer.
    """
    text = reply.text.strip(_BLANK).lower()
    if text in PERMANENT or text in PASSING:
        return text
    body = json_object(reply.body) or {}
    code = body.get("error")
    return code if responses.refuses(body) and isinstance(code, str) and _CODE.fullmatch(code) else None


def _is_page(reply: Reply) -> bool:
    return reply.text.lstrip(_BLANK).startswith("<")
