"""A simulated account's messages go through their lives by its clock alone."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.model import Status
from bridge.simulator.account import Account, parse_day, seconds_until
from tests.world.clock import START, FakeClock

STEPS = st.lists(
    st.tuples(st.integers(0, 100), st.sampled_from([s for s in Status if s is not Status.UNKNOWN]), st.none()),
    max_size=6,
)


@given(STEPS, st.integers(0, 120))
def test_a_message_has_the_status_of_the_last_step_it_has_come_to(
    script: list[tuple[int, Status, None]], age: int
) -> None:
    clock = FakeClock()
    account = Account(clock)
    account.put(7, script=script)
    clock.advance(age)
    reached = [status for after, status, _ in sorted(script, key=lambda step: step[0]) if after <= age]
    assert account.status(7) == ([Status.PENDING, *reached][-1], None)


@given(STEPS, st.integers(1, 50))
def test_a_message_that_expires_does_not_stay_pending(life: list[tuple[int, Status, None]], expire_after: int) -> None:
    clock = FakeClock()
    account = Account(clock, life=life)
    message_id = account.send("91", "Hi", expire_after=expire_after)
    clock.advance(200)
    ends = [status for after, status, _ in life if after < expire_after and status.terminal]
    status, _ = account.status(message_id)
    assert status.terminal or ends
    assert ends or status is Status.EXPIRED


def test_putting_a_status_keeps_what_a_message_has_been() -> None:
    clock = FakeClock()
    account = Account(clock)
    account.put(7, script=[(60, Status.SENT, None)])
    clock.advance(10)
    account.put(7, Status.FAILED, "Invalid phone number", script=[(5, Status.SENT, None)])
    assert account.status(7) == (Status.FAILED, "Invalid phone number")
    assert account.history() == {7: [(0.0, "pending"), (10.0, "failed"), (15.0, "sent")]}


def test_a_new_message_never_takes_the_id_of_another() -> None:
    account = Account(FakeClock())
    account.put(5001)
    account.put(5002)
    assert account.send("91", "Hi") == 5003


def test_a_forgotten_message_is_unknown() -> None:
    account = Account(FakeClock())
    account.put(7, Status.SENT)
    account.forget(7)
    account.forget(8)
    assert account.status(7) == (Status.UNKNOWN, None)


def test_a_cancelled_message_never_goes_out() -> None:
    clock = FakeClock()
    account = Account(clock)
    message_id = account.send("91", "Hi", delay=60)
    assert account.cancel(message_id) is None
    clock.advance(600)
    assert account.status(message_id) == (Status.CANCELLED, None)
    assert account.cancel(message_id) == "Msg has been Cancelled"


def test_what_is_copied_does_not_change_the_account() -> None:
    account = Account(FakeClock())
    account.put(7, Status.SENT)
    account.messages()[0].steps.clear()
    assert account.status(7) == (Status.SENT, None)


def test_a_number_is_added_or_changed() -> None:
    account = Account(FakeClock())
    assert account.connect(1, connected=False).number == "919800000001"
    assert account.connect(phone="919800000002").id == 2
    assert {id_: number.connected for id_, number in account.numbers.items()} == {1: False, 2: True}


def test_the_report_holds_the_first_day_but_not_the_last() -> None:
    clock = FakeClock()
    account = Account(clock)
    first = account.send("91", "Hi")
    clock.advance(86_400)
    second = account.send("91", "Hi")
    day = START.date()
    assert _ids(account, day, day + timedelta(days=1)) == [first]
    assert _ids(account, day, day + timedelta(days=2)) == [second, first]
    assert _ids(account, day + timedelta(days=1), day + timedelta(days=2)) == [second]
    assert _ids(account, day, day) == []


@given(st.one_of(st.text(), st.floats(), st.booleans(), st.none(), st.integers(max_value=0)))
def test_a_page_that_is_no_number_holds_nothing(page: object) -> None:
    account = Account(FakeClock())
    account.send("91", "Hi")
    assert account.report(START.date(), START.date() + timedelta(days=1), page) == (1, [])


@given(st.dates())
def test_a_day_is_read_in_the_reports_form_only(day: date) -> None:
    assert parse_day(f"{day.day:02}-{day.month:02}-{day.year:04}") == day
    assert parse_day(day.isoformat()) is None


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "IST"])
def test_a_scheduled_moment_is_read_in_its_zone(zone: str) -> None:
    offset = 0 if zone == "UTC" else 5.5 * 3600
    now = START.replace(second=0, microsecond=0)
    assert seconds_until("24/11/2026", "20:11", zone, now) == 86_400 - offset


def test_a_scheduled_moment_that_is_over_is_now() -> None:
    assert seconds_until("01/01/2020", "00:00", "UTC", START) == 0


@given(st.text(), st.text(), st.text())
def test_a_scheduled_moment_that_cannot_be_read_is_none(day: str, time: str, zone: str) -> None:
    assert seconds_until(day, time, zone, START) is None


@pytest.mark.parametrize("zone", ["Nowhere/Land", "../etc/passwd", "Europe", "", "\x00"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    assert seconds_until("24/11/2026", "20:11", zone, START) is None


def _ids(account: Account, start: date, end: date) -> list[int]:
    return [message.id for message in account.report(start, end, 1)[1]]
