"""The form of the overview that mutes a receiver, or ends its mute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Self

from fastapi import APIRouter

from bridge.domain.mute import LONGEST_BY, LONGEST_REASON, Mute, end_of
from bridge.domain.settings.units import parse_duration, parse_moment
from bridge.domain.wall_clock import first_moment
from bridge.server.api.bridge import mute, unmute
from bridge.server.auth import MUTE_FORM
from bridge.server.ui.flash import Notice
from bridge.server.ui.forms import REFUSED, on_form

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from starlette.requests import Request
    from starlette.responses import Response

    from bridge.domain.errors import BridgeError
    from bridge.domain.summary import Summary
    from bridge.server.auth import Access
    from bridge.server.context import ServerContext
    from bridge.server.ui.forms import Form

_MORNING = time(8)
NOTICES: Mapping[str, Notice] = {
    REFUSED: Notice("bad", "Nothing was changed: that is not the bridge's token."),
    "unknown": Notice("bad", "Nothing was changed: there is no such receiver."),
    "wrong": Notice("bad", "Nothing was changed: choose how long to mute the receiver."),
    "muted": Notice("good", "The receiver is muted."),
    "ended": Notice("good", "The receiver is no longer muted: what was held is sent now."),
    "quiet": Notice("good", "The receiver is no longer muted: what was held is sent when its quiet hours end."),
    "none": Notice("bad", "The receiver was not muted."),
}
"""What became of the form, by the word for it in the address of the page that follows."""


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


def muting(context: ServerContext, access: Access, broken: Callable[[Request, BridgeError], Response]) -> APIRouter:
    """Make the route to which the form is sent."""
    router = APIRouter(include_in_schema=False)

    def change(form: Form) -> str:
        name, now = form.get("receiver"), context.now()
        if "unmute" in form:  # also of one that is no longer configured
            ended, _ = unmute(context, name, now)
            if ended is None:
                return "none" if name in context.receivers() else "unknown"
            return "ended" if context.quiet_until(name, now) is None else "quiet"
        if name not in context.receivers():
            return "unknown"
        try:
            end = _end(form.get("until"), now)
        except ValueError:
            return "wrong"
        reason, by = form.get("reason")[:LONGEST_REASON], form.get("by")[:LONGEST_BY]
        mute(context, Mute(name, now, end, reason, by, drops="drop" in form))
        return "muted"

    on_form(
        *(router, MUTE_FORM, access, lambda form: f"?mute={change(form)}", lambda _: f"?mute={REFUSED}", broken),
    )
    return router


def _end(chosen: str, now: datetime) -> datetime:
    """Read how long: ``8h``, or a moment."""
    if chosen[-1:] in {"m", "h"}:
        return end_of(now, lasting=parse_duration(chosen))
    return end_of(now, until=parse_moment(chosen))
