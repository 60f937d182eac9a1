"""What the answers of Slack's Web API mean for a delivery. Pure.

Slack answers nearly everything with status 200, and a refusal with ``{"ok": false, "error": CODE}``. Only a message
that Slack does not understand, not even as plain text, is given up: whatever else is wrong, somebody can put right
while the events wait.

Sources: https://docs.slack.dev/reference/methods/chat.postMessage and …/chat.update ("Errors"),
https://docs.slack.dev/apis/web-api/rate-limits; for a reply whose parent was deleted, which may also be posted as a
message of its own, without ``thread_ts``: https://github.com/slack-go/slack/issues/1571.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from bridge.domain.errors import REPORT_IT
from bridge.domain.http_answers import json_object, retry_after
from bridge.domain.model import Post
from bridge.domain.outcome import Dead, Delivered, Retry
from bridge.receivers import responses
from bridge.receivers.slack.responses import LAYOUT, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bridge.domain.outcome import Outcome
    from bridge.transport.message import Reply

_COPY: Final = (
    "copy the Bot User OAuth Token of the Slack app (OAuth & Permissions) into `token`, or the file of `token_file`"
)
_INSTALL: Final = f"install the Slack app in the workspace again, and {_COPY}"
_ADMIN: Final = "ask an administrator of the workspace, or choose another channel"
_OTHER_TOKEN: Final = f"this is not the token of a bot: {_COPY}"
_GONE: Final = "the message to which this belongs is gone"

_REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "access_denied": f"the Slack app may not do this: {_ADMIN}",
        "account_inactive": f"the Slack app, or its workspace, was removed: {_INSTALL}",
        "channel_is_frozen": "the channel is frozen: choose another channel",
        "channel_not_found": (
            "Slack finds no such channel: check the name or id of {channel}; a private channel is found only once the "
            "Slack app is in it ({invite})"
        ),
        "ekm_access_denied": "the workspace's administrators have suspended posting (Enterprise Key Management)",
        "enterprise_is_restricted": f"the organization does not let the Slack app in: {_ADMIN}",
        "invalid_auth": f"Slack does not know the token: {_COPY}",
        "is_archived": "{channel} is archived: unarchive it, or choose another channel",
        "is_inactive": "the channel is frozen: choose another channel",
        "message_limit_exceeded": f"members of this workspace can't post any more messages: {_ADMIN}",
        "messages_tab_disabled": "switch on the Messages tab in the Slack app's settings (App Home)",
        "no_permission": f"the Slack app may not post: give it the scope chat:write, and {_INSTALL}",
        "not_allowed_token_type": _OTHER_TOKEN,
        "not_authed": "no token has reached Slack: does a proxy remove the header Authorization?",
        "not_in_channel": (
            "the Slack app is not in {channel}: {invite}, or, for a public channel, give it the scope "
            "chat:write.public and install it again"
        ),
        "org_login_required": "the workspace is being moved to an organization: it takes messages again after that",
        "restricted_action": f"a setting of the workspace keeps the Slack app from posting to {{channel}}: {_ADMIN}",
        "restricted_action_non_threadable_channel": "{channel} has no threads",
        "restricted_action_read_only_channel": f"{{channel}} is read-only for the Slack app: {_ADMIN}",
        "restricted_action_thread_locked": "the thread is locked",
        "restricted_action_thread_only_channel": f"only replies are allowed in {{channel}}: {_ADMIN}",
        "team_access_not_granted": f"the organization has not given the Slack app this workspace: {_ADMIN}",
        "team_added_to_org": "the workspace is being moved to an organization: it takes messages again after that",
        "token_expired": f"the token has expired: switch off token rotation in a new Slack app, and {_COPY}",
        "token_revoked": f"the token was revoked: {_INSTALL}",
        "two_factor_setup_required": "whoever installed the Slack app has to set up two-factor authentication",
        **dict.fromkeys(("cannot_reply_to_message", "message_not_found", "thread_not_found"), _GONE),
        "cant_update_message": "the message was not posted by this Slack app",
        "edit_window_closed": "the workspace does not allow editing messages, or not any more",
    }
)
"""What a person can put right, and how.

