"""Receivers: how events are written for those who get them, and what their answers mean. No I/O.

A receiver renders events into one POST and reads the answer to it. It says whether a retry makes sense and nothing
else: it never sleeps, retries, logs, or touches network or database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.domain.model import Event, Outcome
    from bridge.transport.message import Reply, Request


class Receiver(Protocol):
    """Knows how one kind of receiver wants to be told, and how it answers."""

    @property
    def name(self) -> str:
        """The name that the configuration gives it."""
        ...

    def render(self, events: Sequence[Event], at: datetime) -> Request:
        """Write events as one POST.

        Args:
            events: At least one; receivers that don't group take exactly one.
            at: The attempt's time, aware, in UTC.

        Raises:
            ValueError: It can't take that many events in one POST, or an event holds what JSON can't.
        """
        ...

    def read(self, reply: Reply, at: datetime) -> Outcome:
        """Say what an answer means for the delivery. No answer whatsoever raises.

        Args:
            reply: The answer as it came, with any status and any bytes.
            at: When it came, aware, in UTC.
        """
        ...
