"""What the configuration may say: pydantic's models, and the table of what later versions will build."""

from __future__ import annotations

import base64
import binascii
import enum
import re
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path  # noqa: TC003 -- pydantic reads annotations while it runs
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from bridge.config.faults import suggestion
from bridge.config.units import Rate, format_duration, parse_duration, parse_rate
from bridge.config.watchlist import Watchlist  # noqa: TC001 -- likewise
from bridge.model import EventType

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_NUMBER = 40
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_OUR_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"}
)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_SECRET_BYTES = range(24, 65)  # Standard Webhooks 1.0


def _duration(shortest: str, longest: str) -> BeforeValidator:
    least, most = parse_duration(shortest), parse_duration(longest)

    def check(value: object) -> timedelta:
        duration = parse_duration(value)
        if not least <= duration <= most:
            raise ValueError(f"{format_duration(duration)} is out of range (allowed: {shortest} to {longest})")
        return duration

    return BeforeValidator(check)


def _whole(least: int, most: int) -> BeforeValidator:
    def check(value: object) -> int:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _LONGEST_NUMBER:
            value = int(value)  # "${NAME}" has to stand in quotes inside braces
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return value

    return BeforeValidator(check)


def _rate(fastest: float | None = None) -> BeforeValidator:
    def check(value: object) -> Rate:
        rate = parse_rate(value)
        if fastest is not None and rate.per_second > fastest:
            raise ValueError(f"faster than the receiver takes it (allowed: up to {fastest:g}/s)")
        return rate

    return BeforeValidator(check)


def _as_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be text")  # noqa: TRY004 -- pydantic takes ValueErrors
    text = str(value)
    if not text.strip():
        raise ValueError("must not be empty")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):  # noqa: PLR2004 -- control characters
        raise ValueError("must be one line, without control characters")
    return text


def _secret(check: Callable[[str], object] = lambda _: None) -> BeforeValidator:
    """A secret text; its faults never show it."""

    def validate(value: object) -> SecretStr:
        text = _as_text(value)
        check(text)
        return SecretStr(text)

    return BeforeValidator(validate)


