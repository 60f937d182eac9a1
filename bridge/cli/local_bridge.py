"""A bridge of which no daemon answers here: its database, read and written beside whatever else uses it."""

from __future__ import annotations

import json
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli import output
from bridge.cli.configuration import database_of, load_config
from bridge.cli.local_status import NoDatabaseError, local_status
from bridge.cli.paging import PAGE, all_items
from bridge.domain.activity_report import ask
from bridge.domain.clock import SystemClock
from bridge.domain.errors import BridgeError, NotNowError, UsageError
from bridge.domain.event_parser import read_event
from bridge.domain.events import envelope
from bridge.domain.health import ALIVE, is_alive, last_beat
from bridge.domain.incidents import Acknowledged
from bridge.domain.json_views import (
    delivery_json,
    incident_json,
    message_json,
    muted_json,
    unmuted_json,
)
from bridge.domain.message_details import details_in
from bridge.domain.model import DeliveryState, EventType, Status
from bridge.domain.mute import Mute
from bridge.domain.observer import Listener
from bridge.domain.samples import sample_event
from bridge.domain.settings.units import parse_moment
from bridge.domain.suggest import unknown_receiver
from bridge.receivers.wording import cause_of
from bridge.store.backup import back_up, sqlite_file
from bridge.store.engine import shown as shown_url
from bridge.store.history import DeliveryQuery, EventQuery
from bridge.store.search import MessageQuery
from bridge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from bridge.config.models import Config
    from bridge.domain.model import Event
    from bridge.domain.summary import Summary

_FOLLOW_EVERY = 0.5  # seconds


