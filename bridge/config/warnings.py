"""What a configuration may say, but hardly means, or what is dangerous: ``check`` says it. Pure; no secret is shown."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bridge.config.exposure import CREDENTIAL, holds_token
from bridge.domain.incidents import OPENS
from bridge.domain.model import EventType, Status
from bridge.domain.routing import subscribed
from bridge.domain.settings.listen_address import LONGEST_SOCKET_PATH, is_loopback
from bridge.receivers.base_config import HttpReceiverConfig
from bridge.receivers.templating.template_text import Source
from bridge.receivers.webhook.config import WebhookReceiverConfig

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from bridge.config.models import Config
    from bridge.receivers.base_config import QuietConfig, ReceiverConfig
    from bridge.receivers.slack.config import SlackReceiverConfig

_EXAMPLE_HOST = re.compile(r"(.+\.)?example(\.(com|org|net))?", re.IGNORECASE)  # RFC 2606
_EXAMPLE_PATH = re.compile(r"\u2026|\.\.\.|T0{5,}|X{8,}", re.IGNORECASE)  # an ellipsis, and how Slack's pages write it
_EXAMPLE_KEY: Final = "your-api-key"
_SLACK = re.compile(r"hooks\.slack(-gov)?\.com")

_STATUSES: Final = {
    **{EventType.of_status(status): frozenset({str(status)}) for status in Status},
    EventType.MESSAGE_STUCK: frozenset({str(Status.PENDING), str(Status.UNKNOWN)}),
    EventType.MESSAGE_ABANDONED: frozenset({str(Status.PENDING), str(Status.UNKNOWN)}),
}
"""The statuses that a message can have in each type of event about one."""


def warnings_of(config: Config) -> Iterator[str]:
    """Say what to look at again."""
    if config.wbiztool.api_key.get_secret_value() == _EXAMPLE_KEY:
        yield "wbiztool.api_key is the placeholder from the README: replace it with your key"
    if not len(config.watchlist) and not config.discover.report and not _is_handed_ids(config):
        yield (
            "no messages are listed, and `discover` is off: only messages added with `wbiz-bridge watch` are watched "
            "(list them under `messages`, or set `discover: {report: on}`)"
        )
    if config.control is not None and len(bytes(config.control)) > LONGEST_SOCKET_PATH:
        yield (
            f"commands can't reach the daemon at {config.control}: a socket's path has at most {LONGEST_SOCKET_PATH} "
            "bytes; set `control:` to a shorter one"
        )
    if config.alerts and config.retention < max(alert.within for alert in config.alerts):
        yield "retention is shorter than an alert's `within`: after a restart, the alert counts only what is still kept"
    if config.alerts and not any(subscribed(each.subscription, EventType.ACCOUNT_FAILING) for each in config.receivers):
        yield '`alerts` notify nobody: no receiver gets account.failing (add "account.*" to the `events` of one)'
    yield from config.file_warnings
    yield from config.list_warnings
    for receiver in config.receivers:
        for warning in _about(receiver, config):
            yield f"receiver {receiver.name}: {warning}"
    if config.http is not None and config.http.hook_token is not None and config.http.hook_token == config.http.token:
        yield "http.hook_token is the same as http.token: anyone who sees it in a URL or a log has full access"


def _is_handed_ids(config: Config) -> bool:
    """Tell whether programs can hand over ids: that needs a token."""
    return config.http is not None and (config.http.token is not None or config.http.hook_watch)


def _about(receiver: ReceiverConfig, config: Config) -> Iterator[str]:
    if isinstance(receiver, HttpReceiverConfig):
        if receiver.tls is not None and not receiver.tls.verify:
            yield "tls.verify is off: anyone on the network path can read and change what is sent"
        yield from _about_address(receiver)
    if receiver.quiet is not None:
        yield from _about_quiet(receiver.quiet, _wanted(receiver))
    if receiver.summary is None and EventType.SUMMARY in (receiver.events or ()):
        yield "`summary` is among its events, but it has no `summary:` that says when"
    if (why := _never(receiver, config)) is not None:
        yield f"it will never get an event: {why}"
    elif not any(_off(type_, config) is None for type_ in _wanted(receiver) if type_ in OPENS):
        opening = ", ".join(type_.removeprefix("message.") for type_ in EventType if type_ in OPENS)
        for key in ("hold", "remind"):
            if getattr(receiver, key):
                yield f"`{key}` has no effect: it gets no event that opens an incident ({opening})"


def _about_quiet(quiet: QuietConfig, wanted: Collection[EventType]) -> Iterator[str]:
    if "timezone" not in quiet.model_fields_set:
        yield "its quiet hours are in UTC: set `timezone: Asia/Kolkata`, for example (or UTC, if that is meant)"
    for pattern in quiet.exempt:
        if not any(fnmatchcase(type_, pattern) for type_ in wanted):
            yield f"`quiet.except` has no effect for {pattern}: the receiver gets no such event (`events`)"


def _about_address(receiver: SlackReceiverConfig | WebhookReceiverConfig | HttpReceiverConfig) -> Iterator[str]:
    url = urlsplit(receiver.url.get_secret_value())
    host = url.hostname or ""
    if _EXAMPLE_HOST.fullmatch(host) or _EXAMPLE_PATH.search(url.path):
        yield f"its URL is a placeholder ({host}): replace it with yours"
    if not isinstance(receiver, WebhookReceiverConfig):
        return
    if _SLACK.fullmatch(host) and receiver.body is None:
        yield "Slack does not understand webhooks of this form: write `slack:` in place of `webhook:`"
    elif not is_loopback(host) and not _authenticates(receiver):
        yield (
            "requests are neither signed nor authenticated: set a `secret` (`wbiz-bridge secret new` "
            "creates one), or a header such as `Authorization`"
        )


def _authenticates(receiver: WebhookReceiverConfig) -> bool:
    """Tell whether a call holds something that others do not know."""
    if receiver.secrets or (receiver.tls is not None and receiver.tls.certificate):
        return True
    for name, value in receiver.headers.items():
        if CREDENTIAL.search(name) or (isinstance(value, Source) and value.values):
            return True
    if (receiver.body is not None and receiver.body.secrets()) or (receiver.path is not None and receiver.path.values):
        return True
    url = receiver.url.get_secret_value()
    return bool(urlsplit(url).query) or holds_token(url)


def _never(receiver: ReceiverConfig, config: Config) -> str | None:
    """Say why no event can ever reach a receiver; None where one can."""
    wanted = _wanted(receiver)
    impossible = {type_: why for type_ in wanted if (why := _off(type_, config)) is not None}
    possible = [type_ for type_ in wanted if type_ not in impossible]
    if wanted and not possible:
        return "; ".join(dict.fromkeys(impossible.values()))
    if not wanted or any(_matches(type_, receiver) for type_ in possible):
        return None
    return "no event of those types can have what `match` asks for"


def _wanted(receiver: ReceiverConfig) -> list[EventType]:
    return [type_ for type_ in EventType if subscribed(receiver.subscription, type_)]


def _off(type_: EventType, config: Config) -> str | None:
    """Say why an event cannot happen; None where it can."""
    match type_:
        case EventType.NUMBER_CONNECTED | EventType.NUMBER_DISCONNECTED if not config.numbers.watch:
            return "`numbers.watch` is off"
        case EventType.MESSAGE_STUCK if config.poll.stuck_after is None:
            return "`poll.stuck_after` is off"
        case EventType.MESSAGE_ABANDONED if config.poll.stop_after is None:
            return "`poll.stop_after` is off"
        case EventType.RECEIVER_DOWN | EventType.RECEIVER_UP if len(config.receivers) == 1:
            return "there is no other receiver"
        case EventType.ACCOUNT_FAILING | EventType.ACCOUNT_RECOVERED if not config.alerts:
            return "there are no `alerts`"
        case _:
            return None


def _matches(type_: EventType, receiver: ReceiverConfig) -> bool:
    """Tell whether an event of a type can be about a message that ``match`` lets through."""
    statuses, rule = _STATUSES.get(type_), receiver.match.rule
    if statuses is None:  # it is about no message
        return True
    every, none = rule.every, rule.none
    if every.statuses:
        statuses &= frozenset(every.statuses)
    if not statuses - frozenset(none.statuses):
        return False
    if every.errors and type_ is not EventType.MESSAGE_FAILED:
        return False
    if any(not set(values) - set(none.tags.get(key, ())) for key, values in every.tags.items()):
        return False
    return not every.labels or bool(set(every.labels) - set(none.labels))
