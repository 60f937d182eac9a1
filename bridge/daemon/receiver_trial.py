"""What somebody tries with a receiver: a test event, handed over at once; and what an event would look like there."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bridge.config.exposure import holds_token
from bridge.delivery.attempt import attempt
from bridge.domain.json_views import test_json
from bridge.domain.outcome import Delivered
from bridge.domain.redaction import MASK, Redactor
from bridge.domain.routing import subscribed
from bridge.domain.samples import sample_event
from bridge.receivers.event_formats import source_of
from bridge.receivers.protocol import Identity
from bridge.receivers.registry import is_secret, sender_for
from bridge.transport.errors import place

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.config.models import Config
    from bridge.domain.clock import Clock
    from bridge.domain.model import Event, EventType
    from bridge.domain.observer import Listener
    from bridge.receivers.base_config import ReceiverConfig
    from bridge.store.store import Store


def try_receiver(
    config: Config, name: str, type_: EventType, store: Store, clock: Clock, listener: Listener
) -> dict[str, Any] | None:
    """Hand a test event to a receiver, once, and say what came of it; None where there is no such receiver.

    One that takes it is well: what is queued for it is due at once.
    """
    receiver = _named(config, name)
    if receiver is None:
        return None
    event = sample_event(clock.now(), type_)
    with closing(sender_for(receiver, Identity(pages=config.pages, zone=config.zone))) as sender:
        made = attempt(sender, [event], clock=clock, redact=Redactor(config.secrets()))
    if isinstance(made.outcome, Delivered):
        store.deliveries.release(name, clock.now())
    listener.tested(name, event, made)
    return test_json(name, receiver.where, made, subscribed=subscribed(receiver.subscription, type_))


def preview(config: Config, name: str, event: Event, store_id: str, at: datetime) -> dict[str, Any] | None:
    """Show what a receiver would be sent for an event, without secrets; None where there is no such receiver.

    Raises:
        UnrenderableError: The receiver's template can't be rendered for it.
    """
    receiver = _named(config, name)
    if receiver is None:
        return None
    with closing(sender_for(receiver, Identity(source_of(store_id), config.pages, config.zone))) as sender:
        found = sender.preview([event], at)
    shown = {"url": _masked(found.pop("url"), secret=is_secret(receiver))} if "url" in found else {}
    masked: dict[str, Any] = json.loads(Redactor(config.secrets())(json.dumps(found, ensure_ascii=False)))
    return {"receiver": name, **shown, **masked}


def _masked(url: str, *, secret: bool) -> str:
    """Show an address, as far as others may know it."""
    if not secret and not holds_token(url):
        return url
    scheme = urlsplit(url).scheme
    return f"{scheme}://{place(url)}/{MASK}" if scheme in {"http", "https"} else f"{scheme}://{MASK}"


def _named(config: Config, name: str) -> ReceiverConfig | None:
    return next((each for each in config.receivers if each.name == name), None)
