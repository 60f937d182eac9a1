"""What each key means, for editors that show it. docs/configuration.md says the same; a test holds them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DESCRIPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "": {
        "wbiztool": "your account",
        "messages": "a list of what to watch",
        "receivers": "who gets what: a list, at least one",
        "poll": "when a message is polled",
        "discover": "watches whatever the account sends, by its report",
        "numbers": "watches whether the account's WhatsApp numbers are connected",
        "http": "the page, the API, health and metrics; off for none",
        "database": "where the state lives",
        "control": "the Unix socket at which commands find the daemon",
        "retention": "what is over is forgotten after this; what is queued never is",
        "log": "the log",
        "heartbeat": "a URL to call while all is well",
    },
    "wbiztool": {
        "client_id": "the client id",
        "api_key": "the API key (Settings → API keys)",
        "base_url": "the API's address",
        "timeout": "for one call as a whole",
        "rate_limit": "the most calls, all together",
        "concurrency": "calls at the same time",
        "proxy": "the proxy to call through",
        "tls": "certificates",
    },
    "messages": {
        "id": "the message's id, the msg_id of WbizTool's answer",
        "label": "shown in every alert",
        "tags": "for `match`",
        "expected_at": "to be sent later: hardly polled until then, and its age counts from then",
        "include": "more lists of the same form: YAML, JSON, or plain text with one id a line",
    },
    "receivers": {
        "name": "keep it: what is queued is kept under this name",
        "events": "which events",
        "match": "which messages",
        "settle": "the others get `receiver.down` and `receiver.up` only for what lasted this long",
        "timeout": "for one attempt as a whole",
        "rate_limit": "the most attempts",
        "concurrency": "attempts at the same time",
        "slack": "the incoming webhook or workflow, or a bot",
        "webhook": "the address; what follows the host may be a template",
        "apprise": "a URL of Apprise's",
        "command": "a program and its arguments",
        "proxy": "the proxy to call through",
        "tls": "certificates",
        "group": "how bursts become one message",
        "color": "a bar by what happened",
        "mention": "whom to mention",
        "slack.format": "a message, or a workflow's variables",
        "webhook.format": "the form of the event",
        "secret": "signs each POST",
        "headers": "sent along; values may be templates",
        "body": "a template of what is sent",
        "content_type": "what a `body` that is text contains",
        "success": "what counts as taken",
        "batch": "several events in one POST",
    },
    "match": {
        "tags": "`{team: billing}`: the message has this tag",
        "label": 'a glob: `"Invoice*"`',
        "status": "`failed`, `expired`, …",
        "error": "a regular expression (RE2's kind), found anywhere in WbizTool's reason",
        "not": "conditions of which none may hold",
    },
    "slack": {
        "token": "the Bot User OAuth Token of the Slack app",
        "channel": "where to post: a name with #, or an id",
        "api_url": "the address of Slack's Web API",
    },
    "mention": {"who": "@here, @channel, or ids of people and groups", "events": "for which events; left out, for all"},
    "group": {
        "wait": "the first event is sent immediately, what follows within this time together",
        "by": "what to count by",
        "max": "how many messages to name",
    },
    "batch": {"max": "how many events in one POST", "wait": "how long one waits for others"},
    "tls": {
        "ca_file": "certificates to trust instead of the usual ones",
        "cert_file": "a client certificate",
        "key_file": "its private key; may be left out where it is in cert_file",
        "key_password": "the password of the private key",
        "verify": "`off` trusts anyone: for tests, and never for Slack and WbizTool",
    },
    "poll": {
        "every": "how often a message is polled; up to a tenth earlier, at random",
        "intervals": "instead of `every`: by the age of the watch",
        "attempts": "tries of one poll while it fails",
        "unknown_after": '"no such message" counts when it has lasted this long',
        "linger": "keep polling after a final status",
        "stuck_after": "pending for longer: `message.stuck`, once",
        "stop_after": "no final status for this long: `message.abandoned`, and no more polls",
    },
    "intervals": {
        "every": "how often a message of that age is polled",
        "until": "up to this age; left out in the last one",
    },
    "discover": {
        "report": "whether to watch by the report",
        "every": "how often the report is read",
        "days": "how far back",
        "relaxed": "how often messages are polled that do not change in the report",
    },
    "numbers": {
        "watch": "`number.disconnected` and `number.connected`",
        "every": "how often to look",
        "settle": "how long a change must last",
    },
    "http": {
        "listen": "where to listen; beyond loopback, a token is required",
        "token": "a secret of 16 letters or more; changes need it",
        "external_url": "the address that browsers see, behind a reverse proxy",
        "hook_token": "a secret in the URL for WbizTool's calls",
        "hook_watch": "watch messages that WbizTool names there",
    },
    "log": {"level": "how much is logged", "format": "auto: console on a terminal, JSON elsewhere"},
    "heartbeat": {"url": "the URL; a secret", "every": "how often it is called"},
}
"""By section and key. Of receivers, ``slack.format`` is what ``format`` means for that kind."""
