"""A WbizTool account as the simulator keeps it: messages with lives of their own, numbers, history. No I/O."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from bridge.model import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.clock import Clock

Step = tuple[float, Status, str | None]
"""A message comes to a status so many seconds after it was made, with an error if it failed."""

_PAGE = 200


@dataclass(slots=True)
class Sent:
    """A message of the account. ``steps`` are in the order of their times."""

    id: int
    made: datetime
    steps: list[Step]
    phone: str = ""
    text: str = ""
    number: int = 1
    webhook: str | None = None

    def at(self, now: datetime) -> tuple[Status, str | None]:
        """Tell the status at a moment, and the error."""
        age = (now - self.made).total_seconds()
        reached = [step for step in self.steps if step[0] <= age]
        return (reached[-1][1], reached[-1][2]) if reached else (Status.PENDING, None)


@dataclass(slots=True)
class Number:
    """A WhatsApp number of the account."""

    id: int
    number: str
    connected: bool = True


@dataclass
class Account:
    """One account. Safe to use from several threads.

    Args:
        clock: Tells the time by which messages live.
        life: The steps that a message goes through which is sent by the API; by default it is sent after two seconds.
    """

    clock: Clock
    client_id: int = 1234
    api_key: str = "simulated-api-key"
    name: str = "Simulated Ltd"
    life: Sequence[Step] = ((2.0, Status.SENT, None),)
    numbers: dict[int, Number] = field(default_factory=lambda: {1: Number(1, "919800000001")})

    def __post_init__(self) -> None:
        self._messages: dict[int, Sent] = {}
        self._ids = itertools.count(5001)
        self._lock = threading.Lock()

    def put(
        self,
        message_id: int,
        status: Status = Status.PENDING,
        error: str | None = None,
        *,
        script: Sequence[Step] = (),
    ) -> None:
        """Let there be a message that has a status now; ``script`` says what comes later."""
        with self._lock:
            steps: list[Step] = [(0.0, status, error), *script]
            self._messages[message_id] = Sent(message_id, self.clock.now(), sorted(steps, key=lambda step: step[0]))

    def forget(self, message_id: int) -> None:
        """Let the id be unknown."""
        with self._lock:
            self._messages.pop(message_id, None)

    def send(self, phone: str, text: str, *, number: int = 1, webhook: str | None = None, delay: float = 0,
             expire_after: float | None = None) -> int:  # fmt: skip
        """Send a message, ``delay`` seconds from now, and return its id."""
        with self._lock:
            message_id = next(self._ids)
            steps = [(delay + after, status, error) for after, status, error in self.life]
            if expire_after is not None:
                steps = [step for step in steps if step[0] < expire_after] or [(expire_after, Status.EXPIRED, None)]
            self._messages[message_id] = Sent(message_id, self.clock.now(), steps, phone, text, number, webhook)
            return message_id

    def status(self, message_id: int) -> tuple[Status, str | None]:
        """Tell a message's status and error; unknown where there is no such message."""
        with self._lock:
            message = self._messages.get(message_id)
        return message.at(self.clock.now()) if message else (Status.UNKNOWN, None)

    def cancel(self, message_id: int) -> str | None:
        """Cancel a message that is still pending. Returns why it cannot be, None where it was."""
        status, _ = self.status(message_id)
        with self._lock:
            if status is Status.UNKNOWN:
                return "No msg found for given msg_id"
            if status is not Status.PENDING:
                return f"Msg has been {status.capitalize()}"
            message = self._messages[message_id]
            age = (self.clock.now() - message.made).total_seconds()
            message.steps = [step for step in message.steps if step[0] <= age] + [(age, Status.CANCELLED, None)]
        return None

    def report(self, start: date, end: date, page: object, number: int | None = None) -> tuple[int, list[Sent]]:
        """List messages made from ``start`` until before ``end``: how many, and those of one page of 200.

        A page that is not a whole number brings an empty list, as the API does (the vendor's client says so).
        """
        first = datetime(start.year, start.month, start.day, tzinfo=UTC)
        last = datetime(end.year, end.month, end.day, tzinfo=UTC)
        with self._lock:
            found = [
                message
                for message in self._messages.values()
                if first <= message.made < last and number in {None, message.number}
            ]
        found.sort(key=lambda message: (message.made, message.id), reverse=True)
        if type(page) is not int or page < 1:
            return len(found), []
        return len(found), found[(page - 1) * _PAGE : page * _PAGE]

    def history(self) -> dict[int, list[tuple[float, str]]]:
        """Tell each message's true life: statuses with their times, in seconds after it was made."""
        with self._lock:
            return {
                message.id: [(after, str(status)) for after, status, _ in message.steps]
                for message in self._messages.values()
            }


def parse_day(text: object) -> date | None:
    """Read a day of the report's calls, ``DD-MM-YYYY``."""
    try:
        return datetime.strptime(str(text), "%d-%m-%Y").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def seconds_until(text_date: str, text_time: str, zone: str, now: datetime) -> float | None:
    """Read a scheduled moment (``DD/MM/YYYY``, ``HH:MM``, an IANA zone) as seconds from now; a past one is now."""
    import zoneinfo  # noqa: PLC0415 -- only for this call

    try:
        moment = datetime.strptime(f"{text_date} {text_time}", "%d/%m/%Y %H:%M").replace(tzinfo=zoneinfo.ZoneInfo(zone))
    except (ValueError, zoneinfo.ZoneInfoNotFoundError):
        return None
    return max((moment - now) / timedelta(seconds=1), 0.0)
