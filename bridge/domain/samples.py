"""Sample events: one to try receivers with, and all kinds of them, to try templates with. Pure."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from bridge.domain.clock import isoformat
from bridge.domain.event_data import (
    NumberData,
    NumberSeen,
    RateData,
    ReasonCount,
    ReceiverData,
    SlowMessage,
    SourceData,
    SummaryData,
    SumsData,
)
from bridge.domain.events import (
    SOURCE,
    account_subject,
    health_event,
    receiver_subject,
    summary_subject,
    transition_event,
)
from bridge.domain.model import Event, EventType, Message, State, Status, Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bridge.domain.event_data import HealthData

    _About = Callable[[str, int, HealthData], Event]

_AT = datetime(2026, 11, 23, 20, 11, 12, 345_000, tzinfo=UTC)
_LASTING = timedelta(minutes=16)
_DATABASE = "a sample"
_NASTY = (
    'A "quote", a \\ slash, {{ braces }}, <b>&amp;</b>,\n\ta line, O\'Hara, $HOME `x` %s 漢字 👍🏽 \u202e \u2028 ..'
)
_LONG = _NASTY * 40
_TEST = ("This is a test",)

_STATUS = {
    EventType.MESSAGE_STUCK: Status.PENDING,
    EventType.MESSAGE_ABANDONED: Status.UNKNOWN,
    **{EventType.of_status(status): status for status in Status},
}


def sample_event(now: datetime, type_: EventType = EventType.MESSAGE_FAILED) -> Event:
    """Make an event that says it is a test: its id is no real event's, and it is about nothing real (message 0)."""
    if type_ in _STATUS:
        error = "This is a test: no message failed"
        event = _about_a_message(
            type_, "Test of this receiver", {"test": "true"}, error, at=now, message_id=0, numbers=[]
        )
    else:
        event = next(_about_others(type_, at=now, receiver="test", number="+0", reasons=_TEST, errors=_TEST))
    return replace(event, id=f"test-{secrets.token_hex(16)}", test=True)


def samples(tags: Mapping[str, str]) -> Iterator[Event]:
    """Make events of every type: with all that they can hold, with as little as they can, and with nasty texts.

    Args:
        tags: Those that every message has.
    """
    for type_ in EventType:
        if type_ in _STATUS:
            yield from _about_messages(type_, tags)
        else:
            yield from _about_others(type_)


def _about_messages(type_: EventType, tags: Mapping[str, str]) -> Iterator[Event]:
    rich = {"team": "billing", **tags}
    yield _about_a_message(type_, "Invoice 88", rich, "Invalid phone number", numbers=["+4915112345678"])
    yield _about_a_message(type_, None, tags, None, first=True)
    if type_ in {EventType.MESSAGE_STUCK, EventType.MESSAGE_ABANDONED}:
        unread = Unread(_AT - _LASTING, "status is 7")
        message = Message(12346, "Invoice 88", rich, sequence=0, watched_since=_AT - _LASTING)
        yield transition_event(_DATABASE, message, None, type_, _AT, unread=unread)
    yield _about_a_message(type_, _NASTY, {_NASTY: _NASTY, "items": "x", **tags}, _LONG, numbers=[_NASTY, "7"])


def _about_a_message(
    type_: EventType,
    label: str | None,
    tags: Mapping[str, str],
    error: str | None,
    *,
    at: datetime = _AT,
    message_id: int = 12346,
    numbers: list[str] | None = None,
    first: bool = False,
) -> Event:
    status, earlier = _STATUS[type_], at - _LASTING
    lasts = type_ in {EventType.MESSAGE_STUCK, EventType.MESSAGE_ABANDONED}  # of a state that is known
    other = Status.UNKNOWN if status is Status.PENDING else Status.PENDING
    before = State(status if lasts else other, earlier)
    state = before if lasts else State(status, at, error if status is Status.FAILED else None)
    known = None if first and not lasts else before
    watched_since = None if first else earlier
    message = Message(message_id, label, tags, known, sequence=0 if first else 1, watched_since=watched_since)
    return transition_event(_DATABASE, message, state, type_, at, numbers)


