"""The kinds of receivers: a line for each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from bridge.receivers.apprise.config import AppriseReceiverConfig
from bridge.receivers.command.config import CommandReceiverConfig
from bridge.receivers.protocol import Identity
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
    one, or neither.
    """

    settings: type[ReceiverConfig]
    module: str
    value: Literal["secret", "address", "plain"]


KINDS = {
    "slack": Kind(SlackReceiverConfig, "bridge.receivers.slack.sender", "secret"),
    "webhook": Kind(WebhookReceiverConfig, "bridge.receivers.webhook.sender", "address"),
    "apprise": Kind(AppriseReceiverConfig, "bridge.receivers.apprise.sender", "secret"),
    "command": Kind(CommandReceiverConfig, "bridge.receivers.command.sender", "plain"),
}
"""By the key that makes a receiver one of this kind."""

_BY_SETTINGS = {kind.settings: kind for kind in KINDS.values()}
NOBODY_IN_PARTICULAR = Identity()


def is_secret(settings: ReceiverConfig) -> bool:
    """Tell whether the address itself is the secret: who knows it can send, as to an incoming webhook of Slack."""
    return _BY_SETTINGS[type(settings)].value == "secret"


def sender_for(settings: ReceiverConfig, identity: Identity = NOBODY_IN_PARTICULAR) -> Sender:
    """Build what sends to a receiver. Nothing is called yet.

    Raises:
        TransportError: Its address can't be called.
        ValueError: Its address is refused.
    """
    sender: Sender = import_module(_BY_SETTINGS[type(settings)].module).make_sender(settings, identity)
    return sender