def _host(url: str, schemes: frozenset[str]) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not a usable address (https://…)") from None
    if parts.scheme not in schemes or not host or any(character.isspace() for character in url):
        raise ValueError(
            f"not a usable address (allowed: {' or '.join(f'{scheme}://…' for scheme in sorted(schemes))})"
        )
    return host


def _check_webhook(url: str) -> None:
    _host(url, frozenset({"http", "https"}))


def _check_slack(url: str) -> None:
    host = _host(url, frozenset({"http", "https"}))
    if not url.startswith("https:") and host not in _LOOPBACK:
        raise ValueError("must begin with https:// (the address is a secret)")


def _check_signing(secret: str) -> None:
    if secret.startswith("whsk_"):
        raise ValueError("ed25519 secrets (whsk_…) are not built yet in this version; use whsec_…")
    if not secret.startswith("whsec_"):
        raise ValueError("must begin with whsec_, followed by base64 of 24 to 64 random bytes")
    try:
        raw = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("what follows whsec_ is not base64") from None
    if len(raw) not in _SECRET_BYTES:
        raise ValueError(f"what follows whsec_ is base64 of {len(raw)} bytes (allowed: 24 to 64)")


def _base_url(value: object) -> str:
    text = _as_text(value).rstrip("/")
    host = _host(text, frozenset({"http", "https"}))
    if text.startswith("http:") and host not in _LOOPBACK:
        raise ValueError("must begin with https:// (every call carries the API key)")
    return text


def _patterns(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of event types, e.g. [failed, expired, source.*]")
    return tuple(_pattern(item) for item in value)


def _pattern(item: object) -> str:
    if not isinstance(item, str):
        raise ValueError(f"{item!r} is not an event type")  # noqa: TRY004 -- pydantic takes ValueErrors
    pattern = item if "." in item or item == "*" else f"message.{item}"
    if not any(fnmatchcase(type_, pattern) for type_ in EventType):
        short = [type_.removeprefix("message.") for type_ in EventType]
        raise ValueError(f"{item!r} is not an event type ({suggestion(item, short)})")
    return pattern


def _headers(value: object) -> dict[str, SecretStr]:
    if not isinstance(value, dict):
        raise ValueError("must be headers of the form {Authorization: Bearer …}")  # noqa: TRY004 -- as above
    headers = {}
    for name, text in value.items():
        if not _HEADER_NAME.match(name):
            raise ValueError(f"{name!r} is not the name of a header")
        if name.lower() in _OUR_HEADERS or name.lower().startswith("webhook-"):
            raise ValueError(f"the header {name} is set by the bridge")
        try:
            plain = _as_text(text)
            plain.encode("latin-1")
        except ValueError:
            raise ValueError(f"the header {name} must be one line of plain text") from None
        headers[name] = SecretStr(plain)
    return headers


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.match(value):
        raise ValueError("must be 1 to 64 letters, digits, dots, dashes or underscores")
    return value


def _match_tags(value: object) -> dict[str, str]:
    tags = value.get("tags", {}) if isinstance(value, dict) else None
    if not isinstance(tags, dict) or not all(isinstance(tag, str | int) for tag in tags.values()):
        raise ValueError("must be of the form {tags: {team: billing}}")
    return {key: str(tag) for key, tag in tags.items()}


def _only_off(what: str) -> BeforeValidator:
    def check(value: object) -> bool:
        if value is not False:
            raise ValueError(f"{what} is not built yet in this version; remove it or set it to off")
        return False

    return BeforeValidator(check)


def _no_linger(value: object) -> timedelta:
    if parse_duration(value) > timedelta(0):
        raise ValueError("poll.linger is not built yet in this version; remove it or set it to 0s")
    return timedelta(0)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)


class WbizToolConfig(_Model):
    """The account, and how gently its API is called."""

    client_id: Annotated[int, _whole(1, 2**63 - 1)]
    api_key: Annotated[SecretStr, _secret()]
    base_url: Annotated[str, BeforeValidator(_base_url)] = "https://wbiztool.com/api/v1"
    timeout: Annotated[timedelta, _duration("100ms", "5m")] = timedelta(seconds=10)
    rate_limit: Annotated[Rate, _rate()] = Rate(20, timedelta(seconds=1))
    concurrency: Annotated[int, _whole(1, 1000)] = 16


class PollConfig(_Model):
    """When messages are polled."""

    every: Annotated[timedelta, _duration("250ms", "1d")] = timedelta(seconds=30)
    attempts: Annotated[int, _whole(1, 20)] = 4
    unknown_after: Annotated[timedelta, _duration("0s", "1d")] = timedelta(seconds=10)
    linger: Annotated[timedelta, BeforeValidator(_no_linger)] = timedelta(0)


class DiscoverConfig(_Model):
    """Watching whatever the account sends."""

    report: Annotated[bool, _only_off("discover.report")] = False
    every: Annotated[timedelta, _duration("10s", "1d")] = timedelta(minutes=5)
    days: Annotated[int, _whole(1, 31)] = 1


class NumbersConfig(_Model):
    """Watching whether the account's numbers are connected."""

    watch: Annotated[bool, _only_off("numbers.watch")] = False
    every: Annotated[timedelta, _duration("10s", "1d")] = timedelta(minutes=1)


class Group(_Model):
    """How bursts become one Slack message: how long to wait for more, by what to count, how many ids to name."""

    wait: Annotated[timedelta, _duration("0s", "1h")] = timedelta(seconds=3)
    by: tuple[Literal["type", "error"], ...] = ("type", "error")
    max: Annotated[int, _whole(1, 40)] = 20


class _ReceiverConfig(_Model):
    name: Annotated[str, BeforeValidator(_name)]
    events: Annotated[tuple[str, ...], BeforeValidator(_patterns)] | None = None
    match_tags: Annotated[dict[str, str], BeforeValidator(_match_tags), Field(alias="match")] = {}
    timeout: Annotated[timedelta, _duration("100ms", "5m")] = timedelta(seconds=15)


class SlackReceiverConfig(_ReceiverConfig):
    """A Slack incoming webhook."""

    url: Annotated[SecretStr, _secret(_check_slack), Field(alias="slack")]
    rate_limit: Annotated[Rate, _rate(fastest=1)] = Rate(1, timedelta(seconds=1))
    concurrency: Annotated[int, _whole(1, 1)] = 1
    group: Group = Group()


class WebhookReceiverConfig(_ReceiverConfig):
    """A webhook."""

    url: Annotated[SecretStr, _secret(_check_webhook), Field(alias="webhook")]
    secrets: Annotated[tuple[Annotated[SecretStr, _secret(_check_signing)], ...], Field(alias="secret")] = ()
    headers: Annotated[dict[str, SecretStr], BeforeValidator(_headers)] = {}
    rate_limit: Annotated[Rate, _rate()] | None = None
    concurrency: Annotated[int, _whole(1, 256)] = 4
    format: Annotated[Literal["standard"], Field()] = "standard"


ReceiverConfig = SlackReceiverConfig | WebhookReceiverConfig


class LogLevel(enum.StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogConfig(_Model):
    """The log."""

    level: LogLevel = LogLevel.INFO
    format: Literal["auto", "console", "json"] = "auto"


class Config(_Model):
    """The whole configuration. ``files`` are all that were read; ``path`` is the first of them."""

    path: Path
    files: tuple[Path, ...]
    wbiztool: WbizToolConfig
    poll: PollConfig = PollConfig()
    watchlist: Watchlist
    discover: DiscoverConfig = DiscoverConfig()
    numbers: NumbersConfig = NumbersConfig()
    receivers: tuple[ReceiverConfig, ...]
    database: str
    http: Annotated[bool, _only_off("http")] = False
    retention: Annotated[timedelta, _duration("1h", "3650d")] = timedelta(days=30)
    log: LogConfig = LogConfig()

    def secrets(self) -> tuple[str, ...]:
        """List every secret, in clear: for what keeps them out of logs and records."""
        found = [self.wbiztool.api_key]
        for receiver in self.receivers:
            found.append(receiver.url)
            if isinstance(receiver, WebhookReceiverConfig):
                found += [*receiver.secrets, *receiver.headers.values()]
        password = urlsplit(self.database).password
        return tuple(secret.get_secret_value() for secret in found) + ((password,) if password else ())


NOT_BUILT = frozenset(
    {
        ("poll", "intervals"),
        ("poll", "stop_after"),
        ("poll", "stuck_after"),
        ("heartbeat",),
        ("receivers", "*", "body"),
        ("receivers", "*", "batch"),
        ("receivers", "*", "apprise"),
        ("receivers", "*", "command"),
        ("receivers", "*", "mention"),
        ("receivers", "*", "match", "statuses"),
        ("receivers", "*", "match", "labels"),
        ("receivers", "*", "match", "error"),
    }
)
"""Keys of the design whose feature later versions build. Here they are refused in those words, never ignored."""
