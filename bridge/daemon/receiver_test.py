"""A test event for a receiver: handed over at once, past everything that is queued."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from bridge.delivery.attempt import attempt
from bridge.domain.json_views import test_json
from bridge.domain.model import Delivered
from bridge.domain.redaction import Redactor
from bridge.domain.routing import Subscription, subscribed
from bridge.domain.samples import sample_event
from bridge.receivers.protocol import Identity
from bridge.receivers.registry import sender_for

if TYPE_CHECKING:
    from bridge.config.models import Config
    from bridge.domain.clock import Clock
    from bridge.domain.model import EventType
    from bridge.store.store import Store


def try_receiver(config: Config, name: str, type_: EventType, store: Store, clock: Clock) -> dict[str, Any] | None:
    """Hand a test event to a receiver, once, and say what came of it; None where there is no such receiver.

    One that takes it is well: what is queued for it is due at once.
    """
    receiver = next((each for each in config.receivers if each.name == name), None)
    if receiver is None:
        return None
    event = sample_event(clock.now(), type_)
    with closing(sender_for(receiver, Identity(pages=config.pages))) as sender:
        made = attempt(sender, [event], clock=clock, redact=Redactor(config.secrets()))
    if isinstance(made.outcome, Delivered):
        store.deliveries.release(name, clock.now())
    return test_json(name, made, subscribed=subscribed(Subscription(name, receiver.events), type_))
