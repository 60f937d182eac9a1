"""What another configuration says otherwise: the names of settings, never their values, which may be secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.settings.base_model import Model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.config.models import Config
    from bridge.domain.watchlist import Watchlist

_BESIDES = ("path", "sources", "watchlist", "receivers")


def changes(before: Config, after: Config) -> tuple[str, ...]:
    """Name what has changed: ``poll.every``, ``receivers.crm.timeout``, ``receivers.ops (added)``, ``messages (…)``."""
    return (*_messages(before.watchlist, after.watchlist), *_receivers(before, after), *_settings(before, after))


def _messages(before: Watchlist, after: Watchlist) -> Iterator[str]:
    old, new = set(before.ids()), set(after.ids())
    counts = [f"{len(ids)} {what}" for ids, what in ((new - old, "added"), (old - new, "removed")) if ids]
    if counts:
        yield f"messages ({', '.join(counts)})"
    elif before.digest() != after.digest():
        yield "messages"


def _receivers(before: Config, after: Config) -> Iterator[str]:
    old = {receiver.name: receiver for receiver in before.receivers}
    new = {receiver.name: receiver for receiver in after.receivers}
    for name in {**old, **new}:
        if name not in old:
            yield f"receivers.{name} (added)"
        elif name not in new:
            yield f"receivers.{name} (removed)"
        else:
            yield from _differences(f"receivers.{name}", old[name], new[name])


def _settings(before: Config, after: Config) -> Iterator[str]:
    for name in type(after).model_fields:
        if name not in _BESIDES:
            yield from _differences(name, getattr(before, name), getattr(after, name))


def _differences(name: str, old: object, new: object) -> Iterator[str]:
    """Name the keys of a section that differ, or the section where it is there only once, or of another kind."""
    if old == new:
        return
    inside: list[str] = []
    if isinstance(old, Model) and isinstance(new, Model) and type(old) is type(new):
        inside = [
            f"{name}.{field.alias or key}"
            for key, field in type(new).model_fields.items()
            if not field.exclude and getattr(old, key) != getattr(new, key)
        ]
    yield from inside or [name]
