"""What the demo shows: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bridge.cli.console import console
from bridge.cli.program import program
from bridge.cli.table import COLOURS
from bridge.domain.event_data import MessageData, ReceiverData
from bridge.domain.observer import Listener
from bridge.domain.sanitization import squeezed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from rich.console import Console

    from bridge.domain.model import Event
    from bridge.domain.summary import WatchedMessage


class Screen(Listener):
    """Shows the demo. Called from several threads; rich keeps its output in order.

    Args:
        on: What it is shown on: by default the standard output.
    """

    def __init__(self, on: Console | None = None) -> None:
        self._console = on or console()
        self._live = Live(console=self._console, refresh_per_second=8) if self._console.is_terminal else None
        self._started = time.monotonic()
        self._length = 0.0
        self._page: str | None = None

    def begin(self, length: timedelta) -> None:
        """Say what is about to be seen."""
        self._started = time.monotonic()
        self._length = length.total_seconds()
        self._console.print(
            f"[bold]A simulated WbizTool, the real bridge and two receivers, for about {self._length:.0f} seconds.[/]\n"
            "The receiver [cyan]crm[/] is down at first: watch its webhooks being tried again.\n",
            soft_wrap=True,
        )

    def page(self, address: str | None) -> None:
        """Say where the bridge's page is."""
        self._page = address
        if address is not None:
            self._line("green", "page   ", f"{address} shows this in a browser")

    def stays(self) -> None:
        """Say that the show is over and the bridge goes on."""
        where = "" if self._page is None else f": its page is {self._page}"
        self._console.print(f"\nThe bridge goes on{where}\nPress Ctrl-C to end it.", soft_wrap=True)

    @property
    def played(self) -> bool:
        """Whether the demo's time is over."""
        return time.monotonic() - self._started >= self._length

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)

    def show(self, messages: Sequence[WatchedMessage]) -> None:
        """Draw the table."""
        if self._live is None:
            return
        table = Table("id", "message", "status", "error", title="WhatsApp messages", title_justify="left", min_width=76)
        for shown in sorted(messages, key=lambda each: each.message.id):
            state = shown.message.state
            status = str(state.status) if state else "…"
            error = (state and state.error) or ""
            table.add_row(
                str(shown.message.id),
                Text(squeezed(shown.message.label or "")),
                Text(status, style=COLOURS.get(status, "")),
                Text(squeezed(error)),
            )
        self._live.update(table)

    def event_recorded(self, event: Event) -> None:
        """Show a transition."""
        match event.data:
            case MessageData(previous=previous, current=current):
                arrow = f"{previous.status} → {current.status}" if previous else current.status
                self._line(COLOURS.get(current.status, "white"), "message", f"{event.message_id} {arrow}")
            case ReceiverData(receiver=receiver):
                self._line("yellow", "event  ", f"{event.type} {receiver}")
            case _:
                self._line("yellow", "event  ", str(event.type))

    def webhook(self, event: dict[str, Any], *, taken: bool) -> None:
        """Show a webhook that arrived."""
        about = event["data"].get("message_id", "")
        words = "signature verified, 204" if taken else "refused with 503, to be tried again"
        self._line("cyan" if taken else "yellow", "webhook", f"crm ← {event['type']} {about}: {words}")

    def slack(self, text: str) -> None:
        """Show a Slack message that arrived."""
        first, *rest = text.splitlines()
        self._line("magenta", "slack  ", f"#ops ← {first}")
        for line in rest:
            self._console.print(f"                   [dim]{escape(squeezed(line))}[/]", soft_wrap=True)

    def summary(
        self, *, messages: int, events: int, delivered: int, webhooks: int, refused: int, slack_messages: int
    ) -> None:
        """Say what was seen."""
        self._console.print(
            f"\n[bold]{messages} messages watched, {events} transitions noticed, {delivered} deliveries made:[/]\n"
            f"  {webhooks} webhooks, each taken once and signed, although the first {refused} POSTs were refused;\n"
            f"  {slack_messages} Slack messages for what failed, expired or is unknown.\n"
            f"Next, with your own account: [bold]{escape(program())} init[/].",
            soft_wrap=True,
        )

    def _line(self, colour: str, kind: str, text: str) -> None:
        seconds = time.monotonic() - self._started
        self._console.print(f"[dim]{seconds:5.1f} s[/]  [{colour}]{kind}[/]  {escape(squeezed(text))}", soft_wrap=True)
