"""Is the bridge well? Exactly what is wrong is told, by the same rule wherever it is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain import numbers
from bridge.domain.breaker import CircuitBreaker
from bridge.domain.check import Check
from bridge.domain.clock import ago, isoformat
from bridge.domain.errors import NotNowError
from bridge.domain.failure_rate import FAILING, Counts, Failing, Group, written
from bridge.domain.health import (
    ALIVE,
    ALIVE_FOR,
    LAGS_AFTER,
    NUMBERS,
    RELOAD,
    REPORT,
    Health,
    Reload,
    judge,
    look,
)
from bridge.domain.model import DeliveryState, Status
from bridge.domain.mute import Hold, Mute
from bridge.domain.numbers import Known, Number
from bridge.domain.summary import Summary
from tests.world.clock import START

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = timedelta(seconds=1)
RECEIVERS = ("crm", "ops")
WELL = Summary({Status.SENT: 3}, 2, None, {}, None, (), {ALIVE: isoformat(START)})
NAMES = ["database", "scheduler", "configuration", "source", "report", "numbers", "http", "internal errors"]
NAMES += ["messages", "connections", "polling", "deliveries", "receiver/crm", "receiver/ops"]


def with_fact(summary: Summary, key: str, value: str) -> Summary:
    return replace(summary, facts={**summary.facts, key: value})


def failing(name: str) -> CircuitBreaker:
    return CircuitBreaker(name, failures=3, failing_since=START - timedelta(minutes=4), is_open=True, reason="HTTP 500")


def owing(summary: Summary, name: str, count: int = 2) -> Summary:
    counts = {**summary.deliveries, name: {DeliveryState.QUEUED: count, DeliveryState.DEAD: 1}}
    return replace(summary, deliveries=counts, oldest_queued=START - timedelta(minutes=7))


SOURCE_DOWN = json.dumps({"failing_since": isoformat(START - 90 * SECOND), "reason": "HTTP 502", "refused": False})
UNREAD = json.dumps({"failing_since": isoformat(START - 300 * SECOND), "reason": "page 2: HTTP 500"})
REFUSED = Reload(START - timedelta(hours=3), ("config.yaml:1:2: poll.evry: unknown key", "config.yaml:4:1: x"))
WRONG: dict[str, Callable[[Summary], Summary]] = {
    "scheduler": lambda summary: with_fact(summary, ALIVE, ""),
    "configuration": lambda summary: with_fact(summary, RELOAD, REFUSED.written()),
    "source": lambda summary: with_fact(summary, "source", SOURCE_DOWN),
    "report": lambda summary: with_fact(summary, REPORT, UNREAD),
    "numbers": lambda summary: with_fact(summary, NUMBERS, UNREAD),
    "polling": lambda summary: replace(summary, oldest_due=START - timedelta(minutes=6)),
    "receiver/crm": lambda summary: replace(summary, breakers=(*summary.breakers, failing("crm"))),
    "receiver/ops": lambda summary: replace(summary, breakers=(*summary.breakers, failing("ops"))),
    "receiver/gone": lambda summary: owing(summary, "gone"),
}
"""What can be wrong, by the name of the check that must say so."""

HARMLESS: tuple[Callable[[Summary], Summary], ...] = (
    lambda summary: owing(summary, "crm", 5000),
    lambda summary: replace(summary, oldest_due=START - LAGS_AFTER) if summary.oldest_due is None else summary,
    lambda summary: replace(summary, breakers=(*summary.breakers, failing("removed"), CircuitBreaker("fixed"))),
    lambda summary: with_fact(summary, "sequence_floor", "[5, 2]"),
    lambda summary: summary if summary.facts.get(REPORT) else with_fact(summary, REPORT, ""),
)
"""What looks similar and is no fault."""


def test_all_is_well() -> None:
    health = judge(WELL, RECEIVERS, START)
    assert list(health.checks) == NAMES
    assert health.ok
    assert health.faults == ()
    assert set(health.checks.values()) == {Check()}


@given(
    wrong=st.sets(st.sampled_from(sorted(WRONG))),
    harmless=st.lists(st.sampled_from(HARMLESS), unique=True),
    order=st.randoms(use_true_random=False),
)
def test_exactly_what_is_wrong_is_told(
    wrong: set[str], harmless: list[Callable[[Summary], Summary]], order: object
) -> None:
    changes = [*(WRONG[name] for name in wrong), *harmless]
    order.shuffle(changes)  # type: ignore[attr-defined]
    summary = WELL
    for change in changes:
        summary = change(summary)
    health = judge(summary, RECEIVERS, START)
    assert {name for name, check in health.checks.items() if not check.ok} == wrong
    assert health.ok == (not wrong)
    assert len(health.faults) == len(wrong)
    shown = health.as_json()
    assert json.loads(json.dumps(shown)) == shown
    assert (shown["ok"], shown["faults"]) == (health.ok, list(health.faults))
    for name, check in health.checks.items():
        assert check.ok or check.why, name
        assert check.since is None or check.since <= START


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("scheduler", "the daemon is not running: nothing is polled or delivered (start it: wbiz-bridge run)"),
        ("source", "WbizTool's status API has been down for 90 s: HTTP 502"),
        (
            "report",
            "the account's report has been unreadable for 5 min, so new messages are not found: page 2: HTTP 500",
        ),
        (
            "numbers",
            "the account's numbers have been unreadable for 5 min, so a lost one is not noticed: page 2: HTTP 500",
        ),
        ("polling", "polling lags: the oldest poll was due 6 min ago"),
        (
            "receiver/crm",
            "receiver crm has been failing for 4 min: HTTP 500 (nothing is queued; the next event will try it)",
        ),
        ("receiver/gone", "2 deliveries are queued for gone, which is no longer in the configuration"),
        (
            "configuration",
            (
                "the configuration changed 3 h ago but is invalid; the previous one is still active: "
                "config.yaml:1:2: poll.evry: unknown key (and 1 more)"
            ),
        ),
    ],
)
def test_a_fault_is_told_in_words_for_the_person_on_call(name: str, words: str) -> None:
    assert judge(WRONG[name](WELL), RECEIVERS, START).faults == (words,)


def test_disconnected_numbers_are_named_and_are_no_fault_of_the_bridge() -> None:
    lost = {
        id_: Known(Number(id_, "+91 98", id_ == 3), START - id_ * SECOND * 60, reported=id_ == 2) for id_ in (1, 2, 3)
    }
    health = judge(with_fact(WELL, numbers.NUMBERS, numbers.written(lost, START)), RECEIVERS, START)
    assert health.checks["connections"] == Check(
        why="disconnected in WbizTool: number +91 98 for 60 s", since=START - 60 * SECOND
    )
    assert health.ok


def test_receiver_for_which_something_is_queued_says_that_it_is_tried() -> None:
    failing = replace(WRONG["receiver/crm"](WELL), deliveries={"crm": {DeliveryState.QUEUED: 1}})
    (words,) = judge(failing, RECEIVERS, START).faults
    assert words == "receiver crm has been failing for 4 min: HTTP 500 (the next try is due)"


def test_since_when_is_told_where_it_is_known() -> None:
    health = judge(WRONG["source"](WRONG["receiver/crm"](WRONG["configuration"](WELL))), RECEIVERS, START)
    assert health.checks["source"].since == START - 90 * SECOND
    assert health.checks["receiver/crm"].since == START - timedelta(minutes=4)
    assert health.checks["configuration"].since == REFUSED.at


@given(seconds=st.floats(-1e6, 1e6))
def test_a_daemon_runs_while_its_beat_is_fresh(seconds: float) -> None:
    beat = START - timedelta(seconds=seconds)
    health = judge(with_fact(WELL, ALIVE, beat.isoformat()), (), START)
    assert health.ok == (abs(START - beat) <= ALIVE_FOR)
    if not health.ok:
        assert health.faults == (f"the daemon is not running: it was last seen {ago(beat, START)}",)
        assert health.checks["scheduler"].since == beat


@given(seconds=st.floats(-1e6, 1e6))
def test_polling_lags_when_the_oldest_poll_is_late_by_more_than_five_minutes(seconds: float) -> None:
    due_at = START - timedelta(seconds=seconds)
    check = judge(replace(WELL, oldest_due=due_at), (), START).checks["polling"]
    assert check.ok == (START - due_at <= timedelta(minutes=5))
    assert check.since == (due_at if due_at < START else None)


def test_what_is_queued_is_told_but_is_no_fault() -> None:
    health = judge(owing(WELL, "crm"), RECEIVERS, START)
    assert health.ok
    assert health.checks["deliveries"] == Check(
        why="2 deliveries are queued, the oldest for 7 min", since=START - timedelta(minutes=7)
    )


@given(
    at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 -- hypothesis's own way
    faults=st.lists(st.text()),
)
def test_how_a_reload_ended_survives_being_written_and_read(at: datetime, faults: list[str]) -> None:
    reload = Reload(at.replace(microsecond=at.microsecond // 1000 * 1000), tuple(faults))
    assert Reload.read(reload.written()) == reload
    here = reload.at.astimezone(timezone(timedelta(hours=5.5)))
    assert Reload(here, reload.faults).written() == reload.written(), "always in UTC"


@pytest.mark.parametrize("fact", ["", "{}", '{"at": "2026-11-23T20:00:00Z"}'])
def test_a_configuration_that_was_never_refused_is_well(fact: str) -> None:
    assert judge(with_fact(WELL, RELOAD, fact), RECEIVERS, START).ok


def test_a_reload_that_went_well_tells_when() -> None:
    check = judge(with_fact(WELL, RELOAD, Reload(START).written()), (), START).checks["configuration"]
    assert check == Check(since=START)


def test_a_database_that_cannot_be_read_is_what_is_wrong() -> None:
    def read() -> Summary:
        raise NotNowError("the database /x/bridge.db is locked by another program")

    health = look(read, RECEIVERS, START)
    assert health == Health({"database": Check(ok=False, why="the database /x/bridge.db is locked by another program")})
    assert not health.ok
    assert look(lambda: WELL, RECEIVERS, START) == judge(WELL, RECEIVERS, START)


def test_messages_that_fail_too_often_are_no_fault_of_the_bridge_but_worth_a_word() -> None:
    assert judge(WELL, RECEIVERS, START).checks["messages"] == Check()
    first = Failing(START - timedelta(minutes=5), Counts(50, 12))
    known = {Group("tags.team"): Failing(START, Counts(9, 9)), Group("tags.team", "billing"): first}
    health = judge(with_fact(WELL, FAILING, written(known)), RECEIVERS, START)
    assert health.ok
    why = "messages of team billing have been failing for 5 min: 24% of 50 at first (and 1 more group)"
    assert health.checks["messages"] == Check(why=why, since=first.since)


def muted(summary: Summary, **more: Any) -> Summary:
    mute = Mute("ops", START - timedelta(hours=1), START + timedelta(hours=2), "deploy", "anna", **more)
    return replace(owing(summary, "ops", 3), mutes={"ops": mute})


def test_muted_receiver_is_no_fault_and_says_until_when() -> None:
    check = judge(muted(WELL), RECEIVERS, START).checks["receiver/ops"]
    assert check.ok
    words = "receiver ops is muted until 2026-11-23 22:11 UTC by anna: deploy (3 deliveries are held)"
    assert check.why == words
    dropping = judge(muted(WELL, drops=True, dropped=7), RECEIVERS, START).checks["receiver/ops"]
    assert dropping.why == words.replace(" (", "; nothing is kept (").replace("held)", "held, 7 not sent)")


def test_what_is_held_is_not_counted_as_queued() -> None:
    """The oldest of it is not late, whatever the summary's clock says of the others."""
    health = judge(owing(muted(WELL), "crm", 2), RECEIVERS, START)
    assert health.checks["deliveries"].why == "2 deliveries are queued, the oldest for 7 min"
    assert judge(replace(muted(WELL), oldest_queued=None), RECEIVERS, START).checks["deliveries"] == Check()


