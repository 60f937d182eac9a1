"""A daemon, asked by its API."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bridge.cli import output
from bridge.cli.api_client import FOR_EVER, ApiClient, LostError, NotFoundError
from bridge.cli.paging import PAGE, all_pages
from bridge.config.machine_zone import machine_zone
from bridge.domain.errors import UsageError
from bridge.domain.settings.calendar import time_zone
from bridge.domain.spreadsheet.handover import LARGEST_CSV
from bridge.domain.spreadsheet.writer import list_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime, tzinfo
    from pathlib import Path

    from bridge.cli.find_daemon import Address

_AT_ONCE = 150  # with the longest label and tags in whatever script, they fit into one body
_COME_BACK = 0.5  # seconds
_LONG = 600.0  # seconds, for what looks through everything


class RemoteBridge:
    """See :class:`bridge.cli.connection.Bridge`.

    Args:
        address: Where the daemon answers.
    """

    def __init__(self, address: Address) -> None:
        self._api = ApiClient(address)

    def status(self) -> dict[str, Any]:
        """Tell how it does, with all counts."""
        return self._object(self._api.get("/v1/status"))

    @cached_property
    def timezone(self) -> tzinfo:
        """Return the zone in which people read and write times."""
        try:
            name = self._api.get("/v1/timezone")["timezone"]
        except NotFoundError:  # a remote bridge may be older
            name = None
        return machine_zone() if name is None else time_zone(name)

    def messages(self, status: str | None, most: int) -> list[dict[str, Any]]:
        """List messages, those with the latest change first."""
        return self._list("/v1/messages", {"status": status}, most)

    def events(self, message_id: int | None, most: int) -> list[dict[str, Any]]:
        """List the latest events, oldest first."""
        return self._list("/v1/events", {"message_id": message_id}, most)[::-1]

    def export(self, what: str, wanted: dict[str, Any], take: Callable[[bytes], None]) -> None:
        """Write messages or events as CSV, as the daemon sends it."""
        self._api.download("GET", f"/v1/{what}.csv", take, wanted)

    def follow(self, message_id: int | None, most: int) -> Iterator[dict[str, Any]]:
        """Give the latest events, and then those that happen; while the daemon is away, wait for it."""
        begin: dict[str, Any] = {"last": min(most, PAGE)}
        away = False
        while True:
            try:
                for place, event in self._stream({"message_id": message_id, **begin}):
                    away, begin = False, {"after": place}
                    yield event
            except LostError as error:
                if not away:
                    output.say(f"warning: {error}; waiting for it", err=True)
                away = True
            time.sleep(_COME_BACK)

    def deliveries(self, state: str | None, receiver: str | None, most: int) -> list[dict[str, Any]]:
        """List deliveries with their attempts, the newest first."""
        return self._list("/v1/deliveries", {"state": state, "receiver": receiver, "tries": True}, most)

    def retry(self, ids: Sequence[int], receiver: str | None, since: datetime | None) -> int:
        """Send dead letters again: those that are all that is given. Returns how many."""
        asked = {"ids": list(ids) or None, "receiver": receiver, "since": since and since.isoformat()}
        given = {name: value for name, value in asked.items() if value is not None}
        return int(self._api.post("/v1/deliveries/retry", given or {"all": True})["retried"])

    def watch(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
        """Watch all of them, or none: very many are one table. One that is too large for that goes in parts."""
        if len(messages) <= _AT_ONCE:
            return self._object(self._api.post("/v1/messages", {"messages": list(messages)}))
        table = list_text(messages)
        if len(table.encode()) > LARGEST_CSV:
            return self._each("/v1/messages", "messages", messages)
        return self._object(self._api.post_csv("/v1/messages", table, seconds=_LONG))

    def unwatch(self, ids: Sequence[int]) -> dict[str, list[int]]:
        """Stop watching messages."""
        return self._each("/v1/messages/unwatch", "ids", ids)

    def test(self, receiver: str, type_: str) -> dict[str, Any]:
        """Send a test event to a receiver."""
        path = f"/v1/receivers/{quote(receiver, safe='')}/test"
        return self._object(self._api.post(path, {"type": type_}, seconds=FOR_EVER))

    def report(self, wanted: dict[str, str]) -> dict[str, Any]:
        """Add up what became of messages."""
        with _as_usage():
            return self._object(self._api.get("/v1/report", wanted))

    def incidents(self, *, acknowledged: bool, most: int) -> list[dict[str, Any]]:
        """List what is wrong now, the newest first."""
        return self._list("/v1/incidents", {"acknowledged": acknowledged}, most)

    def acknowledge(self, subjects: Sequence[str], given: dict[str, Any]) -> dict[str, list[str]]:
        """Acknowledge incidents."""
        return self._object(self._api.post("/v1/incidents/acknowledge", {"subjects": list(subjects), **given}))

    def mute(self, receiver: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Mute a receiver."""
        with _as_usage():
            return self._object(self._api.post(_mute_of(receiver), wanted))

    def unmute(self, receiver: str) -> dict[str, Any]:
        """End a receiver's mute."""
        with _as_usage():
            return self._object(self._api.delete(_mute_of(receiver)))

    def preview(self, receiver: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Show what a receiver would be sent for an event."""
        return self._object(self._api.post(f"/v1/receivers/{quote(receiver, safe='')}/preview", wanted))

    def resend(self, wanted: dict[str, Any]) -> int:
        """Send again what was delivered. Returns how many deliveries are queued."""
        return int(self._api.post("/v1/deliveries/resend", wanted, seconds=_LONG)["resent"])

    def back_up(self, file: Path, *, force: bool) -> int:
        """Copy the database to a file of this user's, and return the copy's size in bytes."""
        # Only where it is needed: SQLAlchemy comes with it.
        size: int = import_module("bridge.store.backup").write_backup(file, self._download, force=force)
        return size

    def close(self) -> None:
        """Let go of it."""
        self._api.close()

    def _download(self, file: Path) -> None:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            self._api.download("POST", "/v1/backup", opened.write)

    def _list(self, path: str, params: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
        def page(cursor: str | None, limit: int) -> tuple[list[Any], str | None]:
            found = self._api.get(path, {**params, "limit": limit, "cursor": cursor})
            return found["items"], found["next"]

        return all_pages(page, most)

    def _each(self, path: str, key: str, things: Sequence[Any]) -> dict[str, list[int]]:
        """Hand over things in parts of ``size``, and put the answers together."""
        whole: dict[str, list[int]] = {}
        for start in range(0, len(things), _AT_ONCE):
            for name, ids in self._api.post(path, {key: list(things[start : start + _AT_ONCE])}).items():
                whole.setdefault(name, []).extend(ids)
        return whole

    def _stream(self, params: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read Server-Sent Events: the place of each, and the event."""
        place = ""
        for line in self._api.lines("/v1/events/stream", params):
            name, _, value = line.partition(": ")
            if name == "id":
                place = value
            elif name == "data":
                yield place, json.loads(value)

    @staticmethod
    def _object(answer: Any) -> dict[str, Any]:
        return dict(answer)


def _mute_of(receiver: str) -> str:
    return f"/v1/receivers/{quote(receiver, safe='')}/mute"


@contextmanager
def _as_usage() -> Iterator[None]:
    """Take a name that the daemon does not know for a mistake in the command."""
    try:
        yield
    except NotFoundError as error:
        raise UsageError(*error.args) from None
