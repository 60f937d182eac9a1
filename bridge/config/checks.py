"""The rules for single values, as pydantic's validators. Pure; what they raise is told in the same words to the user.

A ValueError never holds a secret; pydantic takes ValueErrors only, also where the type is what is wrong.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from bridge.config.external import External, parse_external
from bridge.config.faults import suggestion
from bridge.config.listen import Listen, is_loopback, parse_listen
from bridge.config.units import Rate, format_duration, parse_duration, parse_rate
from bridge.model import EventType
from bridge.receivers import slack_mentions as mentions
from bridge.receivers.answers import Success
from bridge.receivers.signing import key_of
from bridge.templating.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

_LONGEST_NUMBER = 40
_LONGEST_TEXT = 4096
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}\Z")  # RFC 9110, 5.1: a token
_OUR_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"}
)
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}( *;[\x20-\x7e]*)?\Z", re.IGNORECASE)
_SUCCESS = re.compile(r"(2xx|[234][0-9][0-9])(?: +([a-z0-9.-]{1,253}))?\Z")
_ASKS_TO_WAIT = frozenset({408, 425, 429})
_SLACK_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
_OFF = frozenset({"off", "false", "no"})  # as YAML writes false
_SHORTEST_TOKEN = 16
_TOKEN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{_SHORTEST_TOKEN},}}\Z")  # RFC 6750, 2.1
_URL_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{_SHORTEST_TOKEN},}}\Z")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_PORTS = range(1, 65536)
_FASTEST, _SLOWEST = "10000/s", "1/d"


def switch() -> BeforeValidator:
    """Allow ``on`` and ``off``, which YAML reads as booleans."""

    def check(value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError("must be on or off")  # noqa: TRY004 -- pydantic takes ValueErrors only
        return value

    return BeforeValidator(check)


def duration(shortest: str, longest: str) -> BeforeValidator:
    """Allow a duration within bounds, themselves included."""
    return BeforeValidator(_duration(shortest, longest))


def duration_or_off(shortest: str, longest: str) -> BeforeValidator:
    """Allow a duration within bounds, or ``off``, which YAML reads as false: then it is None."""
    check = _duration(shortest, longest)

    def validate(value: object) -> timedelta | None:
        try:
            return None if value is False else check(value)
        except ValueError as error:
            raise ValueError(f"{str(error).removesuffix(')')}, or off)") from None

    return BeforeValidator(validate)


def _duration(shortest: str, longest: str) -> Callable[[object], timedelta]:
    least, most = parse_duration(shortest), parse_duration(longest)

    def check(value: object) -> timedelta:
        given = parse_duration(value)
        if not least <= given <= most:
            raise ValueError(f"{format_duration(given)} is out of range (allowed: {shortest} to {longest})")
        return given

    return check


def whole(least: int, most: int) -> BeforeValidator:
    """Allow a whole number within bounds, themselves included."""

    def check(value: object) -> int:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _LONGEST_NUMBER:
            value = int(value)  # "${NAME}" has to stand in quotes inside braces
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"must be a whole number (allowed: {least} to {most})")
        return value

    return BeforeValidator(check)


def rate(fastest: str = _FASTEST) -> BeforeValidator:
    """Allow a rate up to ``fastest``."""
    least, most = parse_rate(_SLOWEST).per_second, parse_rate(fastest).per_second

    def check(value: object) -> Rate:
        given = parse_rate(value)
        if not least <= given.per_second <= most:
            raise ValueError(f"{given} is out of range (allowed: {_SLOWEST} to {fastest})")
        return given

    return BeforeValidator(check)


def line(value: object) -> str:
    """Allow text of one line that can be sent as UTF-8.

    Raises:
        ValueError: It is something else.
    """
    if value is None or value == "":
        raise ValueError("must not be empty")
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 -- see the module's docstring
    if value != value.strip():
        raise ValueError("must not be empty, nor begin or end with a space")
    if len(value) > _LONGEST_TEXT:
        raise ValueError(f"too long (allowed: up to {_LONGEST_TEXT} characters)")
    if any(ord(character) < 32 or ord(character) == 127 for character in value):  # noqa: PLR2004 -- control characters
        raise ValueError("must be one line, without control characters")
    try:
        value.encode()
    except UnicodeEncodeError:  # from the environment: bytes that were no UTF-8
        raise ValueError("must be UTF-8 text") from None
    return value


def secret(check: Callable[[str], object] = line) -> BeforeValidator:
    """Allow a secret line of text that passes ``check``."""

    def validate(value: object) -> SecretStr:
        text = line(value)
        check(text)
        return SecretStr(text)

    return BeforeValidator(validate)


def webhook_url(url: str) -> None:
    """Allow an address that can be POSTed to."""
    _host(url)


def proxy(value: object) -> SecretStr | Literal[False]:
    """Allow the address of a proxy, or ``off``."""
    text = line(value)
    if text.lower() in _OFF:
        return False
    allowed = "(allowed: http://host:3128, with user and password if it wants them, or off)"
    try:
        _host(text)
    except ValueError as error:
        raise ValueError(f"{str(error).partition(' (allowed')[0]} {allowed}") from None
    parts = urlsplit(text)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"a proxy's address ends with its port {allowed}")
    return SecretStr(text)


def slack_url(url: str) -> None:
    """Allow https, and http on this machine only: the address is the secret."""
    host = _host(url)
    if not url.lower().startswith("https:") and not is_loopback(host):
        raise ValueError("must begin with https:// (the address is a secret)")


def is_slack_workflow(url: str) -> bool | None:
    """Tell whether an address of Slack's starts a workflow; None for one that is not Slack's."""
    parts = urlsplit(url)
    if parts.hostname not in _SLACK_HOSTS:
        return None
    return parts.path.startswith(("/triggers/", "/workflows/"))


def slack_mention(value: object) -> str:
    """Allow whom Slack can mention, and write it as Slack does."""
    return mentions.slack_mention(line(value))


def base_url(value: object) -> str:
    """Allow the API's address; the slash at its end goes."""
    text = line(value).rstrip("/")
    host = _host(text)
    if not text.lower().startswith("https:") and not is_loopback(host):
        raise ValueError("must begin with https:// (every call carries the API key)")
    if any(character in text for character in "?#@"):
        raise ValueError("must be an address without user, `?` and `#`")
    return text


