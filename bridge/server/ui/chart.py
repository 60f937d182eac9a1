"""The chart of sent and failed by hour: where each bar stands, in percent of a drawing of any size. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.store.search import Hour

SHOWN = timedelta(hours=24)
"""How far back the chart goes."""

_TOP, _FLOOR = 10.0, 88.0
"""Between these the bars stand; below are the hours, above is room for the scale's highest number."""

_LEFT = 6.0
"""How much the scale's numbers take."""

_FILLED = 0.68
"""How much of its room a bar takes."""

_SEEN = 2.4
"""The least height: one failure beside a thousand that were sent must be seen."""

_MARK_EVERY = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """What is drawn for an hour: failed stands on sent."""

    hour: datetime
    sent: int
    failed: int
    left: float
    room: float
    x: float
    width: float
    sent_y: float
    sent_height: float
    failed_y: float
    failed_height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the scale."""

    value: int
    y: float


@dataclass(frozen=True, slots=True)
class Mark:
    """An hour that is written below."""

    hour: datetime
    x: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The drawing. ``says`` tells in words what it shows."""

    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]
    says: str
    floor: float = _FLOOR


def first_hour(now: datetime) -> datetime:
    """Tell where the chart begins: with the 24 hours that end with the present one."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - SHOWN + timedelta(hours=1)


def draw(hours: Sequence[Hour]) -> Chart:
    """Draw some hours, oldest first."""
    top = scale(max((each.sent + each.failed for each in hours), default=0))
    room = (100 - _LEFT) / max(1, len(hours))
    bars = tuple(_bar(hour, _LEFT + at * room, room, top) for at, hour in enumerate(hours))
    lines = tuple(Line(value, _round(_FLOOR - (_FLOOR - _TOP) * value / top)) for value in (0, top // 2, top))
    marks = tuple(Mark(bar.hour, _round(bar.left + room / 2)) for bar in bars if bar.hour.hour % _MARK_EVERY == 0)
    return Chart(bars, lines, marks, _says(bars))


def scale(most: int) -> int:
    """Choose where the scale ends: the next of 2, 4, 10, 20, 40, 100, … that holds the highest bar."""
    power = 1
    while True:
        for step in (2, 4, 10):
            if most <= step * power:
                return step * power
        power *= 10


def _bar(hour: Hour, left: float, room: float, top: int) -> Bar:
    sent, failed = _height(hour.sent, top), _height(hour.failed, top)
    if (excess := sent + failed - (_FLOOR - _TOP)) > 0:  # the lesser one was raised so that it is seen
        sent, failed = (sent - excess, failed) if sent > failed else (sent, failed - excess)
    return Bar(
        hour=hour.at,
        sent=hour.sent,
        failed=hour.failed,
        left=_round(left),
        room=_round(room),
        x=_round(left + room * (1 - _FILLED) / 2),
        width=_round(room * _FILLED),
        sent_y=_round(_FLOOR - sent),
        sent_height=_round(sent),
        failed_y=_round(_FLOOR - sent - failed),
        failed_height=_round(failed),
    )


def _height(count: int, top: int) -> float:
    return max(_SEEN, (_FLOOR - _TOP) * count / top) if count else 0.0


def _says(bars: tuple[Bar, ...]) -> str:
    sent, failed = sum(bar.sent for bar in bars), sum(bar.failed for bar in bars)
    if not sent and not failed:
        return "In the last 24 hours no message was sent or failed."
    told = f"In the last 24 hours {sent:,} messages were sent and {failed:,} failed."
    if not failed:
        return told
    worst = max(bars, key=lambda bar: bar.failed)
    return f"{told} Most failed in the hour from {worst.hour:%H:%M} UTC: {worst.failed:,}."


def _round(number: float) -> float:
    return round(number, 2)
