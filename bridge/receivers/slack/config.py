"""What the configuration may say of a Slack receiver.

What :mod:`bridge.domain.settings.validators` says of secrets and of ValueErrors holds here, too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from bridge.domain.settings import validators
from bridge.domain.settings.base_model import Model
from bridge.domain.settings.check import Check
from bridge.domain.settings.listen_address import is_loopback
from bridge.domain.settings.network import NetworkConfig
from bridge.domain.settings.units import Rate
from bridge.domain.settings.validators import host_of, line
from bridge.receivers.base_config import EventPattern, HttpReceiverConfig, PeopleReceiverConfig
from bridge.receivers.slack import mentions

_SLACK_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
_SLACK_SITES = ("slack.com", "slack-gov.com")
_SLACK_WEBHOOKS = ("/services/", "/triggers/", "/workflows/")
_TOKENS = ("xoxb-", "xoxp-", "xapp-", "xoxe")
MOST_MENTIONED = 10


def slack_url(url: str) -> None:
    """Allow https, and http on this machine only: the address is the secret. Of Slack's addresses, only webhooks."""
    if url.startswith(_TOKENS):
        raise ValueError('a token, not the address of a webhook: write slack: {token: xoxb-…, channel: "#ops"}')
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


class MentionConfig(Model):
    """Whom a Slack message mentions, as Slack writes it, and for which types of events; left out, for all it gets."""

    who: Annotated[
        tuple[Annotated[str, Check(slack_mention)], ...],
        Field(min_length=1, max_length=MOST_MENTIONED),
    ]
    events: Annotated[tuple[EventPattern, ...], Field(min_length=1)] | None = None


class SlackConfig(NetworkConfig, PeopleReceiverConfig):
    """What all Slack receivers have: at most one message a second (Slack's documented limit)."""

    rate_limit: Annotated[Rate, validators.rate("1/s")] = Rate(1, timedelta(seconds=1))
    format: Literal["message", "workflow"] = "message"
    color: Annotated[bool, validators.switch()] = True
    mention: MentionConfig | None = None

    @property
    def grouped(self) -> bool:
        """Always for messages: it is Slack's one message a second that makes it necessary."""
        return self.format == "message"


class SlackReceiverConfig(SlackConfig, HttpReceiverConfig):
    """A Slack incoming webhook. With ``format: workflow``, it is the webhook of a workflow instead.

    A workflow lays out its own messages.
    """

    url: Annotated[SecretStr, validators.secret(slack_url), Field(alias="slack")]
