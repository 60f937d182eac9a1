"""Mutes: how long they may last, and what they never hold back."""

from __future__ import annotations

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.model import EventType
from bridge.domain.mute import LONGEST, NEVER_HELD, Hold, Mute, end_of, exempt, held_by
from tests.world.clock import START

_SECOND = timedelta(seconds=1)


@given(st.timedeltas(timedelta(microseconds=1), LONGEST))
def test_mute_lasts_as_long_as_it_is_said(lasting: timedelta) -> None:
    assert end_of(START, lasting=lasting) == START + lasting
    assert end_of(START, until=START + lasting) == START + lasting


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, "give either for or until"),
        ({"lasting": _SECOND, "until": START + _SECOND}, "give either for or until"),
        ({"lasting": timedelta(0)}, "a mute must be longer than 0"),
        ({"until": START}, "a mute must end in the future"),
        ({"until": START - _SECOND}, "a mute must end in the future"),
        ({"lasting": LONGEST + _SECOND}, "too long: a mute lasts for 30 days at most"),
        ({"until": START + LONGEST + _SECOND}, "too long: a mute lasts for 30 days at most"),
    ],
)
def test_mute_must_end_and_not_too_late(given: dict[str, timedelta], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        end_of(START, **given)  # type: ignore[arg-type]


def test_later_of_a_mute_and_quiet_hours_holds() -> None:
    mute = Mute("ops", START, START + 2 * _SECOND)
    longer, shorter = Hold("ops", START, START + 3 * _SECOND), Hold("ops", START, START + _SECOND)
    assert held_by(mute, shorter, START) == held_by(mute, None, START) == mute
    both = held_by(mute, longer, START)
    assert both is not None
    assert (both.until, both.state(UTC)) == (longer.until, f"{mute.state(UTC)}, then {longer.state(UTC)}")
    assert held_by(mute, longer, mute.until) == held_by(None, longer, START) == longer
    assert held_by(mute, shorter, mute.until) is None


def test_events_about_receivers_are_never_held() -> None:
    assert exempt() == {EventType.RECEIVER_DOWN, EventType.RECEIVER_UP} == NEVER_HELD


def test_events_that_match_a_glob_are_exempt() -> None:
    assert exempt(["source.*", "message.failed"]) - NEVER_HELD == {
        EventType.SOURCE_DOWN,
        EventType.SOURCE_UP,
        EventType.MESSAGE_FAILED,
    }


def test_words_say_until_when_by_whom_and_why() -> None:
    mute = Mute("ops", START, START + timedelta(hours=2))
    assert mute.state(UTC) == "muted until 2026-11-23 22:11 UTC"
    assert mute.state(ZoneInfo("Asia/Kathmandu")) == "muted until 2026-11-24 03:56 UTC+05:45"
    short = Mute("ops", START, START + timedelta(seconds=15))
    assert short.state(UTC) == "muted until 2026-11-23 20:11:27 UTC", "of a short one, the seconds count"
    told = Mute("ops", START, START + timedelta(hours=2), "deploy", "anna")
    assert told.state(UTC) == "muted until 2026-11-23 22:11 UTC by anna: deploy"
