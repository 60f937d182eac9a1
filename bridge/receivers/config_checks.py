"""The rules for single values under a receiver, as pydantic's validators. Pure.

What :mod:`bridge.domain.settings.validators` says of secrets and of ValueErrors holds here, too.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from bridge.domain.model import EventType
from bridge.domain.settings.listen_address import is_loopback
from bridge.domain.settings.validators import host_of, line
from bridge.domain.suggest import suggestion
from bridge.receivers.responses import Success
from bridge.receivers.signing import key_of
from bridge.receivers.slack import mentions
from bridge.receivers.templating.template_text import Source

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}\Z")  # RFC 9110, 5.1: a token
_OUR_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"}
)
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}( *;[\x20-\x7e]*)?\Z", re.IGNORECASE)
_SUCCESS = re.compile(r"(2xx|[234][0-9][0-9])(?: +([a-z0-9.-]{1,253}))?\Z")
_ASKS_TO_WAIT = frozenset({408, 425, 429})
_SLACK_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
_SLACK_SITES = ("slack.com", "slack-gov.com")
_SLACK_WEBHOOKS = ("/services/", "/triggers/", "/workflows/")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def slack_url(url: str) -> None:
    """Allow https, and http on this machine only: the address is the secret. Of Slack's addresses, only webhooks."""
    host = host_of(url)
    if not url.lower().startswith("https:") and not is_loopback(host):
        raise ValueError("must begin with https:// (the address is a secret)")
    of_slack = host in _SLACK_SITES or host.endswith(tuple(f".{site}" for site in _SLACK_SITES))
    if of_slack and not urlsplit(url).path.startswith(_SLACK_WEBHOOKS):
        api = " (its Web API takes messages only with a token)" if urlsplit(url).path.startswith("/api/") else ""
        raise ValueError(
            f"not the address of a webhook of Slack's{api}: make an incoming webhook "
            "(https://api.slack.com/messaging/webhooks) and use its address, https://hooks.slack.com/services/…"
        )


def is_slack_workflow(url: str) -> bool | None:
    """Tell whether an address of Slack's starts a workflow; None for one that is not Slack's."""
    parts = urlsplit(url)
    if parts.hostname not in _SLACK_HOSTS:
        return None
    return parts.path.startswith(("/triggers/", "/workflows/"))


def slack_mention(value: object) -> str:
    """Allow whom Slack can mention, and write it as Slack does."""
    return mentions.slack_mention(line(value))


def signing_secret(text: str) -> None:
    """Allow a secret that webhooks are signed with."""
    try:
        key_of(text)
    except ValueError as error:
        raise ValueError(f"{error} (`wbiz-bridge secret new` makes one)") from None


def argument(value: object) -> str:
    """Allow what can be an argument of a program."""
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 -- see the module's docstring
    return value and line(value)


def program(command: tuple[str, ...]) -> tuple[str, ...]:
    """Allow a command whose program can be run, as far as that can be seen from here."""
    path = Path(command[0])
    if not path.is_absolute():
        raise ValueError("the program must be named by its whole path: /usr/local/bin/…")
    try:
        exists, is_file = path.exists(), path.is_file()
    except OSError as error:
        raise ValueError(f"the program cannot be looked at: {error.strerror}") from None
    if not exists:
        raise ValueError("there is no such program (a service sees no home folders)")
    if not is_file or not os.access(path, os.X_OK):
        raise ValueError("this is not a program that may be run (chmod +x)")
    return command


def header_name(name: str) -> str:
    """Allow a header that the bridge does not set itself."""
    if not _HEADER_NAME.match(name):
        raise ValueError("this is not the name of a header (allowed: letters, digits and dashes)")
    if name.lower() in _OUR_HEADERS or name.lower().startswith("webhook-"):
        raise ValueError("this header is set by the bridge; remove it")
    return name


def header_value(text: str) -> None:
    """Allow what a header can carry."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("must be characters of Latin-1: a header carries no others") from None


def header_value_or_template() -> BeforeValidator:
    """Allow what a header can carry, or a template of it, which is checked elsewhere."""

    def validate(value: object) -> object:
        if isinstance(value, Source):
            return value
        text = line(value)
        header_value(text)
        return SecretStr(text)

    return BeforeValidator(validate)


def content_type(value: object) -> str:
    """Allow the name of a media type, with parameters or without."""
    text = line(value)
    if not _MEDIA_TYPE.match(text):
        raise ValueError("not a media type (allowed: e.g. application/json, text/plain; charset=utf-8)")
    return text


def success(item: object) -> Success:
    """Allow answers that can mean that something was taken."""
    match = _SUCCESS.match(item) if isinstance(item, str) else None
    if match is None:
        raise ValueError(
            "not an answer that can mean success (allowed: 204, 2xx, 409, or 302 and the host it leads to)"
        )
    status, host = match.groups()
    first, last = (int(status), int(status)) if status.isdigit() else (200, 299)
    redirects = first // 100 == 3  # noqa: PLR2004 -- RFC 9110, 15.4: redirections
    if redirects and host is None:
        # Where a script wants a log-in, it redirects as well: to another host.
        raise ValueError(f"a redirection means success only where it leads to a host that you know: `{first} host`")
    if not redirects and host is not None:
        raise ValueError("only a redirection (3xx) leads to a host")
    if first in _ASKS_TO_WAIT:
        raise ValueError(f"{first} asks for a pause: it can't mean success")
    return Success(first, last, host)


def no_header_twice(headers: dict[str, SecretStr | Source]) -> dict[str, SecretStr | Source]:
    """Refuse names that differ in case only: they are one header."""
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("a header appears twice (capitals make no difference)")
    return headers


def event_pattern(item: object) -> str:
    """Allow an event type or a glob of them, and write it in full."""
    if not isinstance(item, str):
        raise ValueError("must be an event type, e.g. failed")  # noqa: TRY004 -- see the module's docstring
    pattern = item if "." in item or item == "*" else f"message.{item}"
    if not any(fnmatchcase(type_, pattern) for type_ in EventType):
        types = [type_.removeprefix("message.") for type_ in EventType]
        raise ValueError(f"no event type is called so ({suggestion(item, types)})")
    return pattern


def receiver_name(value: object) -> str:
    """Allow what can be in a URL, a log and a command without quotes."""
    if not isinstance(value, str) or not _NAME.match(value):
        raise ValueError("not usable as a name (allowed: 1 to 64 of A-Z a-z 0-9 . _ -)")
    return value