def test_quiet_hours_say_until_when_and_a_mute_goes_first() -> None:
    hold = Hold("ops", START - timedelta(hours=1), START + timedelta(hours=10))
    quiet = replace(WELL, holds={"ops": hold})
    words = "receiver ops is in quiet hours until 2026-11-24 06:11 UTC (0 deliveries are held)"
    assert judge(quiet, RECEIVERS, START).checks["receiver/ops"].why == words
    both = judge(replace(muted(WELL), holds={"ops": hold}), RECEIVERS, START).checks["receiver/ops"].why
    assert both is not None
    assert "muted until" in both


def test_failing_receiver_is_a_fault_though_it_is_muted() -> None:
    summary = replace(muted(WELL), breakers=(failing("ops"),))
    check = judge(summary, RECEIVERS, START).checks["receiver/ops"]
    assert not check.ok
    assert check.why is not None
    assert check.why.endswith("HTTP 500 (not tried: muted until 2026-11-23 22:11 UTC by anna: deploy)")


def test_mute_and_hold_that_are_over_say_nothing() -> None:
    """Until the daemon has ended them, which it does within a second: or there is none."""
    summary = replace(muted(WELL), holds={"ops": Hold("ops", START, START + timedelta(hours=1))})
    assert judge(summary, RECEIVERS, START + timedelta(hours=3)).checks["receiver/ops"] == Check()
