"""Makes what sends to a webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, assert_never

from bridge.receivers.event_formats import STANDARD, CloudEventsBinaryForm, CloudEventsForm, Form
from bridge.receivers.sender import over_http
from bridge.receivers.templating.template_text import Source
from bridge.receivers.webhook.receiver import WebhookReceiver

if TYPE_CHECKING:
    from bridge.receivers.protocol import Identity, Receiver, Sender
    from bridge.receivers.webhook.config import WebhookReceiverConfig


def make_sender(settings: WebhookReceiverConfig, identity: Identity) -> Sender:
    """Build it as the configuration says."""
    return over_http(settings, _receiver(settings, identity.source))


def _receiver(settings: WebhookReceiverConfig, source: str) -> Receiver:
    secrets = [secret.get_secret_value() for secret in settings.secrets]
    success = settings.success or ()
    given = settings.headers.items()
    headers = {name: value.get_secret_value() for name, value in given if not isinstance(value, Source)}
    form = _form(settings.format, source)
    if not settings.templated:
        batched = settings.batch is not None
        return WebhookReceiver(settings.name, secrets, headers, success, form=form, batched=batched)

    from bridge.receivers.webhook.templated import TemplatedReceiver, Templates  # noqa: PLC0415 -- Jinja, only where it is used

    changing = {name: value for name, value in given if isinstance(value, Source)}
    templates = Templates(settings.body, changing, settings.path, settings.content_type)
    return TemplatedReceiver(settings.name, templates, secrets, headers, success, form=form)


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