class LocalBridge:
    """See :class:`bridge.cli.connection.Bridge`. Reading makes no database, and says which one is read.

    Args:
        config: The option ``-c``.
        killed: A daemon left its socket behind: however late its last sign of life was, it does not run.
    """

    def __init__(self, config: Path | None, *, killed: bool) -> None:
        self._config = config
        self._killed = killed
        self._url, self._account, self.timezone = database_of(config)
        self._name = shown_url(self._url)
        self._store: Store | None = None
        self._has_said = False

    def status(self) -> dict[str, Any]:
        """Tell how it does, with all counts."""

        def read() -> Summary:
            found = self._existing().summaries.summary(finished=True)
            if self._killed:
                found.facts.pop(ALIVE, None)
            return found

        return local_status(self._config, self._name, read, self.timezone)

    def messages(self, status: str | None, most: int) -> list[dict[str, Any]]:
        """List messages, those with the latest change first."""
        query = MessageQuery(statuses=None if status is None else (Status(status),))
        search = self._read().search
        return [message_json(each) for each in all_items(lambda cursor, n: search.messages(query, cursor, n), most)]

    def events(self, message_id: int | None, most: int) -> list[dict[str, Any]]:
        """List the latest events, oldest first."""
        history = self._read().history
        found = all_items(lambda cursor, n: history.events(EventQuery(message_id), cursor, n), most)
        return [envelope(each) for each in found[::-1]]

    def export(self, what: str, wanted: dict[str, Any], take: Callable[[bytes], None]) -> None:
        """Write messages or events as CSV."""
        export, status = self._read().export, wanted.get("status")
        zone = self.timezone if wanted["local"] else None
        how: dict[str, Any] = {"most": wanted["limit"], "raw": wanted["raw"], "zone": zone}
        if what == "messages":
            pieces = export.messages(MessageQuery(statuses=None if status is None else (Status(status),)), **how)
        else:
            pieces = export.events(EventQuery(wanted["message_id"]), **how)
        for piece in pieces:
            take(piece.encode("utf-8", "replace"))

    def follow(self, message_id: int | None, most: int) -> Iterator[dict[str, Any]]:
        """Give the latest events, and then those that happen; while the database is away, wait for it."""
        history = self._read().history
        place = history.place(output.now())
        # What is behind a place that may yet be filled comes in its turn.
        yield from (envelope(event) for _, event in history.latest(place, EventQuery(message_id), min(most, PAGE)))
        away = False
        while True:
            before = place
            try:
                found, place = history.follow(place, output.now(), EventQuery(message_id), most=PAGE)
                away = False
            except NotNowError as error:
                found = []
                if not away:
                    output.say(f"warning: {error}; waiting for it", err=True)
                away = True
            yield from (envelope(event) for _, event in found)
            if place == before:
                time.sleep(_FOLLOW_EVERY)

    def deliveries(self, state: str | None, receiver: str | None, most: int) -> list[dict[str, Any]]:
        """List deliveries with their attempts, the newest first."""
        query = DeliveryQuery(states=None if state is None else (DeliveryState(state),), receiver=receiver)
        history = self._read().history
        found = all_items(lambda cursor, n: history.deliveries(query, cursor, n), most)
        attempts = history.attempts([each.id for each in found])
        waits = history.waits(output.now(), self.timezone)
        return [delivery_json(each, waits, attempts[each.id]) for each in found]

    def retry(self, ids: Sequence[int], receiver: str | None, since: datetime | None) -> int:
        """Send dead letters again: those that are all that is given. Returns how many."""
        return self._read().deliveries.retry(output.now(), ids=ids or None, receiver=receiver, since=since)

    def watch(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
        """Watch messages, as soon as a daemon runs."""
        described = {int(each["id"]): details_in(each) for each in messages}
        new = self._opened().messages.watch_each(described, output.now())
        self._say_if_alone()
        known = described.keys() - set(new)
        return {"watched": new, "already_watched": [id_ for id_ in described if id_ in known]}

    def unwatch(self, ids: Sequence[int]) -> dict[str, list[int]]:
        """Stop watching messages."""
        gone, listed = self._read().messages.unwatch(ids)
        rest = [id_ for id_ in ids if id_ not in {*gone, *listed}]
        return {"unwatched": gone, "listed_in_configuration": listed, "not_watched": rest}

    def test(self, receiver: str, type_: str) -> dict[str, Any]:
        """Send a test event to a receiver."""
        settings = load_config(self._config)
        # Only where it is needed: it takes what all kinds of receivers are made of.
        try_receiver = import_module("bridge.daemon.receiver_trial").try_receiver
        made: dict[str, Any] | None = try_receiver(
            settings, receiver, EventType(type_), self._opened(), SystemClock(), Listener()
        )
        if made is None:
            raise _no_receiver(settings, receiver)
        return made

    def report(self, wanted: dict[str, str]) -> dict[str, Any]:
        """Add up what became of messages."""
        since, until = (parse_moment(wanted[name]) if name in wanted else None for name in ("since", "until"))
        try:
            query = ask(output.now(), self.timezone, since=since, until=until, by=wanted.get("by"))
        except ValueError as error:
            raise UsageError(str(error)) from None
        return self._read().activity.report(query)

    def incidents(self, *, acknowledged: bool, most: int) -> list[dict[str, Any]]:
        """List what is wrong now, the newest first."""
        listed = self._read().incidents.listed
        found = all_items(lambda cursor, n: listed(acknowledged=acknowledged, cursor=cursor, most=n), most)
        return [incident_json(each, cause_of(each.event)) for each in found]

    def acknowledge(self, subjects: Sequence[str], given: dict[str, Any]) -> dict[str, list[str]]:
        """Acknowledge incidents."""
        how = Acknowledged(output.now(), given.get("by"), given.get("note"))
        return self._read().incidents.acknowledge(subjects, how).as_json()

    def mute(self, receiver: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Mute a receiver."""
        settings = self._must_be_configured(receiver)
        mute = Mute(
            *(receiver, output.now(), parse_moment(wanted["until"]), wanted.get("reason"), wanted.get("by")),
            drops=wanted.get("drop", False),
        )
        quiet_until = settings.quiet_until(receiver, mute.until)
        self._read().mutes.mute(mute, quiet_until)
        return muted_json(mute, quiet_until)

    def unmute(self, receiver: str) -> dict[str, Any]:
        """End a receiver's mute."""
        mutes, now = self._read().mutes, output.now()
        settings = load_config(self._config)
        quiet_until = settings.quiet_until(receiver, now)
        ended = mutes.unmute(receiver, now, quiet_until)
        if ended is None:
            self._must_be_configured(receiver)
            return unmuted_json(None, 0)
        known = {"running": self._is_running(), "configured": receiver in _names(settings)}
        return unmuted_json(ended, mutes.waiting(receiver), quiet_until, **known)

    def preview(self, receiver: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Show what a receiver would be sent for an event."""
        settings = load_config(self._config)
        event = self._event(wanted)
        preview = import_module("bridge.daemon.receiver_trial").preview
        found: dict[str, Any] | None = preview(settings, receiver, event, "", output.now())
        if found is None:
            raise _no_receiver(settings, receiver)
        return found

    def resend(self, wanted: dict[str, Any]) -> int:
        """Send again what was delivered, as soon as a daemon runs. Returns how many deliveries are queued."""
        settings = load_config(self._config)
        receiver = wanted.get("receiver")
        subscriptions = import_module("bridge.daemon.factory").subscriptions(settings)
        asked = [each for each in subscriptions if receiver in {None, each.receiver}]
        if not asked:
            raise _no_receiver(settings, str(receiver))
        times = (wanted.get(name) and parse_moment(wanted[name]) for name in ("since", "until"))
        types = [EventType(each) for each in wanted.get("type", ())] or None
        how = {name: bool(wanted.get(name)) for name in ("backfill", "new_id", "dry_run")}
        query, ids = EventQuery(None, types, *times), wanted.get("event_ids")
        return self._read().resending.resend(query, asked, output.now(), event_ids=ids, **how)

    def back_up(self, file: Path, *, force: bool) -> int:
        """Copy the database to a file, and return the copy's size in bytes."""
        return back_up(sqlite_file(self._url), file, force=force, account=self._account)

    def close(self) -> None:
        """Let go of it."""
        if self._store is not None:
            self._store.close()

    def _event(self, wanted: Mapping[str, Any]) -> Event:
        if "type" in wanted:
            return sample_event(output.now(), EventType(wanted["type"]))
        if "event" in wanted:
            return read_event(json.dumps(wanted["event"]), output.now())
        found = self._read().history.event(wanted["event_id"])
        if found is None:
            raise BridgeError(f"unknown or expired event {wanted['event_id']}")
        return found

    def _must_be_configured(self, receiver: str) -> Config:
        settings = load_config(self._config)
        if receiver not in _names(settings):
            raise UsageError(*_no_receiver(settings, receiver).args)
        return settings

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store(self._url, account=self._account)
        return self._store

    def _existing(self) -> Store:
        if self._url.startswith("sqlite:") and not sqlite_file(self._url).exists():
            raise NoDatabaseError(
                f"no daemon is running, and there is no database {self._name} yet: `wbiz-bridge run` creates it"
            )
        return self._opened()

    def _read(self) -> Store:
        store = self._existing()
        self._say_if_alone()
        return store

    def _say_if_alone(self) -> None:
        if self._has_said:
            return
        self._has_said = True
        if not self._is_running():
            output.say(f"note: no daemon is running on {self._name}", err=True)

    def _is_running(self) -> bool:
        beat = last_beat({ALIVE: self._opened().fact(ALIVE) or ""})
        return not self._killed and is_alive(beat, output.now())


def _names(settings: Config) -> list[str]:
    return [each.name for each in settings.receivers]


def _no_receiver(settings: Config, name: str) -> BridgeError:
    return BridgeError(unknown_receiver(name, _names(settings)))
