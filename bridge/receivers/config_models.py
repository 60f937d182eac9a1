"""The kinds of receivers that the configuration may name."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from bridge.domain.settings import validators
from bridge.domain.settings.base_model import Model
from bridge.domain.settings.match_models import MatchConfig
from bridge.domain.settings.units import Rate
from bridge.receivers import config_checks
from bridge.receivers.apprise.library import address, parts_of
from bridge.receivers.responses import Success  # noqa: TC001 -- pydantic reads annotations while it runs
from bridge.receivers.templating.template_text import JSON, Body, Source
from bridge.transport.settings import NetworkConfig

_SECOND = timedelta(seconds=1)
MOST_MENTIONED = 10
_CREDENTIALS = frozenset({"authorization", "proxy-authorization"})


class Group(Model):
    """How bursts become one Slack message: how long to wait for more, by what to count, how many ids to name."""

    wait: Annotated[timedelta, validators.duration("0s", "1h")] = timedelta(seconds=3)
    by: tuple[Literal["type", "error"], ...] = ("type", "error")
    max: Annotated[int, validators.whole(1, 40)] = 20


class MentionConfig(Model):
    """Whom a Slack message mentions, as Slack writes it, and for which types of events; left out, for all it gets."""

    who: Annotated[
        tuple[Annotated[str, BeforeValidator(config_checks.slack_mention)], ...],
        Field(min_length=1, max_length=MOST_MENTIONED),
    ]
    events: (
        Annotated[tuple[Annotated[str, BeforeValidator(config_checks.event_pattern)], ...], Field(min_length=1)] | None
    ) = None


class Batch(Model):
    """How many events go in one POST, and how long one waits for others."""

    max: Annotated[int, validators.whole(1, 1000)] = 100
    wait: Annotated[timedelta, validators.duration("0s", "1h")] = timedelta(seconds=2)


class _ReceiverConfig(Model):
    name: Annotated[str, BeforeValidator(config_checks.receiver_name)]
    events: (
        Annotated[tuple[Annotated[str, BeforeValidator(config_checks.event_pattern)], ...], Field(min_length=1)] | None
    ) = None
    match: MatchConfig = MatchConfig()
    settle: Annotated[timedelta, validators.duration("0s", "1h")] = timedelta(seconds=30)
    timeout: Annotated[timedelta, validators.duration("100ms", "5m")] = timedelta(seconds=15)

    @property
    def grouped(self) -> bool:
        """Whether everything that is queued goes in one message."""
        return False

    @property
    def gathers_for(self) -> timedelta:
        """How long an event waits for others to go with it."""
        return timedelta(0)

    @property
    def files_for_each(self) -> int:
        """How many open files an attempt needs, at most."""
        return 1

    def in_clear(self) -> list[str]:
        """List its secrets, in clear: for what keeps them out of logs and records."""
        return []


class HttpReceiverConfig(NetworkConfig, _ReceiverConfig):
    """What is reached over HTTP by the bridge itself."""

    url: SecretStr

    def in_clear(self) -> list[str]:
        """List the address, and what is secret of the way to it."""
        return [self.url.get_secret_value(), *self.network_in_clear()]


class SlackReceiverConfig(HttpReceiverConfig):
    """A Slack incoming webhook. It takes one message at a time, and one a second (Slack's documented limit).

    With ``format: workflow``, it is the webhook of a workflow instead, which lays out its own messages.
    """

    url: Annotated[SecretStr, validators.secret(config_checks.slack_url), Field(alias="slack")]
    rate_limit: Annotated[Rate, validators.rate("1/s")] = Rate(1, _SECOND)
    concurrency: Annotated[int, validators.whole(1, 1)] = 1
    format: Literal["message", "workflow"] = "message"
    group: Group = Group()
    color: Annotated[bool, validators.switch()] = True
    mention: MentionConfig | None = None

    @property
    def grouped(self) -> bool:
        """Always for messages: it is Slack's one message a second that makes it necessary."""
        return self.format == "message"

    @property
    def gathers_for(self) -> timedelta:
        """What ``group.wait`` says."""
        return self.group.wait if self.grouped else timedelta(0)


class WebhookReceiverConfig(HttpReceiverConfig):
    """A webhook. ``secrets`` are those that it is signed with, each in full (``whsec_…``, ``whsk_…``).

    Where the address is a template, ``path`` is what follows the slash after its host, and ``url`` what stands before.
    With ``batch``, each POST carries a list of events.
    """

    url: Annotated[SecretStr, validators.secret(validators.webhook_url), Field(alias="webhook")]
    secrets: Annotated[
        tuple[Annotated[SecretStr, validators.secret(config_checks.signing_secret)], ...], Field(alias="secret")
    ] = ()
    headers: Annotated[
        dict[
            Annotated[str, AfterValidator(config_checks.header_name)],
            Annotated[SecretStr | Source, config_checks.header_value_or_template()],
        ],
        AfterValidator(config_checks.no_header_twice),
    ] = {}  # noqa: RUF012 -- pydantic copies it
    rate_limit: Annotated[Rate, validators.rate()] | None = None
    concurrency: Annotated[int, validators.whole(1, 1000)] = 4
    format: Literal["standard", "cloudevents", "cloudevents-binary"] = "standard"
    batch: Batch | None = None
    body: Body | None = None
    content_type: Annotated[str, BeforeValidator(config_checks.content_type)] = JSON
    success: (
        Annotated[tuple[Annotated[Success, BeforeValidator(config_checks.success)], ...], Field(min_length=1)] | None
    ) = None
    path: Annotated[Source | None, Field(exclude=True)] = None

    @property
    def templated(self) -> bool:
        """Whether something of what is sent is a template."""
        headers = any(isinstance(value, Source) for value in self.headers.values())
        return self.body is not None or self.path is not None or headers

    @property
    def gathers_for(self) -> timedelta:
        """What ``batch.wait`` says."""
        return timedelta(0) if self.batch is None else self.batch.wait

    def in_clear(self) -> list[str]:
        """List the address, the signing secrets, the values of all headers, and what is secret in templates."""
        found = [*super().in_clear(), *(secret.get_secret_value() for secret in self.secrets)]
        found += [] if self.path is None else self.path.words()
        found += [] if self.body is None else self.body.secrets()
        for name, value in self.headers.items():
            if isinstance(value, Source):
                found += value.words()
                continue
            found.append(value.get_secret_value())
            if name.lower() in _CREDENTIALS:  # what follows "Bearer" may be echoed on its own
                found.append(found[-1].rpartition(" ")[2])
        return found


class AppriseReceiverConfig(_ReceiverConfig):
    """A service that Apprise knows, by its URL. What is queued for it goes as one message, as it does to Slack."""

    url: Annotated[SecretStr, validators.secret(address), Field(alias="apprise")]
    rate_limit: Annotated[Rate, validators.rate()] = Rate(1, _SECOND)
    concurrency: Annotated[int, validators.whole(1, 1)] = 1
    group: Group = Group()

    @property
    def grouped(self) -> bool:
        """Always: most of the services take few messages, and people read no more."""
        return True

    @property
    def gathers_for(self) -> timedelta:
        """What ``group.wait`` says."""
        return self.group.wait

    def in_clear(self) -> list[str]:
        """List the URL and every part of it that may be a token."""
        return parts_of(self.url.get_secret_value())


class CommandReceiverConfig(_ReceiverConfig):
    """A program of this machine, run for each event. ``command`` is its path, and its arguments."""

    command: Annotated[
        tuple[Annotated[str, BeforeValidator(config_checks.argument)], ...],
        Field(min_length=1),
        AfterValidator(config_checks.program),
    ]
    rate_limit: Annotated[Rate, validators.rate()] | None = None
    concurrency: Annotated[int, validators.whole(1, 100)] = 1

    @property
    def files_for_each(self) -> int:
        """Its pipes, both ends while it starts, and what tells of its end."""
        return 8


ReceiverConfig = SlackReceiverConfig | WebhookReceiverConfig | AppriseReceiverConfig | CommandReceiverConfig
