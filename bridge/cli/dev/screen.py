"""What ``dev`` shows: where it is, then each POST and its response, as lines for people or as JSON."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from bridge.cli import output
from bridge.cli.console import console
from bridge.cli.terminal import ReaderGoneError, UnwritableError
from bridge.domain.errors import REPORT_IT
from bridge.domain.http_answers import http_words
from bridge.domain.json_views import stamp
from bridge.domain.observer import Listener
from bridge.domain.outcome import name_of, why_of
from bridge.domain.sanitization import squeezed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rich.console import Console

    from bridge.domain.errors import BridgeError
    from bridge.domain.model import Attempt, Delivery, Event

_LONGEST_ANSWER = 200
"""Characters of a response that are shown; `deliveries` shows more."""


class Screen(Listener):
    """Shows what is sent to the receiver. Called from several threads.

    Args:
        as_json: Print one JSON object per line.
        gone: Called when the output can no longer be written.
        on: The console for people; by default the standard output.
    """

    def __init__(self, *, as_json: bool, gone: Callable[[], None], on: Console | None = None) -> None:
        self._as_json = as_json
        self._gone = gone
        self._console = on or console()
        self._faults: set[str] = set()
        self._lock = threading.Lock()

    def ready(self, *, forward_to: str, secret: str, page: str | None, control: Path) -> None:
        """Say that it is running, and what to do next."""
        if self._as_json:
            self._json({"forward_to": forward_to, "secret": secret, "page": page, "control": str(control)})
            return
        where = [f"Page: {page}"] if page else []
        if control.is_socket():
            where.append(f"Other commands: wbiz-bridge events --control {_plain(str(control))}")
        self._lines(
            f"[bold]Forwarding events from a simulated WbizTool to[/] {_plain(forward_to)}",
            "Signing secret:",
            _plain(secret),
            *where,
            "In another window: [bold]wbiz-bridge trigger failed[/] (other events: wbiz-bridge trigger --help)",
            "Press Ctrl-C to stop.",
            "",
        )

    def tried(self, receiver: str, deliveries: Sequence[Delivery], attempts: Sequence[Attempt]) -> None:
        """Show a round of attempts."""
        del receiver
        for delivery in deliveries:
            for made in attempts:
                self._show(delivery.event, made)

    def tested(self, receiver: str, event: Event, made: Attempt) -> None:
        """Show a test event."""
        del receiver
        self._show(event, made)

    def step_failed(self, where: str, error: BridgeError) -> None:
        """Warn of a failure: once, even if it is retried every second."""
        self._warn(f"{where}: {error}")

    def internal_error(self, where: str, error: BaseException) -> None:
        """Warn of an internal error."""
        self._warn(f"{where}: internal error, {REPORT_IT}: {type(error).__name__}")

    def _show(self, event: Event, made: Attempt) -> None:
        if self._as_json:
            self._json(attempt_json(event, made))
        else:
            self._lines(attempt_line(event, made))

    def _warn(self, fault: str) -> None:
        if fault not in self._faults:
            self._faults.add(fault)
            output.say(f"warning: {fault}", err=True)

    def _json(self, value: object) -> None:
        self._written(lambda: output.print_line(value))

    def _lines(self, *lines: str) -> None:
        self._written(lambda: self._console.print("\n".join(lines), soft_wrap=True))

    def _written(self, write: Callable[[], None]) -> None:
        try:
            with self._lock:
                write()
        except (ReaderGoneError, UnwritableError):
            self._gone()


def attempt_line(event: Event, made: Attempt) -> str:
    """Write an attempt for people, in rich's markup: when what was sent, the response, and why it is a failure."""
    why = why_of(made.outcome)
    answer = "no answer" if made.http_status is None else str(made.http_status)
    line = (
        f"[dim]{made.at.astimezone():%H:%M:%S}[/]  {event.type:<20}  {_plain(_about(event)):<10}  "
        f"[{'red' if why else 'green'}]{answer}[/] in {made.duration * 1000:.0f} ms  [dim]{event.id}[/]"
    )
    notes = ["a test"] if event.test else []
    if why:
        name = "" if made.http_status is None else f"{http_words(made.http_status)}: "
        notes += filter(None, [why.removeprefix(name), made.answer[:_LONGEST_ANSWER]])
    return f"{line}  {_plain(' · '.join(notes))}" if notes else line


def attempt_json(event: Event, made: Attempt) -> dict[str, Any]:
    """Write an attempt as JSON, with the API's names. Pure."""
    return {
        "at": stamp(made.at),
        "type": str(event.type),
        "message_id": event.message_id,
        "event_id": event.id,
        "test": event.test,
        "http_status": made.http_status,
        "seconds": round(made.duration, 3),
        "outcome": name_of(made.outcome),
        "why": why_of(made.outcome),
        "answer": made.answer,
    }


def _about(event: Event) -> str:
    """Name what an event is about."""
    return event.subject if event.message_id is None else str(event.message_id)


def _plain(text: str) -> str:
    return escape(squeezed(text))
