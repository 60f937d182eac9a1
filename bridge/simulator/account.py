"""A WbizTool account as the simulator keeps it: messages with lives of their own, numbers, history. No I/O."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bridge.domain.model import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.domain.clock import Clock

Step = tuple[float, Status, str | None]
"""A message comes to a status this many seconds after it was made, with an error if it failed."""

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
        reached = self.reached(now)
        return (reached[-1][1], reached[-1][2]) if reached else (Status.PENDING, None)

    def reached(self, now: datetime) -> list[Step]:
        """List the steps that the message has come to."""
        return [step for step in self.steps if step[0] <= self.age(now)]

    def age(self, now: datetime) -> float:
        """Tell how long ago it was made, in seconds."""
        return (now - self.made).total_seconds()


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
        shown: What the report says of a message at a moment, as ``message_status``; by default the truth.
    """

    clock: Clock
    client_id: int = 1234
    api_key: str = "simulated-api-key"
    name: str = "Simulated Ltd"
    life: Sequence[Step] = ((2.0, Status.SENT, None),)
    numbers: dict[int, Number] = field(default_factory=lambda: {1: Number(1, "919800000001")})
    shown: Callable[[Sent, datetime], object] = lambda message, now: message.at(now)[0].capitalize()

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
        """Let a message have a status now; ``script`` says what comes later, in seconds from now.

        A message that there is already keeps what it has been, and loses what was still to come.
        """
        with self._lock:
            now = self.clock.now()
            message = self._messages.setdefault(message_id, Sent(message_id, now, []))
            age = message.age(now)
            later = sorted(((age + after, step, why) for after, step, why in script), key=lambda step: step[0])
            message.steps = [*message.reached(now), (age, status, error), *later]

    def forget(self, message_id: int) -> None:
        """Let the id be unknown."""
        with self._lock:
            self._messages.pop(message_id, None)

    def send(self, phone: str, text: str, *, number: int = 1, webhook: str | None = None, delay: float = 0,
             expire_after: float | None = None) -> int:  # fmt: skip
        """Send a message, ``delay`` seconds from now, and return its id."""
        with self._lock:
            message_id = next(id_ for id_ in self._ids if id_ not in self._messages)
            steps: list[Step] = [(0.0, Status.PENDING, None)]
            steps += [(delay + after, status, error) for after, status, error in self.life]
            if expire_after is not None:
                steps = [step for step in steps if step[0] < expire_after]
                if not any(status.terminal for _, status, _ in steps):
                    steps.append((expire_after, Status.EXPIRED, None))
            self._messages[message_id] = Sent(message_id, self.clock.now(), steps, phone, text, number, webhook)
            return message_id

    def status(self, message_id: int) -> tuple[Status, str | None]:
        """Tell a message's status and error; unknown where there is no such message."""
        with self._lock:
            message = self._messages.get(message_id)
            return message.at(self.clock.now()) if message else (Status.UNKNOWN, None)

    def cancel(self, message_id: int) -> str | None:
        """Cancel a message that is still pending. Returns why it cannot be, None where it was."""
        with self._lock:
            message = self._messages.get(message_id)
            if message is None:
                return "No msg found for given msg_id"
            now = self.clock.now()
            status, _ = message.at(now)
            if status is not Status.PENDING:
                return f"Msg has been {status.capitalize()}"
            message.steps = [*message.reached(now), (message.age(now), Status.CANCELLED, None)]
        return None

    def connect(self, number_id: int | None = None, phone: str | None = None, *, connected: bool = True) -> Number:
        """Let a number be connected or not; without an id, or with one that is new, add it. Returns the number.

        Messages do not wait for it: one that is to stay pending is given such a life by :meth:`put`.
        """
        with self._lock:
            if number_id is None:
                number_id = max(self.numbers, default=0) + 1
            number = self.numbers.setdefault(number_id, Number(number_id, phone or ""))
            number.connected = connected
            return number

    def messages(self) -> list[Sent]:
        """Copy every message, in the order in which they came to be."""
        with self._lock:
            return [replace(message, steps=list(message.steps)) for message in self._messages.values()]

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
        """Tell each message's true life, with what is to come: statuses and times, in seconds after it was made."""
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
    """Read a scheduled moment (``DD/MM/YYYY``, ``HH:MM``, a zone) as seconds from now; a past one is now.

    A zone is an IANA name, or ``IST``, which the vendor's client names as an example and the IANA list does not have.
    None where it cannot be read.
    """
    try:
        # UTC needs no list of zones, which small systems do not have.
        place = UTC if zone == "UTC" else ZoneInfo("Asia/Kolkata" if zone == "IST" else zone)
        moment = datetime.strptime(f"{text_date} {text_time}", "%d/%m/%Y %H:%M").replace(tzinfo=place)
    except (ValueError, OSError, ZoneInfoNotFoundError):  # OSError: the name of a folder in the list of zones
        return None
    return max((moment - now) / timedelta(seconds=1), 0.0)


def seconds_until_iso(text: str, now: datetime) -> float | None:
    """Read a moment in ISO 8601, in UTC unless it says otherwise, as seconds from now; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((moment - now) / timedelta(seconds=1), 0.0)
    except (ValueError, OverflowError):
        return None
