"""The log tells what is news, with the ids that lead from a poll to a delivery."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import structlog

from bridge.daemon.log_listener import QUIET, LogListener
from bridge.domain.errors import NotNowError
from bridge.domain.model import DeliveryState, Event, EventType, Expired, Observation, Status
from bridge.domain.outcome import Dead, Delivered, Retry
from bridge.domain.poll_answer import Unavailable
from tests.world.clock import START, FakeClock
from tests.world.metrics import attempt, delivery, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from structlog.typing import EventDict

PENDING = Observation(Status.PENDING, START)
FAILURE = Unavailable("HTTP 502 Bad Gateway")
LOCKED = NotNowError("the database is locked by another program")


class Told:
    """A listener with a clock, and the lines it wrote."""

    def __init__(self, lines: list[EventDict]) -> None:
        self.lines = lines
        self.clock = FakeClock()
        self.listener = LogListener(self.clock.monotonic)

    def levels(self) -> list[str]:
        return [line["log_level"] for line in self.lines]

    def loud(self) -> list[EventDict]:
        return [line for line in self.lines if line["log_level"] != "debug"]


@pytest.fixture
def log() -> Iterator[Told]:
    structlog.reset_defaults()
    ours = logging.getLogger("bridge")
    before = ours.level
    ours.setLevel(logging.DEBUG)
    with structlog.testing.capture_logs() as lines:
        yield Told(lines)
    ours.setLevel(before)


def test_polls_that_find_a_status_are_told_at_debug_only(log: Told) -> None:
    log.listener.polled(12346, PENDING, 0.21)
    assert log.lines == [
        {"event": "polled", "log_level": "debug", "message_id": 12346, "status": "pending", "seconds": 0.21}
    ]


def test_of_many_failing_polls_the_first_is_a_warning(log: Told) -> None:
    for second in range(1000):
        log.listener.polled(second, FAILURE, 0.2)
        log.clock.advance(1)
    assert log.levels() == ["warning"] + 999 * ["debug"]
    assert log.lines[0]["why"] == "HTTP 502 Bad Gateway"
    assert log.lines[0]["kind"] == "unavailable"
    assert log.lines[0]["message_id"] == 0


def test_where_every_second_poll_fails_it_is_one_warning_a_minute(log: Told) -> None:
    for _ in range(600):
        log.listener.polled(1, FAILURE, 0.2)
        log.listener.polled(2, PENDING, 0.2)
        log.clock.advance(1)
    assert len(log.loud()) == 600 / QUIET


def test_a_failure_after_a_good_time_is_news_again(log: Told) -> None:
    log.listener.polled(1, FAILURE, 0.2)
    log.listener.polled(1, PENDING, 0.2)
    log.clock.advance(QUIET)
    log.listener.polled(1, FAILURE, 0.2)
    assert [line["event"] for line in log.loud()] == ["poll_failed", "poll_failed"]


@pytest.mark.parametrize(
    ("type_", "level"),
    [(EventType.MESSAGE_SENT, "info"), (EventType.MESSAGE_FAILED, "warning"), (EventType.MESSAGE_UNKNOWN, "warning")],
)
def test_a_transition_is_one_line_with_its_ids(log: Told, type_: EventType, level: str) -> None:
    log.listener.event_recorded(told(12346, type_))
    (line,) = log.lines
    assert (line["event"], line["log_level"]) == (str(type_), level)
    assert {"message_id": 12346, "event_id": "evt_12346", "sequence": 2, "previous": "pending"}.items() <= line.items()


def test_a_change_of_health_is_one_line(log: Told) -> None:
    data = {"receiver": "crm", "since": "2026-11-23T20:11:12.345Z", "reason": "HTTP 502 Bad Gateway", "sequence": 1}
    log.listener.event_recorded(Event("evt_1", EventType.RECEIVER_DOWN, START, "receiver/crm", 1, data))
    data = {"receiver": "crm", "since": "2026-11-23T20:21:12.345Z", "down_since": data["since"], "reason": None}
    log.listener.event_recorded(Event("evt_2", EventType.RECEIVER_UP, START, "receiver/crm", 2, data))
    down, up = log.lines
    assert (down["event"], down["log_level"], down["receiver"], down["reason"]) == (
        "receiver.down",
        "warning",
        "crm",
        "HTTP 502 Bad Gateway",
    )
    assert (up["event"], up["log_level"], up["down_since"]) == ("receiver.up", "info", down["since"])


def test_the_line_of_a_number_says_which(log: Told) -> None:
    data = {"number": "4915100000002", "whatsapp_client_id": 2, "since": "2026-11-23T20:11:12.345Z"}
    data |= {"disconnected_seconds": 60}
    log.listener.event_recorded(Event("evt_1", EventType.NUMBER_DISCONNECTED, START, "number/2", 1, data))
    (line,) = log.lines
    assert (line["event"], line["log_level"]) == ("number.disconnected", "warning")
    assert {key: line[key] for key in data} == data


@pytest.mark.parametrize(
    ("state", "outcome", "event", "level"),
    [
        (DeliveryState.DELIVERED, Delivered(), "delivered", "info"),
        (DeliveryState.DEAD, Dead("410 Gone"), "delivery_dead", "error"),
    ],
)
def test_the_end_of_a_delivery_is_one_line_however_many_attempts_it_took(
    log: Told, state: DeliveryState, outcome: Delivered | Dead, event: str, level: str
) -> None:
    log.listener.tried("crm", [delivery(state)], [attempt(Retry("HTTP 502")), attempt(outcome)])
    (line,) = log.lines
    assert (line["event"], line["log_level"]) == (event, level)
    assert {"receiver": "crm", "delivery": 7, "event_id": "evt_12346", "message_id": 12346}.items() <= line.items()


def test_each_delivery_of_a_digest_has_its_line(log: Told) -> None:
    log.listener.tried("ops", [delivery(DeliveryState.DELIVERED, "ops", id_) for id_ in (1, 2)], [attempt(Delivered())])
    assert [line["message_id"] for line in log.lines] == [1, 2]


def test_what_is_given_up_with_its_receiver_has_a_line_each(log: Told) -> None:
    log.listener.expired("crm", [Expired(7, "evt_1", 12346, "given up"), Expired(8, "evt_2", None, "given up")])
    assert [(line["event"], line["log_level"], line["why"]) for line in log.lines] == [
        ("delivery_dead", "error", "given up")
    ] * 2
    assert {"receiver": "crm", "delivery": 7, "event_id": "evt_1", "message_id": 12346}.items() <= log.lines[0].items()
    assert "message_id" not in log.lines[1]


def test_of_deliveries_that_wait_the_first_is_a_warning_for_each_receiver(log: Told) -> None:
    for _ in range(50):
        for receiver in ("crm", "ops"):
            waiting = [delivery(DeliveryState.QUEUED, receiver, id_) for id_ in range(20)]
            log.listener.tried(receiver, waiting, [attempt(Retry("HTTP 502"))])
        log.clock.advance(10)
    assert [(line["event"], line["receiver"]) for line in log.loud()] == [
        ("delivery_failed", "crm"),
        ("delivery_failed", "ops"),
    ]
    log.listener.tried("crm", [delivery(DeliveryState.DELIVERED)], [attempt(Delivered())])
    log.listener.tried("crm", [delivery(DeliveryState.QUEUED)], [attempt(Retry("HTTP 502"))])
    assert log.lines[-1]["log_level"] == "warning"
    assert log.lines[-1]["again_at"] == "2026-11-23T20:11:12.345Z"


def probed(log: Told, why: str, probes: int, *, ids: Sequence[int] = (12346,)) -> None:
    failed = [replace(delivery(DeliveryState.QUEUED, "crm", id_), reason=why, probes=probes) for id_ in ids]
    log.listener.tried("crm", failed, [replace(attempt(Retry(why)), probe=True)])


def test_of_failed_probes_one_an_hour_is_a_warning(log: Told) -> None:
    log.listener.tried("crm", [delivery(DeliveryState.QUEUED)], [attempt(Retry("HTTP 502 Bad Gateway"))])
    for minute in range(3 * 60):
        log.clock.advance(60)
        probed(log, "HTTP 502 Bad Gateway", minute + 1)
    assert [(line["event"], line.get("probes")) for line in log.loud()] == [
        ("delivery_failed", None),
        ("probe_failed", 60),
        ("probe_failed", 120),
        ("probe_failed", 180),
    ]
    assert len(log.lines) == 1 + 3 * 60


def test_a_failed_probe_is_a_warning_when_its_reason_is_another(log: Told) -> None:
    reasons = ["refused", "refused", "HTTP 503", "HTTP 503", "refused", "refused"]
    for second, why in enumerate(reasons):
        probed(log, why, second + 1)
        log.clock.advance(1)
    assert [(line["why"], line["probes"], line["log_level"]) for line in log.loud()] == [
        ("refused", 1, "warning"),
        ("HTTP 503", 3, "warning"),
        ("refused", 5, "warning"),
    ]
    assert {"receiver": "crm", "delivery": 7, "http_status": 502, "seconds": 0.25}.items() <= log.lines[0].items()


def test_a_failed_probe_with_a_digest_is_one_line(log: Told) -> None:
    probed(log, "HTTP 503", 1, ids=range(1, 51))
    (line,) = log.lines
    assert (line["event"], line["log_level"]) == ("probe_failed", "warning")


def test_a_probe_that_ends_deliveries_is_a_line_for_each(log: Told) -> None:
    dead = [delivery(DeliveryState.DEAD, "crm", id_) for id_ in (1, 2)]
    log.listener.tried("crm", dead, [replace(attempt(Dead("410 Gone")), probe=True)])
    assert [(line["event"], line["message_id"]) for line in log.lines] == [("delivery_dead", 1), ("delivery_dead", 2)]


def test_a_step_that_fails_each_second_is_told_once_a_minute(log: Told) -> None:
    for _ in range(180):
        log.listener.step_failed("polling", LOCKED)
        log.listener.step_failed("housekeeping", LOCKED)
        log.clock.advance(1)
    assert [(line["log_level"], line["where"]) for line in log.loud()] == 3 * [
        ("error", "polling"),
        ("error", "housekeeping"),
    ]


def test_ids_lead_from_the_poll_to_the_delivery(log: Told) -> None:
    log.listener.polled(12346, Observation(Status.FAILED, START), 0.2)
    log.listener.event_recorded(told())
    log.listener.tried("crm", [delivery(DeliveryState.QUEUED)], [attempt(Retry("HTTP 502"))])
    log.clock.advance(timedelta(minutes=5).total_seconds())
    log.listener.tried("crm", [delivery(DeliveryState.DELIVERED)], [attempt(Delivered())])
    assert {line["message_id"] for line in log.lines} == {12346}
    assert {line["event_id"] for line in log.lines[1:]} == {"evt_12346"}
    assert {line["delivery"] for line in log.lines[2:]} == {7}
