"""When a number is told to be disconnected, and connected again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.event_data import NumberData
from bridge.domain.model import EventType
from bridge.domain.numbers import Known, Number, disconnected, look, read, written
from tests.world.clock import START

if TYPE_CHECKING:
    from bridge.domain.events import HealthChange

SETTLE = timedelta(seconds=60)


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def watch(*seen: tuple[float, bool], settle: timedelta = SETTLE) -> list[tuple[float, HealthChange]]:
    """Look at one number at these seconds; return what was told, and when."""
    known: dict[int, Known] = {}
    told = []
    for seconds, connected in seen:
        known, changes = look(known, [Number(1, "91980", connected)], START + after(seconds), settle)
        known = read(written(known, START))  # as between two looks
        told += [(seconds, change) for change in changes]
    return told


def test_a_number_that_stays_away_is_told_once_with_how_long() -> None:
    ((seconds, change),) = watch((0, True), (60, False), (120, False), (180, False))
    assert (seconds, change.type, change.subject) == (120, EventType.NUMBER_DISCONNECTED, "number/1")
    assert change.data == NumberData(
        number="91980", whatsapp_client_id=1, since="2026-11-23T20:12:12.345Z", disconnected_seconds=60
    )


def test_one_that_is_away_at_the_first_look_is_told_too() -> None:
    assert [(at, change.type) for at, change in watch((0, False), (60, False))] == [(60, EventType.NUMBER_DISCONNECTED)]
    assert watch((0, True), (60, True)) == [], "that it is connected is no news"


def test_a_short_flap_is_no_event() -> None:
    assert watch((0, True), (60, False), (90, True), (120, False), (150, True), (400, True)) == []


def test_its_return_tells_how_long_it_was_gone_short_returns_included() -> None:
    told = watch((0, False), (60, False), (120, True), (150, False), (300, True), (360, True))
    assert [(at, change.type) for at, change in told] == [
        (60, EventType.NUMBER_DISCONNECTED),
        (360, EventType.NUMBER_CONNECTED),
    ]
    data = told[-1][1].data
    assert isinstance(data, NumberData)
    assert data.disconnected_seconds == 300


def test_without_a_settling_time_each_look_counts() -> None:
    told = watch((0, False), (1, True), (2, False), settle=after(0))
    assert [change.type.value for _, change in told] == [
        "number.disconnected",
        "number.connected",
        "number.disconnected",
    ]


def test_a_number_is_told_although_a_wrong_clock_saw_it_disconnect_in_the_future() -> None:
    """The daemon ended before it was told, and began again with a clock that is right."""
    number = Number(1, "91980", connected=False)
    known, _ = look({}, [number], START + after(86_400), SETTLE)
    known, none = look(known, [number], START, SETTLE)
    assert none == []
    known, (change,) = look(known, [number], START + SETTLE, SETTLE)
    assert isinstance(change.data, NumberData)
    assert (change.type, change.data.disconnected_seconds) == (EventType.NUMBER_DISCONNECTED, 60)


def test_no_number_was_gone_for_less_than_nothing() -> None:
    known, _ = look({}, [Number(1, "91980", connected=False)], START + after(86_400), after(0))
    _, (change,) = look(known, [Number(1, "91980", connected=True)], START, after(0))
    assert isinstance(change.data, NumberData)
    assert change.data.disconnected_seconds == 0


def test_a_number_that_is_not_listed_any_more_is_forgotten() -> None:
    known, _ = look({}, [Number(1, "91980", False)], START, SETTLE)
    assert look(known, [], START + after(900), SETTLE) == ({}, [])


def test_who_is_disconnected_is_known_for_a_while_only() -> None:
    known, _ = look({}, [Number(1, "91980", False), Number(2, "", False), Number(3, "3", True)], START, SETTLE)
    fact = written(known, START + after(180))
    assert disconnected(fact, START + after(180)) == ["91980", "2"]
    assert disconnected(fact, START + after(181)) is None
    assert disconnected(None, START) is None


@given(
    st.lists(st.tuples(st.integers(1, 100), st.booleans()), max_size=30),
    st.integers(0, 120),
)
def test_what_is_told_alternates_and_is_never_what_lasted_too_short(steps: list[tuple[int, bool]], settle: int) -> None:
    now, seen = 0, []
    for wait, connected in steps:
        now += wait
        seen.append((float(now), connected))
    told = watch(*seen, settle=after(settle))
    types = [change.type for _, change in told]
    assert (
        types
        == [EventType.NUMBER_DISCONNECTED, EventType.NUMBER_CONNECTED] * (len(types) // 2)
        + types[len(types) // 2 * 2 :]
    )
    assert types[:1] in ([], [EventType.NUMBER_DISCONNECTED])
    for at, change in told:
        connected = change.type is EventType.NUMBER_CONNECTED
        assert all(state == connected for moment, state in seen if at - settle < moment <= at)
