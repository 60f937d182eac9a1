"""What happens is counted, under labels that have bounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import __version__
from bridge.daemon.metrics.gauges import NOT_SEEN
from bridge.daemon.metrics.registry import Metrics
from bridge.domain.errors import NotNowError
from bridge.domain.model import DeliveryState, EventType, Expired, Observation, Status
from bridge.domain.outcome import Dead, Delivered, Retry
from bridge.domain.poll_answer import Answer, Malformed, Refused, Throttled, Unavailable
from bridge.domain.reasons import LABELS
from tests.world.clock import START, FakeClock
from tests.world.metrics import EMPTY, attempt, delivery, metrics, shown, told, value

OUTCOMES: dict[str, Answer] = {
    **{str(status): Observation(status, START) for status in Status},
    "malformed": Malformed("status is 7"),
    "refused": Refused("Auth Error"),
    "throttled": Throttled("HTTP 429 Too Many Requests", None),
    "unavailable": Unavailable("HTTP 502 Bad Gateway"),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_poll_is_counted_by_what_came_of_it(outcome: str) -> None:
    bridge = metrics()
    assert value(bridge, "polls_total", outcome=outcome) == 0, "from the start: the first one is an increase"
    bridge.listener.polled(12346, OUTCOMES[outcome], 0.3)
    assert value(bridge, "polls_total", outcome=outcome) == 1
    assert sum(number for name, _, number in shown(bridge) if name == "wbiz_bridge_polls_total") == 1
    assert value(bridge, "poll_duration_seconds_sum") == 0.3
    assert value(bridge, "poll_duration_seconds_bucket", le="0.25") == 0
    assert value(bridge, "poll_duration_seconds_bucket", le="0.5") == 1


def test_a_transition_is_counted_by_its_status_and_every_event_by_its_type() -> None:
    bridge = metrics()
    bridge.listener.event_recorded(told(1, EventType.MESSAGE_FAILED))
    bridge.listener.event_recorded(told(1, EventType.MESSAGE_STUCK))
    assert value(bridge, "transitions_total", status="failed") == 1
    assert sum(number for name, _, number in shown(bridge) if name == "wbiz_bridge_transitions_total") == 1
    assert value(bridge, "events_total", type="message.failed") == 1
    assert value(bridge, "events_total", type="message.stuck") == 1


def test_failures_are_counted_by_the_class_of_their_reason() -> None:
    bridge = metrics()
    assert value(bridge, "message_failures_total", reason="sender_banned") == 0, "from the start"
    assert value(bridge, "message_failures_total", reason="none_given") == 0
    failed = told(1, EventType.MESSAGE_FAILED)
    errors = ["Invalid phone number", "This sender is banned", "Something odd 4711", "Something odd 4712", "", None]
    for error in errors:
        bridge.listener.event_recorded(
            replace(failed, json={**failed.json, "current": {"status": "failed", "error": error}})
        )
    bridge.listener.event_recorded(replace(failed, json={}))
    counts = {
        labels["reason"]: number
        for name, labels, number in shown(bridge)
        if name == "wbiz_bridge_message_failures_total" and number
    }
    assert counts == {"invalid_number": 1, "sender_banned": 1, "other": 2, "none_given": 3}


def test_last_success_of_polls_and_of_the_heartbeat_is_shown() -> None:
    bridge = metrics()
    names = ("poll_last_success_timestamp_seconds", "heartbeat_last_success_timestamp_seconds")
    bridge.listener.polled(1, OUTCOMES["unavailable"], 0.3)
    assert [value(bridge, name) for name in names] == [0, 0]
    bridge.listener.polled(1, OUTCOMES["pending"], 0.3)
    bridge.listener.heartbeat_taken()
    assert [value(bridge, name) for name in names] == [START.timestamp()] * 2


def test_a_round_counts_each_of_its_attempts_and_the_delivery_once() -> None:
    bridge = metrics()
    made = [attempt(Retry("HTTP 502"), 3), attempt(Retry("HTTP 502"), 4), attempt(Delivered(), 0.5)]
    bridge.listener.tried("crm", [delivery(DeliveryState.DELIVERED)], made)
    assert value(bridge, "delivery_attempts_total", receiver="crm", outcome="failed") == 2
    assert value(bridge, "delivery_attempts_total", receiver="crm", outcome="delivered") == 1
    assert value(bridge, "delivery_attempt_duration_seconds_sum", receiver="crm") == 7.5
    assert value(bridge, "deliveries_total", receiver="crm", outcome="delivered") == 1
    assert value(bridge, "deliveries_total", receiver="ops", outcome="delivered") == 0


def test_a_digest_counts_each_delivery_it_carried() -> None:
    bridge = metrics()
    bridge.listener.tried(
        "ops", [delivery(DeliveryState.DEAD, "ops", id_) for id_ in range(40)], [attempt(Dead("410"))]
    )
    assert value(bridge, "deliveries_total", receiver="ops", outcome="dead") == 40
    assert value(bridge, "delivery_attempts_total", receiver="ops", outcome="refused") == 1
    assert value(bridge, "delivery_delay_seconds_count", receiver="ops") == 0, "nothing was taken"


def test_what_is_given_up_with_its_receiver_has_ended_too() -> None:
    bridge = metrics()
    bridge.listener.expired("crm", [Expired(id_, f"evt_{id_}", id_, "given up") for id_ in range(3)])
    assert value(bridge, "deliveries_total", receiver="crm", outcome="dead") == 3


def test_what_is_queued_still_has_not_ended() -> None:
    bridge = metrics()
    bridge.listener.tried("crm", [delivery(DeliveryState.QUEUED)], [attempt(Retry("HTTP 502"))])
    assert value(bridge, "deliveries_total", receiver="crm", outcome="delivered") == 0
    assert value(bridge, "deliveries_total", receiver="crm", outcome="dead") == 0


@pytest.mark.parametrize(("seconds", "counted"), [(90, 90), (-90, 0)])
def test_the_delay_of_a_delivery_is_measured_from_its_event(seconds: float, counted: float) -> None:
    bridge = metrics()
    late = delivery(DeliveryState.DELIVERED, finished_at=START + timedelta(seconds=seconds))
    bridge.listener.tried("crm", [late], [attempt(Delivered())])
    assert value(bridge, "delivery_delay_seconds_sum", receiver="crm") == counted


def test_failed_steps_are_counted() -> None:
    bridge = metrics()
    bridge.listener.step_failed("delivering to crm", NotNowError("the database is locked by another program"))
    assert value(bridge, "step_failures_total") == 1


def test_a_receiver_that_leaves_the_configuration_vanishes_and_begins_anew_when_it_is_back() -> None:
    names = ["crm", "ops"]
    bridge = Metrics(lambda: EMPTY, FakeClock(), lambda: tuple(names))
    end = [delivery(DeliveryState.DELIVERED)], [attempt(Delivered())]
    bridge.listener.tried("crm", *end)
    assert value(bridge, "deliveries_total", receiver="crm", outcome="delivered") == 1
    names.remove("crm")
    for _ in range(2):
        assert {labels["receiver"] for _, labels, _ in shown(bridge) if "receiver" in labels} == {"ops"}
        bridge.listener.tried("crm", *end)  # it was in flight when its receiver left
    bridge.render()
    names.append("crm")
    assert value(bridge, "deliveries_total", receiver="crm", outcome="delivered") == 0


def test_reloads_show_whether_the_latest_is_in_force_and_since_when_that_is() -> None:
    clock = FakeClock()
    bridge = Metrics(lambda: EMPTY, clock, tuple)
    clock.advance(60)
    bridge.listener.reloaded(["config.yaml:3:1: wbiztol: unknown key"])
    assert value(bridge, "config_last_reload_successful") == 0
    assert value(bridge, "config_last_reload_success_timestamp_seconds") == START.timestamp()
    bridge.listener.reloaded([])
    assert value(bridge, "config_last_reload_successful") == 1
    assert value(bridge, "config_last_reload_success_timestamp_seconds") == START.timestamp() + 60


def test_two_bridges_in_one_process_count_apart() -> None:
    one, other = metrics(), metrics()
    one.listener.polled(1, OUTCOMES["sent"], 0.1)
    assert value(other, "polls_total", outcome="sent") == 0


NAMES = ("crm", "ops")
BOUNDED = {
    *(str(each) for kind in (Status, EventType, DeliveryState) for each in kind),
    *OUTCOMES,
    *NAMES,
    *("delivered", "new", "changed", NOT_SEEN),
    *("message", "delivery", "step", "http", "other"),
    *("open", "acknowledged"),
    *LABELS,
    *("2xx", "3xx", "4xx", "5xx"),
}

words = st.text(max_size=30)
ids = st.integers(10**6, 10**18)
outcomes = st.one_of(st.just(Delivered()), st.builds(Retry, words), st.builds(Dead, words))
calls = st.one_of(
    st.tuples(
        st.just("polled"),
        ids,
        st.one_of(
            st.builds(Observation, st.sampled_from(Status), st.just(START), words),
            *(st.builds(kind, words) for kind in (Malformed, Refused, Unavailable)),
            st.builds(Throttled, words, st.none()),
        ),
        st.floats(0, 1e6),
    ),
    st.tuples(st.just("event_recorded"), st.builds(told, ids, st.sampled_from(EventType))),
    st.tuples(
        st.just("tried"),
        st.sampled_from([*NAMES, "gone"]),
        st.lists(st.builds(delivery, st.sampled_from(DeliveryState), message_id=ids), max_size=3),
        st.lists(st.builds(attempt, outcomes), min_size=1, max_size=3),
    ),
    st.tuples(
        st.just("expired"),
        st.sampled_from([*NAMES, "gone"]),
        st.lists(st.builds(Expired, ids, words, st.none() | ids, words), max_size=3),
    ),
    st.tuples(st.just("step_failed"), words, st.builds(NotNowError, words)),
    st.tuples(st.just("reloaded"), st.lists(words, max_size=2)),
    st.tuples(st.just("discovered"), ids, ids, st.floats(0, 100)),
    st.tuples(st.just("paced"), st.floats(0, 1)),
)


@pytest.mark.slow
@given(happened=st.lists(calls, max_size=30))
def test_whatever_happens_labels_have_bounds_and_the_number_of_series_stays(happened: list[tuple[str, object]]) -> None:
    bridge = metrics(receivers=NAMES)
    before = sum(1 for _ in shown(bridge))
    for name, *arguments in happened:
        getattr(bridge.listener, name)(*arguments)
    after = list(shown(bridge))
    assert len(after) == before
    for name, labels, _ in after:
        if name != "wbiz_bridge_build_info":
            assert {text for label, text in labels.items() if label != "le"} <= BOUNDED


def test_the_version_is_shown() -> None:
    (labels,) = (labels for name, labels, _ in shown(metrics()) if name == "wbiz_bridge_build_info")
    assert labels["version"] == __version__


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.4", "application/openmetrics-text; version=1.0.0"),
    ],
)
def test_the_scraper_chooses_the_format(accept: str, content_type: str) -> None:
    body, named = metrics().render(accept)
    assert named.startswith(content_type)
    assert body.endswith(b"# EOF\n") == ("openmetrics" in accept)