def signing_secret(text: str) -> None:
    """Allow a secret that webhooks are signed with."""
    try:
        key_of(text)
    except ValueError as error:
        raise ValueError(f"{error} (`wbiz-bridge secret new` makes one)") from None


def listen() -> BeforeValidator:
    """Allow an address to listen at."""

    def check(value: object) -> Listen:
        return parse_listen(value)

    return BeforeValidator(check)


def external() -> BeforeValidator:
    """Allow the address of a reverse proxy."""

    def check(value: object) -> External:
        return parse_external(value)

    return BeforeValidator(check)


def bearer_token(text: str) -> None:
    """Allow a token that a header can carry and nobody guesses."""
    if not _TOKEN.match(text):
        raise ValueError(
            f"not usable as a token (allowed: {_SHORTEST_TOKEN} and more of A-Z a-z 0-9 . _ ~ + / = -; "
            "`openssl rand -hex 32` makes one)"
        )


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


def hook_token(text: str) -> None:
    """Allow a token that can stand in the path of a URL as it is."""
    if not _URL_TOKEN.match(text):
        raise ValueError(
            f"not usable in a URL (allowed: {_SHORTEST_TOKEN} and more of A-Z a-z 0-9 _ -; "
            "`openssl rand -hex 32` makes one)"
        )


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
        raise ValueError("a header stands twice (capitals make no difference)")
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
    """Allow what can stand in a URL, a log and a command without quotes."""
    if not isinstance(value, str) or not _NAME.match(value):
        raise ValueError("not usable as a name (allowed: 1 to 64 of A-Z a-z 0-9 . _ -)")
    return value


def _host(url: str) -> str:
    allowed = "(allowed: https://host/…)"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port or an IPv6 address that is none
        raise ValueError(f"not a usable address {allowed}") from None
    if parts.scheme not in {"http", "https"} or not host or any(character.isspace() for character in url):
        raise ValueError(f"not a usable address {allowed}")
    if port is not None and port not in _PORTS:
        raise ValueError("the port is out of range (allowed: 1 to 65535)")
    return host
