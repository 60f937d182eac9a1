"""Is a number of the account connected? A short flap is not reported. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bridge.domain.clock import isoformat
from bridge.domain.event_data import NumberData
from bridge.domain.events import HealthChange
from bridge.domain.model import EventType

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import timedelta

NUMBERS = "numbers"
"""The fact that says what is known of them."""


@dataclass(frozen=True, slots=True)
class Number:
    """A WhatsApp number of the account, as it was seen."""

    id: int
    number: str
    connected: bool

    @property
    def shown(self) -> str:
        """The number, or its id where WbizTool does not say the number."""
        return self.number or str(self.id)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a number.

    ``since`` is since when it is as it is, ``reported`` whether it was last reported to be connected (it counts so at
    first), and ``lost_at`` since when it was not, as that was reported.
    """

    number: Number
    since: datetime
    reported: bool = True
    lost_at: datetime | None = None

    @property
    def is_lost(self) -> bool:
        """Whether it is reported to be disconnected: it has been for longer than a flap."""
        return not (self.number.connected or self.reported)


def subject(id_: int) -> str:
    """Name the subject of events about a number."""
    return f"number/{id_}"


def look(
    known: Mapping[int, Known], seen: Collection[Number], at: datetime, settle: timedelta
) -> tuple[dict[int, Known], list[HealthChange]]:
    """Compare the account's numbers with what was known of them. A number that is not there any more is forgotten.

    Args:
        known: By the number's id.
        seen: All numbers of the account.
        at: When.
        settle: For how long a number must have been as it is before that is reported.
    """
    now = {number.id: _seen(known.get(number.id), number, at) for number in seen}
    changes = []
    for id_, each in now.items():
        if each.number.connected == each.reported or at - each.since < settle:
            continue
        lost_at = each.lost_at if each.number.connected else each.since
        now[id_] = replace(each, reported=each.number.connected, lost_at=None if each.number.connected else lost_at)
        changes.append(_change(each, lost_at, at))
    return now, changes


def disconnected(fact: str | None, at: datetime) -> list[str] | None:
    """Name the numbers that are not connected at a moment; None where that is not known."""
    try:
        stored = json.loads(fact or "{}")
        if not stored or at > datetime.fromisoformat(stored["good_until"]):
            return None
    except (ValueError, KeyError, TypeError):  # somebody has damaged it
        return None
    numbers = [each.number for each in read(fact).values()]
    return [each.shown for each in numbers if not each.connected]


def written(known: Mapping[int, Known], good_until: datetime) -> str:
    """Write the fact."""
    numbers = [
        {
            "id": each.number.id,
            "number": each.number.number,
            "connected": each.number.connected,
            "since": each.since.isoformat(),
            "told": each.reported,
            "lost_at": each.lost_at and each.lost_at.isoformat(),
        }
        for each in known.values()
    ]
    return json.dumps({"good_until": good_until.isoformat(), "numbers": numbers}, ensure_ascii=False)


def shifted(fact: str, step: timedelta) -> str:
    """Write the fact again by a clock that was set: nothing has lasted longer or shorter by that."""
    stored = json.loads(fact)
    known = {
        id_: replace(each, since=each.since + step, lost_at=each.lost_at and each.lost_at + step)
        for id_, each in read(fact).items()
    }
    return written(known, datetime.fromisoformat(stored["good_until"]) + step)


def read(fact: str | None) -> dict[int, Known]:
    """Read the fact. One that somebody has damaged says nothing: what the numbers are is soon seen."""
    try:
        return {each["id"]: _known(each) for each in json.loads(fact or "{}").get("numbers", ())}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _known(each: Mapping[str, Any]) -> Known:
    return Known(
        Number(each["id"], each["number"], each["connected"]),
        datetime.fromisoformat(each["since"]),
        each["told"],
        datetime.fromisoformat(each["lost_at"]) if each["lost_at"] else None,
    )


def _seen(known: Known | None, number: Number, at: datetime) -> Known:
    if known is None:
        return Known(number, at)
    same = known.number.connected == number.connected
    # Nothing has begun later than now, whatever a clock that was wrong has written.
    since, lost_at = min(known.since, at) if same else at, known.lost_at and min(known.lost_at, at)
    return replace(known, number=number, since=since, lost_at=lost_at)


def _change(known: Known, lost_at: datetime | None, at: datetime) -> HealthChange:
    until = known.since if known.number.connected else at
    data = NumberData(
        number=known.number.number,
        whatsapp_client_id=known.number.id,
        since=isoformat(known.since),
        disconnected_seconds=None if lost_at is None else int((until - lost_at).total_seconds()),
    )
    type_ = EventType.NUMBER_CONNECTED if known.number.connected else EventType.NUMBER_DISCONNECTED
    return HealthChange(type_, subject(known.number.id), data)
