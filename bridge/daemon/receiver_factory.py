"""Builds the way to a receiver as its configuration says, one case for each kind, and what packs its parcels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, assert_never

from bridge.delivery.batching import Batches, Digest, Individual, Packer
from bridge.receivers.apprise.receiver import AppriseSender
from bridge.receivers.command import CommandSender
from bridge.receivers.config_models import (
    AppriseReceiverConfig,
    CommandReceiverConfig,
    SlackReceiverConfig,
    WebhookReceiverConfig,
)
from bridge.receivers.event_formats import STANDARD, TEST_SOURCE, CloudEventsBinaryForm, CloudEventsForm, Form
from bridge.receivers.sender import HttpSender
from bridge.receivers.slack.blocks import Style
from bridge.receivers.slack.mentions import Mention
from bridge.receivers.slack.receiver import SlackReceiver
from bridge.receivers.slack.workflow import WorkflowReceiver
from bridge.receivers.templating.template_text import Source
from bridge.receivers.webhook import WebhookReceiver
from bridge.transport.client import HttpClient

if TYPE_CHECKING:
    from bridge.receivers.config_models import ReceiverConfig
    from bridge.receivers.protocol import Receiver, Sender


@dataclass(frozen=True, slots=True)
class Identity:
    """What the bridge tells receivers of itself.

    ``source`` names it to receivers of CloudEvents (:func:`bridge.receivers.event_formats.source_of`), and ``pages`` is
    where people see it, for links; None where they don't.
    """

    source: str = TEST_SOURCE
    pages: str | None = None


NOBODY_IN_PARTICULAR = Identity()


def sender_for(settings: ReceiverConfig, identity: Identity = NOBODY_IN_PARTICULAR) -> Sender:
    """Build the way to a receiver. Nothing is called yet."""
    match settings:
        case SlackReceiverConfig():
            return _over_http(settings, _slack(settings, identity.pages))
        case WebhookReceiverConfig():
            return _over_http(settings, _webhook(settings, identity.source))
        case AppriseReceiverConfig():
            return AppriseSender(
                settings.name,
                settings.url.get_secret_value(),
                settings.timeout,
                by=settings.group.by,
                shown=settings.group.max,
            )
        case CommandReceiverConfig():
            return CommandSender(settings.name, settings.command, settings.timeout)
        case _:
            assert_never(settings)


def _form(name: Literal["standard", "cloudevents", "cloudevents-binary"], source: str) -> Form:
    match name:
        case "standard":
            return STANDARD
        case "cloudevents":
            return CloudEventsForm(source)
        case "cloudevents-binary":
            return CloudEventsBinaryForm(source)
        case _:
            assert_never(name)


def _webhook(settings: WebhookReceiverConfig, source: str) -> Receiver:
    secrets = [secret.get_secret_value() for secret in settings.secrets]
    success = settings.success or ()
    given = settings.headers.items()
    headers = {name: value.get_secret_value() for name, value in given if not isinstance(value, Source)}
    form = _form(settings.format, source)
    if not settings.templated:
        batched = settings.batch is not None
        return WebhookReceiver(settings.name, secrets, headers, success, form=form, batched=batched)

    from bridge.receivers.templated_webhook import TemplatedReceiver, Templates  # noqa: PLC0415 -- Jinja, only where it is used

    changing = {name: value for name, value in given if isinstance(value, Source)}
    templates = Templates(settings.body, changing, settings.path, settings.content_type)
    return TemplatedReceiver(settings.name, templates, secrets, headers, success, form=form)


def packer_for(settings: ReceiverConfig) -> Packer:
    """Build what decides which events go together to a receiver."""
    if isinstance(settings, WebhookReceiverConfig) and settings.batch is not None:
        return Batches(settings.name, settings.batch.max, settings.batch.wait)
    return Digest(settings.name) if settings.grouped else Individual(settings.name)


def _slack(settings: SlackReceiverConfig, pages: str | None) -> Receiver:
    if settings.format == "workflow":
        return WorkflowReceiver(settings.name, pages)
    asked = settings.mention
    mention = Mention() if asked is None else Mention(asked.who, asked.events)
    style = Style(settings.color, pages, mention)
    return SlackReceiver(settings.name, by=settings.group.by, shown=settings.group.max, style=style)


def _over_http(settings: SlackReceiverConfig | WebhookReceiverConfig, receiver: Receiver) -> HttpSender:
    url = settings.url.get_secret_value()
    channel = HttpClient(
        url,
        timeout=settings.timeout,
        connections=settings.concurrency,
        tls=settings.tls,
        proxy=settings.proxy_in_clear,
    )
    return HttpSender(receiver, channel)
