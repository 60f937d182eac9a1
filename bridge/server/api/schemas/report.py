"""What became of messages, in numbers."""

from __future__ import annotations

from bridge.server.api.schemas.fields import Moment, Out


class SumsOut(Out):
    """How many messages came to have each status, and the part of those to be sent that was not, in percent."""

    sent: int
    failed: int
    expired: int
    cancelled: int
    unknown: int
    failure_percent: float | None


class WaitsOut(Out):
    """How long messages waited until they were sent, in seconds, of those that were seen waiting: about, to a tenth."""

    messages: int
    median: float
    p95: float


class ReasonOut(Out):
    """Why messages failed. ``reason`` can be looked for with ``GET /v1/messages?reason=``."""

    reason: str
    words: str
    count: int


class GroupOut(SumsOut):
    """A part: a value of a tag (null for those without it), a reason, or the hour or day that begins at ``start``."""

    name: str
    value: str | None
    start: Moment | None
    seconds_until_sent: WaitsOut | None


class ReportOut(SumsOut):
    """What became of messages from ``since`` until ``until``.

    ``before`` is the same for as long a time before, null if the bridge did not count all of it: it counts since
    ``counted_since``. ``waiting_now`` is how many messages are polled still.
    """

    since: Moment
    until: Moment
    timezone: str
    by: str | None
    counted_since: Moment | None
    waiting_now: int
    seconds_until_sent: WaitsOut | None
    before: SumsOut | None
    reasons: list[ReasonOut]
    groups: list[GroupOut]