``{channel}`` stands for the channel of the configuration, ``{invite}`` for how the Slack app gets into it.
"""

_INVITED: Final = frozenset(code for code, words in _REFUSALS.items() if "{invite}" in words)

_NOT_UNDERSTOOD: Final = LAYOUT | {
    *("invalid_arguments", "markdown_text_conflict", "msg_too_long", "no_text", "too_many_contact_cards"),
}
_FAILS: Final = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "rollup_error", "service_unavailable", "update_failed"}
)
_LIMITED: Final = frozenset({"accesslimited", "rate_limited", "ratelimited"})

_OF_THE_APP: Final = frozenset(
    {
        *(
            "account_inactive",
            "ekm_access_denied",
            "enterprise_is_restricted",
            "invalid_auth",
            "message_limit_exceeded",
        ),
        *("missing_scope", "no_permission", "not_allowed_token_type", "not_authed", "org_login_required"),
        *("team_access_not_granted", "team_added_to_org", "token_expired", "token_revoked"),
        "two_factor_setup_required",
    }
)
"""What would be refused in any channel."""

POSTING: Final = "chat:write"
"""The scope that a bot needs to post."""

_CODE = re.compile(r"[a-z][a-z_]{0,60}")
_SCOPES = re.compile(r"[a-z:._,-]{1,200}")
_ID = re.compile(r"[A-Z0-9]{2,40}")
_TS = re.compile(r"\d{1,20}\.\d{1,20}")
_APP = re.compile(r"[\w.-]+(?: [\w.-]+){0,9}")
_SHORT = timedelta(seconds=1)
_STRANGER: Final = (
    "this is no answer of Slack's Web API: check api_url, and that no proxy or login page answers in its place"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read: what it means, the code of a refusal, and which message it is about.

    ``in_thread`` says that this is a reply in a thread.
    """

    outcome: Outcome
    code: str | None = None
    post: Post | None = None
    in_thread: bool = False


def read(reply: Reply, at: datetime, channel: str, app: str | None = None) -> Answer:
    """Read an answer.

    Args:
        reply: The answer, with any status and any body.
        at: When it came, aware, in UTC.
        channel: The channel of the configuration, for words about it.
        app: The name of the Slack app; None where it is not known.
    """
    said = json_object(reply.body) or {}
    general = responses.read(reply, at)
    if isinstance(general, Delivered) and said.get("ok") is True:
        return Answer(Delivered(), None, _post(said, channel), in_thread=_is_reply(said))
    code = said.get("error")
    if said.get("ok") is False and isinstance(code, str) and _CODE.fullmatch(code):
        return Answer(_refusal(code, said, retry_after(reply.headers, at), channel, app), code)
    return Answer(Retry(_STRANGER) if isinstance(general, Delivered) else general)


def is_lost(code: str | None) -> bool:
    """Tell whether a reply was refused for its place: a post of its own, in the channel of the configuration, may do.

    The thread may be gone, or locked, or in a channel that is not the one of the configuration any more.
    """
    return code is not None and code not in _NOT_UNDERSTOOD | _LIMITED | _FAILS | _OF_THE_APP


def is_passing(code: str) -> bool:
    """Tell whether a refusal says nothing about who calls."""
    return code in _FAILS | _LIMITED


def needs_name(code: str | None) -> bool:
    """Tell whether the words about a refusal name the Slack app."""
    return code in _INVITED


def app_in(reply: Reply) -> str | None:
    """Read the name of the Slack app from the answer of ``auth.test``; None where it has none that can be written."""
    name = (json_object(reply.body) or {}).get("user")
    return name if isinstance(name, str) and _APP.fullmatch(name) else None


def _refusal(code: str, said: Mapping[str, Any], wait: timedelta | None, channel: str, app: str | None) -> Outcome:
    """Put a refusal into words, with what to do about it; Slack's own code comes first, to be looked up."""
    if code in _NOT_UNDERSTOOD:
        return Dead(f"{code}: Slack does not understand the message: {REPORT_IT}", about_event=True)
    if code in _LIMITED:
        return Retry(f"{code}: too many calls for Slack", wait or _SHORT)
    if code in _FAILS:
        return Retry(f"{code}: a fault of Slack's (status.slack.com)", wait, quick=wait is None)
    if code == "missing_scope":
        return Retry(f"{code}: {_lacks(said)}", wait)
    return Retry(f"{code}: {_REFUSALS.get(code, UNKNOWN).format(channel=channel, invite=_invite(app))}", wait)


def _invite(app: str | None) -> str:
    if app is None:
        return "write `/invite @YOUR_APP` there, with the name of your Slack app"
    return f"write `/invite @{app}` there"


def lacks_scope(scope: str, has: str = "") -> str:
    """Say that the app may not do what it has to, and what to do; ``has`` lists what it may."""
    known = f" (it has: {', '.join(has.replace(',', ' ').split())})" if _SCOPES.fullmatch(has) else ""
    add = "add it under OAuth & Permissions, and install the app in the workspace again"
    return f"the Slack app lacks the scope {scope}{known}: {add}"


def _lacks(said: Mapping[str, Any]) -> str:
    needed, has = (each if isinstance(each, str) else "" for each in (said.get("needed"), said.get("provided")))
    return lacks_scope(needed if _SCOPES.fullmatch(needed) else POSTING, has)


def _post(said: Mapping[str, Any], configured: str) -> Post | None:
    channel, ts = said.get("channel"), said.get("ts")
    known = isinstance(channel, str) and isinstance(ts, str) and _ID.fullmatch(channel) and _TS.fullmatch(ts)
    return Post(str(channel), str(ts), configured) if known else None


def _is_reply(said: Mapping[str, Any]) -> bool:
    message = said.get("message")
    return isinstance(message, dict) and isinstance(message.get("thread_ts"), str)
