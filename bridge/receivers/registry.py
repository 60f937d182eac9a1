"""The kinds of receivers: a line for each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from bridge.receivers.apprise.config import AppriseReceiverConfig
from bridge.receivers.command.config import CommandReceiverConfig
from bridge.receivers.protocol import Identity
from bridge.receivers.slack.bot_config import SlackBotReceiverConfig
from bridge.receivers.slack.config import SlackReceiverConfig
from bridge.receivers.webhook.config import WebhookReceiverConfig

if TYPE_CHECKING:
    from bridge.receivers.base_config import ReceiverConfig
    from bridge.receivers.protocol import Sender


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of receiver.

    ``settings`` is the model of its configuration. ``module`` has the function ``make_sender``; it is imported only
    where such a receiver is used. ``value`` says what the value of its own key is: a secret, an address that may hold
    one, or neither. ``section`` is the model where that value has keys of its own; None where it never has.
    """

    settings: type[ReceiverConfig]
    module: str
    value: Literal["secret", "address", "plain"]
    section: type[ReceiverConfig] | None = None


KINDS = {
    "slack": Kind(SlackReceiverConfig, "bridge.receivers.slack.sender", "secret", SlackBotReceiverConfig),
    "webhook": Kind(WebhookReceiverConfig, "bridge.receivers.webhook.sender", "address"),
    "apprise": Kind(AppriseReceiverConfig, "bridge.receivers.apprise.sender", "secret"),
    "command": Kind(CommandReceiverConfig, "bridge.receivers.command.sender", "plain"),
}
"""By the key that makes a receiver one of this kind."""

RECEIVERS = tuple(model for kind in KINDS.values() for model in (kind.settings, kind.section) if model is not None)
"""The models of all receivers."""

_BY_SETTINGS = {model: kind for kind in KINDS.values() for model in RECEIVERS if model in {kind.settings, kind.section}}
NOBODY_IN_PARTICULAR = Identity()


def is_secret(settings: ReceiverConfig) -> bool:
    """Tell whether the address itself is the secret: who knows it can send, as to an incoming webhook of Slack."""
    kind = _BY_SETTINGS[type(settings)]
    return kind.value == "secret" and type(settings) is kind.settings


def sender_for(settings: ReceiverConfig, identity: Identity = NOBODY_IN_PARTICULAR) -> Sender:
    """Build what sends to a receiver. Nothing is called yet.

    Raises:
        TransportError: Its address can't be called.
        ValueError: Its address is refused.
    """
    sender: Sender = import_module(_BY_SETTINGS[type(settings)].module).make_sender(settings, identity)
    return sender
