"""The form of the overview that mutes a receiver, or ends its mute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Self

from bridge.domain.local_time import first_moment
from bridge.domain.model import LONGEST_PERSON
from bridge.domain.mute import LONGEST_REASON, Mute, end_of
from bridge.domain.settings.units import parse_duration, parse_moment
from bridge.server.api.bridge import mute, unmute
from bridge.server.auth import MUTE_FORM
from bridge.server.ui.forms import Notice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from bridge.domain.summary import Summary
    from bridge.server.context import ServerContext
    from bridge.server.ui.forms import Form, Forms

_MORNING = time(8)
_UNKNOWN = Notice("bad", "Nothing was changed: there is no such receiver.")


@dataclass(frozen=True, slots=True)
class MutePanel:
    """What the form offers: the receivers, when the next morning is, and who is muted how."""

    receivers: tuple[str, ...]
    tomorrow: datetime
    mutes: tuple[Mute, ...]

    @classmethod
    def of(cls, receivers: Sequence[str], summary: Summary, now: datetime, zone: tzinfo) -> Self:
        """Arrange it. Tomorrow's morning is by the clocks of ``zone``; the script makes it the viewer's."""
        day = now.astimezone(zone).date() + timedelta(days=1)
        tomorrow = first_moment(datetime.combine(day, _MORNING), zone)
        mutes = tuple(mute for _, mute in sorted(summary.mutes.items()) if mute.until > now)
        return cls(tuple(receivers), tomorrow, mutes)


def muting(context: ServerContext, forms: Forms) -> None:
    """Make the route to which the form is sent."""

    def change(form: Form) -> Notice:
        name, now = form.get("unmute" if "unmute" in form else "receiver"), context.now()
        known = name in context.receivers()
        if "unmute" in form:  # also of one that is no longer configured
            ended, _ = unmute(context, name, now)
            if ended is None:
                return Notice("bad", f"{name} was not muted.") if known else _UNKNOWN
            quiet_until = context.quiet_until(name, now)
            said = f"{name} is no longer muted: what was held is sent "
            if not known:
                return Notice("good", f"{said}once the receiver is in the configuration again.")
            return Notice(
                "good", f"{said}{'now' if quiet_until is None else 'when its quiet hours end:'}", quiet_until, "."
            )
        if not known:
            return _UNKNOWN
        try:
            end = _end(form.get("until"), now)
        except ValueError:
            return Notice("bad", f"{name} was not muted: choose for how long.")
        reason, by = form.get("reason")[:LONGEST_REASON], form.get("by")[:LONGEST_PERSON]
        drops = "drop" in form
        mute(context, Mute(name, now, end, reason, by, drops=drops))
        meanwhile = "what happens meanwhile is never sent" if drops else "what happens meanwhile is held, and sent then"
        return Notice("good", f"{name} is muted until", end, f": {meanwhile}.")

    forms.on(MUTE_FORM, change, lambda _: "", "Nothing was changed")


def _end(chosen: str, now: datetime) -> datetime:
    """Read how long: ``8h``, or a moment."""
    if chosen[-1:] in {"m", "h"}:
        return end_of(now, lasting=parse_duration(chosen))
    return end_of(now, until=parse_moment(chosen))