def _about_others(
    type_: EventType,
    *,
    at: datetime = _AT,
    receiver: str = "another-receiver",
    number: str = "+4915112345678",
    reasons: Sequence[str] = ("Auth Error", _LONG),
    errors: Sequence[str] = ("Invalid phone number", "Not on WhatsApp"),
) -> Iterator[Event]:
    """Make events about something else than a message; the first holds all that such an event can hold."""
    came, went = isoformat(at), isoformat(at - _LASTING)

    def about(subject: str, sequence: int, data: HealthData) -> Event:
        return health_event(_DATABASE, type_, subject, sequence, at, data)

    match type_:
        case EventType.SOURCE_DOWN:
            for sequence, reason in enumerate(reasons, 1):
                yield about(SOURCE, sequence, SourceData(since=went, reason=reason))
        case EventType.SOURCE_UP:
            yield about(SOURCE, 2, SourceData(since=came, reason=None, down_since=went))
            yield about(SOURCE, 4, SourceData(since=came, reason=None))
        case EventType.RECEIVER_DOWN:
            for sequence, reason in enumerate(reasons, 1):
                down = ReceiverData(receiver=receiver, since=went, reason=reason)
                yield about(receiver_subject(receiver), sequence, down)
        case EventType.RECEIVER_UP:
            up = ReceiverData(receiver=receiver, since=came, reason=None)
            yield about(receiver_subject(receiver), 2, replace(up, down_since=went))
            yield about(receiver_subject(receiver), 4, up)
        case EventType.ACCOUNT_FAILING | EventType.ACCOUNT_RECOVERED:
            yield from _about_rates(about, type_, at, errors)
        case EventType.SUMMARY:
            yield from map(partial(about, summary_subject(receiver)), count(1), _summaries(at, receiver, number))
        case _:
            seen = NumberData(number=number, whatsapp_client_id=7, since=went)
            yield about("number/7", 1, replace(seen, disconnected_seconds=int(_LASTING.total_seconds())))
            yield about("number/7", 2, replace(seen, number=_NASTY))
            yield about("number/7", 3, replace(seen, number=""))


def _about_rates(about: _About, type_: EventType, at: datetime, errors: Sequence[str]) -> Iterator[Event]:
    recovered = type_ is EventType.ACCOUNT_RECOVERED
    counted = tuple(
        ReasonCount(reason=reason, count=many)
        for reason, many in zip(errors, (1, 1) if recovered else (8, 4), strict=False)
    )
    counts: list[tuple[str | None, str | None, int, int, tuple[ReasonCount, ...]]] = [
        ("tags.team", "billing", *((2, 60) if recovered else (12, 50)), counted),
        (None, None, *((0, 0) if recovered else (1, 1)), ()),
        ("tags.team", None, 3, 200_000, (ReasonCount(reason=None, count=3),)),
        (f"tags.{_NASTY}", _NASTY, 3, 5, (ReasonCount(reason=_LONG, count=1),) * 5),
    ]
    for sequence, (by, group, failed, of, why) in enumerate(counts, 1):
        data = RateData(
            by=by,
            group=group,
            failed=failed,
            of=of,
            share=round(100 * failed / of, 1) if of else 0.0,
            within_seconds=900,
            since=isoformat(at),
            reasons=why,
            failing_since=isoformat(at - _LASTING) if recovered else None,
        )
        yield about(account_subject(by, group), sequence, data)


def _summaries(at: datetime, receiver: str, number: str) -> Iterator[SummaryData]:
    until = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
    quiet = SummaryData(
        receiver=receiver,
        period=f"Since yesterday {until:%H:%M}",
        since=isoformat(until - timedelta(days=1)),
        until=isoformat(until),
        due=isoformat(until),
        late=False,
        timezone="UTC",
        sent=0,
        failed=0,
        expired=0,
        cancelled=0,
        unknown=0,
        failure_share=None,
        before=None,
        waiting=0,
        reasons=(),
        median_wait_seconds=None,
        p95_wait_seconds=None,
        slowest=(),
        numbers=(),
        dead_letters=0,
    )
    busy = replace(
        quiet,
        sent=1204,
        failed=17,
        expired=2,
        cancelled=1,
        unknown=1,
        failure_share=1.6,
        before=SumsData(sent=1110, failed=10, expired=0, cancelled=0, unknown=0, failure_share=0.9),
        waiting=3,
        reasons=(ReasonCount(reason="invalid_number", count=12), ReasonCount(reason="not_on_whatsapp", count=5)),
        median_wait_seconds=8,
        p95_wait_seconds=41,
        slowest=(SlowMessage(message_id=12346, label="Invoice 88", waited_seconds=2460),),
        numbers=(NumberSeen(number=number, connected=False),),
        dead_letters=4,
    )
    yield busy
    yield quiet
    yield replace(
        busy,
        period=_NASTY,
        late=True,
        reasons=(ReasonCount(reason=_LONG, count=1), ReasonCount(reason=None, count=1)) * 2,
        slowest=(SlowMessage(message_id=2**53 - 1, label=_LONG, waited_seconds=10**7),) * 3,
        numbers=(NumberSeen(number=_NASTY, connected=True),) * 40,
    )
