"""How things stand is read from the store's summary, and not too often."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bridge.daemon.metrics.cached_summary import KEPT_FOR
from bridge.daemon.metrics.registry import Metrics
from bridge.domain.breaker import CircuitBreaker
from bridge.domain.errors import NotNowError
from bridge.domain.events import SOURCE
from bridge.domain.failure_rate import FAILING, Counts, Failing, Group, written
from bridge.domain.health import REPORT
from bridge.domain.model import DeliveryState, Status
from bridge.domain.numbers import NUMBERS, Known, Number
from bridge.domain.numbers import written as written_numbers
from bridge.domain.summary import Summary
from bridge.store.errors import DatabaseError
from tests.world.clock import START, FakeClock
from tests.world.metrics import EMPTY, metrics, shown, value

if TYPE_CHECKING:
    from bridge.domain.errors import BridgeError

DOWN = {SOURCE: json.dumps({"failing_since": START.isoformat(), "reason": "HTTP 502", "refused": False})}


def test_messages_are_shown_by_status_those_that_were_not_seen_too() -> None:
    bridge = metrics(Summary({Status.UNKNOWN: 30, Status.PENDING: 2, None: 5}, 7, None, {}, None, (), {}))
    assert value(bridge, "messages", status="unknown") == 30
    assert value(bridge, "messages", status="pending") == 2
    assert value(bridge, "messages", status="not_seen") == 5
    assert value(bridge, "messages", status="sent") is None, "what is finished is not counted again and again"
    assert value(metrics(), "messages", status="pending") == 0, "a series that comes and goes is no number"
    assert value(bridge, "messages_polled") == 7


@pytest.mark.parametrize(("before", "seconds"), [(90, 90), (0, 0), (-30, 0), (None, 0)])
def test_delays_are_measured_until_now(before: float | None, seconds: float) -> None:
    moment = None if before is None else START - timedelta(seconds=before)
    bridge = metrics(Summary({}, 1, moment, {}, moment, (), {}))
    assert value(bridge, "poll_lag_seconds") == seconds
    assert value(bridge, "oldest_queued_seconds") == seconds


def test_what_is_queued_and_dead_is_shown_for_each_receiver_in_the_configuration() -> None:
    deliveries = {"crm": {DeliveryState.QUEUED: 3, DeliveryState.DELIVERED: 9}, "gone": {DeliveryState.QUEUED: 4}}
    bridge = metrics(Summary({}, 0, None, deliveries, None, (), {}))
    assert value(bridge, "deliveries_queued", receiver="crm") == 3
    assert value(bridge, "deliveries_dead", receiver="crm") == 0
    assert value(bridge, "deliveries_queued", receiver="ops") == 0
    assert value(bridge, "deliveries_queued", receiver="gone") is None
    assert value(bridge, "deliveries_orphaned") == 4


def test_a_receiver_is_up_until_its_gate_shuts() -> None:
    failing = CircuitBreaker("crm", failures=1, failing_since=START)
    down = CircuitBreaker("ops", failures=3, failing_since=START, is_open=True)
    bridge = metrics(Summary({}, 0, None, {}, None, (failing, down), {}), ["crm", "ops", "new"])
    assert {name: value(bridge, "receiver_up", receiver=name) for name in ("crm", "ops", "new")} == {
        "crm": 1,
        "ops": 0,
        "new": 1,
    }


@pytest.mark.parametrize(("facts", "up"), [({}, 1), ({SOURCE: "{}"}, 1), (DOWN, 0)])
def test_the_source_is_up_unless_it_was_told_that_it_is_down(facts: dict[str, str], up: float) -> None:
    assert value(metrics(Summary({}, 0, None, {}, None, (), facts)), "source_up") == up


@pytest.mark.parametrize(
    ("facts", "up"), [({}, 1), ({REPORT: ""}, 1), ({REPORT: "{}"}, 1), ({REPORT: DOWN[SOURCE]}, 0)]
)
def test_the_report_is_up_unless_it_cannot_be_read(facts: dict[str, str], up: float) -> None:
    assert value(metrics(Summary({}, 0, None, {}, None, (), facts)), "report_up") == up


def test_each_number_of_the_account_is_shown() -> None:
    known = {id_: Known(Number(id_, number, id_ == 1), START) for id_, number in ((1, "4915112345678"), (2, ""))}
    facts = {
        NUMBERS: written_numbers(known, START),
        "account": '{"client_id": 123, "base_url": "https://wbiztool.com"}',
    }
    bridge = metrics(Summary({}, 0, None, {}, None, (), facts))
    assert value(bridge, "number_connected", number="4915112345678") == 1
    assert value(bridge, "number_connected", number="2") == 0
    assert value(bridge, "account_info", account="123") == 1


@pytest.mark.parametrize("url", ["https://bridge.example.com/wa", None])
def test_where_browsers_see_the_page_is_shown_even_without_a_database(url: str | None) -> None:
    def fails() -> Summary:
        raise NotNowError("the database is locked")

    bridge = Metrics(fails, FakeClock(), tuple, pages=lambda: url)
    assert [labels["url"] for name, labels, _ in shown(bridge) if name == "wbiz_bridge_page_info"] == (
        [url] if url else []
    )


def test_groups_that_fail_too_often_are_counted() -> None:
    assert value(metrics(Summary({}, 0, None, {}, None, (), {})), "failing_groups") == 0
    known = {Group(): Failing(START, Counts(50, 12)), Group("tags.team", "a"): Failing(START, Counts(50, 12))}
    assert value(metrics(Summary({}, 0, None, {}, None, (), {FAILING: written(known)})), "failing_groups") == 2


@pytest.mark.parametrize("error", [NotNowError("the database is locked"), DatabaseError("the database is damaged")])
def test_without_a_database_the_counters_are_shown_all_the_same(error: BridgeError) -> None:
    def fails() -> Summary:
        raise error

    bridge = Metrics(fails, FakeClock(), lambda: ["crm"])
    assert value(bridge, "store_up") == 0
    assert value(bridge, "messages_polled") is None, "what is not known is not zero"
    assert value(bridge, "deliveries_total", receiver="crm", outcome="dead") == 0


def test_a_fault_of_our_own_is_not_taken_for_a_database_that_is_away() -> None:
    def fails() -> Summary:
        raise KeyError("paused")

    with pytest.raises(KeyError):
        Metrics(fails, FakeClock(), tuple).render()


def test_however_many_scrape_the_database_is_read_once_in_a_few_seconds() -> None:
    clock, read = FakeClock(), []

    def summary() -> Summary:
        read.append(clock.now())
        return EMPTY

    bridge = Metrics(summary, clock, tuple)
    assert read == [], "making metrics reads nothing"
    for _ in range(3):
        bridge.render()
        clock.advance(KEPT_FOR / 3)
    assert len(read) == 1
    bridge.render()
    assert len(read) == 2


def test_a_database_that_does_not_answer_holds_up_no_scrape_and_is_asked_once() -> None:
    clock, answers, asked = FakeClock(), threading.Event(), []

    def summary() -> Summary:
        asked.append(clock.now())
        answers.wait()
        return EMPTY

    bridge = Metrics(summary, clock, tuple, patience=0.01)
    try:
        for _ in range(3):
            assert value(bridge, "store_up") == 0
            assert any(name == "process_open_fds" for name, _, _ in shown(bridge))
            clock.advance(KEPT_FOR)
        assert len(asked) == 1
    finally:
        answers.set()
