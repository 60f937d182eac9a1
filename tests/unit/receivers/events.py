"""Events for the tests of receivers: short ways to make one, and any event whatsoever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from bridge.domain.clock import isoformat
from bridge.domain.event_data import NumberData, ReceiverData, SourceData
from bridge.domain.events import SOURCE, health_event, receiver_subject, transition_event
from bridge.domain.model import Event, EventType, Message, State, Status
from bridge.receivers import next_steps
from tests.world.clock import START

if TYPE_CHECKING:
    from collections.abc import Mapping

DATABASE = "9f3c1a"
EARLIER = START - timedelta(seconds=90)
STEPS = frozenset(
    {*next_steps._BY_REASON.values(), *next_steps._STEPS.values(), next_steps._CREDENTIALS, next_steps._UNREADABLE}
)
"""Everything that is ever advised."""


def changed(
    id_: int = 12346,
    status: Status = Status.FAILED,
    *,
    error: str | None = "Invalid phone number",
    label: str | None = "Invoice 88",
    tags: Mapping[str, str] | None = None,
    at: datetime = START,
) -> Event:
    """Make the event of a message that was pending, by the bridge's own rules."""
    before = Message(id_, label, tags or {}, State(Status.PENDING, EARLIER), sequence=1)
    state = State(status, at, error if status is Status.FAILED else None)
    return transition_event(DATABASE, before, state, EventType.of_status(status), at)


def source_down(reason: str | None = "Auth Error") -> Event:
    """Make the event of an API that refuses."""
    data = SourceData(since=isoformat(EARLIER), reason=reason)
    return health_event(DATABASE, EventType.SOURCE_DOWN, SOURCE, 1, START, data)


def receiver_down(name: str = "crm", reason: str = "HTTP 500 Internal Server Error") -> Event:
    """Make the event of another receiver that fails."""
    data = ReceiverData(receiver=name, since=isoformat(EARLIER), reason=reason)
    return health_event(DATABASE, EventType.RECEIVER_DOWN, receiver_subject(name), 1, START, data)


def number_disconnected(number: str = "+4915112345678") -> Event:
    """Make the event of a WhatsApp number that lost its connection."""
    data = NumberData(number=number, whatsapp_client_id=7, since=isoformat(EARLIER))
    return health_event(DATABASE, EventType.NUMBER_DISCONNECTED, "number/7", 1, START, data)


# What breaks renderers: control sequences, entities, emoji of several characters, both directions, halves of pairs.
# fmt: off
_NASTY = st.sampled_from([
    "<!channel>", "<!here|x>", "<@U123>", "<#C1|general>", "<https://evil.example|click>", "&amp;", "&lt;", "&", "<",
    ">", "> quote", "*bold*", "_it_", "~no~", "`code`", "```", ":x:", "@channel", "#tag", "[a](https://evil.example)",
    "https://evil.example/?a=1&b=2", "www.evil.example", '"', "\\", "\n", "\r\n", "\t", " ", "\x00", "\x1b[31m",
    "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "👍🏽", "e\u0301", "رقم", "٣", "漢字", "\u202e", "\u200b", "\u200d", "\ud83d", "\udc00",
    "\u2067",
])
# fmt: on
texts = st.one_of(
    st.text(),
    st.lists(_NASTY, max_size=6).map("".join),
    st.tuples(_NASTY, st.integers(1, 4000)).map(lambda pair: pair[0] * pair[1]),
)
"""Any text, short and very long."""

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
_states = st.none() | st.fixed_dictionaries(
    {"status": st.sampled_from(list(Status)).map(str) | texts},
    optional={"error": texts | _json, "since": st.just(isoformat(START)) | texts},
)
_KNOWN: dict[str, st.SearchStrategy[Any]] = {
    "message_id": st.integers(),
    "label": texts | st.none(),
    "tags": st.dictionaries(texts, texts, max_size=3),
    "previous": _states,
    "current": _states,
    "reason": texts | st.none(),
    "receiver": texts,
    "number": texts | st.integers() | st.none(),
    "since": st.just(isoformat(START)) | texts,
    "sequence": st.integers(),
    "reminder": st.integers(0, 10**9),
    "lasting_seconds": st.integers(0, 10**12),
}
_data = st.builds(
    lambda known, unknown: {**unknown, **known},
    st.fixed_dictionaries({}, optional=_KNOWN),
    st.dictionaries(texts, _json, max_size=3) | st.dictionaries(st.sampled_from(list(_KNOWN)), _json, max_size=3),
)
any_event = st.builds(
    Event,
    id=texts,
    type=st.sampled_from(EventType),
    at=st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC)),  # noqa: DTZ001 -- Hypothesis wants it naive
    subject=texts,
    sequence=st.integers(1),
    json=_data,
    message_id=st.none() | st.integers(0, 10**300),
    test=st.booleans(),
)
"""Any event, also those that no version of the bridge makes."""
