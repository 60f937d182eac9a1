"""The way to a service that Apprise knows. Apprise says yes or no; the rest is made safe here.

Its calls are bounded by its own time-outs between two bytes only; here, as a whole. It says why something failed in its
log lines, and its exceptions may hold addresses.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from bridge.domain.outcome import Delivered, Retry
from bridge.receivers.apprise.library import listening, service
from bridge.receivers.plain_text import Note, write_note
from bridge.receivers.protocol import Handed, Identity
from bridge.receivers.sender import BlockingSender
from bridge.receivers.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from bridge.domain.model import Event
    from bridge.receivers.apprise.config import AppriseReceiverConfig

_SAID: Final = 300  # characters of a reason
_NOBODY: Final = Identity()


class AppriseSender(BlockingSender):
    """Leads to a service through Apprise. Used by one thread at a time.

    Args:
        name: The name that the configuration gives the receiver.
        url: Apprise's URL of it.
        timeout: The longest that one call may take as a whole.
        by: What events of one message are grouped by.
        shown: How many events of a digest are named.
        identity: What it says of the bridge: where people see it, and in which zone they read times.

    Raises:
        ValueError: Apprise is not installed, or does not know such a URL.
    """

    def __init__(
        self,
        name: str,
        url: str,
        timeout: timedelta,
        *,
        by: Sequence[str],
        shown: int,
        identity: Identity = _NOBODY,
    ) -> None:
        self.name = name
        self._url = url
        self._timeout = timeout.total_seconds()
        self._by = tuple(by)
        self._shown = shown
        self._identity = identity
        self._service = _prepared(url, self._timeout)
        self._latest: threading.Thread | None = None

    def hand_over(self, events: Sequence[Event]) -> Handed:
        """Send one message about events."""
        if self._latest is not None and self._latest.is_alive():
            self._latest.join(self._timeout)
            if self._latest.is_alive():
                return Handed(Retry("Apprise's call before this one has still not ended"))
        call = _Call(self._service, self._note(events))
        # A daemon thread: one that hangs in a call must not hold up the end of the process.
        self._latest = threading.Thread(target=call.make, name=f"apprise-{self.name}", daemon=True)
        self._latest.start()
        self._latest.join(self._timeout)
        if self._latest.is_alive():
            return Handed(Retry(f"Apprise has not ended its call within {self._timeout:g} s"))
        said = "\n".join(call.lines)
        if call.fault is not None:
            return Handed(Retry(f"Apprise failed with a fault of its own ({call.fault})"), said)
        if call.done:
            return Handed(Delivered(), said)
        words = f": {one_line(call.lines[-1])[:_SAID]}" if call.lines else ""
        return Handed(Retry(f"Apprise could not deliver it{words}"), said)

    def preview(self, events: Sequence[Event], at: datetime) -> dict[str, Any]:  # noqa: ARG002 -- of the protocol; a note has the events' times
        """Show what Apprise is given."""
        note = self._note(events)
        return {"url": self._url, "title": note.title, "body": note.body, "kind": note.severity}

    def _note(self, events: Sequence[Event]) -> Note:
        return write_note(events, self._by, self._shown, self._identity.pages, self._identity.zone)

    def close(self) -> None:
        """Nothing is kept open: a call that hangs ends by Apprise's own time-out, or with the process."""


class _Call:
    """One call, and what came of it."""

    def __init__(self, sender: Any, note: Note) -> None:
        self._sender = sender
        self._note = note
        self.done = False
        self.lines: list[str] = []
        self.fault: str | None = None

    def make(self) -> None:
        """Make it."""
        with listening() as self.lines:
            try:
                self.done = bool(self._sender(self._note))
            except Exception as error:  # noqa: BLE001 -- its text may hold the address
                self.fault = type(error).__name__


def _prepared(url: str, timeout: float) -> Any:
    made = service(url)
    import apprise  # noqa: PLC0415 -- an extra, and slow to load

    asked = url.lower()
    if "rto=" not in asked:
        made.socket_read_timeout = timeout
    if "cto=" not in asked:
        made.socket_connect_timeout = timeout / 3
    if "overflow=" not in asked:  # else what is too long for a service, an SMS say, would be refused for good
        made.overflow_mode = apprise.OverflowMode.TRUNCATE

    def send(note: Note) -> bool:
        # Not by way of an Apprise object: its pool of threads is waited for when the process ends.
        return bool(
            made.notify(
                body=note.body,
                title=note.title,
                notify_type=apprise.NotifyType(note.severity),
                body_format=apprise.NotifyFormat.TEXT,
            )
        )

    return send


def make_sender(settings: AppriseReceiverConfig, identity: Identity) -> AppriseSender:
    """Build it as the configuration says."""
    url, group = settings.url.get_secret_value(), settings.group
    return AppriseSender(settings.name, url, settings.timeout, by=group.by, shown=group.max, identity=identity)
