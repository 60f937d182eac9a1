"""Counts what happens, as a listener. No label holds what has no bounds: no message's id, no words of an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never, get_args

from prometheus_client import Counter, Gauge, Histogram

from bridge.domain import reasons
from bridge.domain.event_data import message_data
from bridge.domain.model import DeliveryState, EventType, Observation, Status
from bridge.domain.observer import Listener
from bridge.domain.outcome import OutcomeName, name_of
from bridge.domain.poll_answer import Malformed, Refused, Throttled, Unavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from prometheus_client import CollectorRegistry

    from bridge.domain.clock import Clock
    from bridge.domain.errors import BridgeError
    from bridge.domain.model import Attempt, Delivery, Event, Expired
    from bridge.domain.poll_answer import Answer

_POLL_FAILURES = ("malformed", "refused", "throttled", "unavailable")
_ATTEMPT_OUTCOMES = get_args(OutcomeName)
_ANSWERS = ("2xx", "3xx", "4xx", "5xx")
_CONCERNED = ("message", "delivery", "step", "http", "other")
_ENDS = (DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.DROPPED)
_TRANSITIONS = {EventType.of_status(status): str(status) for status in Status}

_CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40)
_DELAY_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 43200, 172800, 345600)
"""From "at once" to beyond the schedule's end."""


class Counters(Listener):
    """Counters and histograms of one running bridge."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._clock = clock
        self._polls = Counter(
            "wbiz_bridge_polls_total",
            "Polls of messages, by the status found or the kind of failure.",
            ["outcome"],
            registry=registry,
        )
        self._poll_seconds = Histogram(
            "wbiz_bridge_poll_duration_seconds",
            "How long polls took, with their retries and the waits for the rate limit.",
            buckets=_CALL_SECONDS,
            registry=registry,
        )
        self._transitions = Counter(
            "wbiz_bridge_transitions_total", "Changes of messages, by the new status.", ["status"], registry=registry
        )
        self._events = Counter(
            "wbiz_bridge_events_total", "Events of every type, transitions included.", ["type"], registry=registry
        )
        self._message_failures = Counter(
            "wbiz_bridge_message_failures_total",
            "Messages that were seen to fail, by the class of WbizTool's reason.",
            ["reason"],
            registry=registry,
        )
        for reason in reasons.LABELS:
            self._message_failures.labels(reason)
        self._polled_at = Gauge(
            "wbiz_bridge_poll_last_success_timestamp_seconds",
            "When a poll last brought a status; 0 before the first.",
            registry=registry,
        )
        self._beat_at = Gauge(
            "wbiz_bridge_heartbeat_last_success_timestamp_seconds",
            "When the heartbeat was last taken; 0 before the first.",
            registry=registry,
        )
        self._rate_used = Gauge(
            "wbiz_bridge_rate_used",
            "What part of the rate limit is used: less than 1 while WbizTool has too much to do.",
            registry=registry,
        )
        self._rate_used.set(1)
        self._report_messages = Counter(
            "wbiz_bridge_report_messages_total",
            "Messages that the account's report showed as new, or changed.",
            ["what"],
            registry=registry,
        )
        self._step_failures = Counter(
            "wbiz_bridge_step_failures_total", "Steps that failed and will be tried again.", registry=registry
        )
        self._http_requests = Counter(
            "wbiz_bridge_http_requests_total",
            "Requests over HTTP, by the class of their answer; 4xx is a fault of the client's.",
            ["answer"],
            registry=registry,
        )
        for answer in _ANSWERS:
            self._http_requests.labels(answer)
        self._internal_errors = Counter(
            "wbiz_bridge_internal_errors_total",
            "Faults of the bridge's own, by what they concerned; it is set aside and tried again. Please report them.",
            ["of"],
            registry=registry,
        )
        for of in _CONCERNED:
            self._internal_errors.labels(of)
        self._reload_ok = Gauge(
            "wbiz_bridge_config_last_reload_successful",
            "Whether the configuration that was read last is in force.",
            registry=registry,
        )
        self._reload_at = Gauge(
            "wbiz_bridge_config_last_reload_success_timestamp_seconds",
            "When the configuration that is in force was read.",
            registry=registry,
        )
        self._receivers = _Receivers(registry)
        self._by_outcome = {str(outcome): self._polls.labels(outcome) for outcome in (*Status, *_POLL_FAILURES)}
        for what in ("new", "changed"):
            self._report_messages.labels(what)
        for status in Status:
            self._transitions.labels(status)
        for type_ in EventType:
            self._events.labels(type_)

    def polled(self, message_id: int, answer: Answer, seconds: float) -> None:  # noqa: ARG002 -- the listener's signature
        """Count a poll."""
        self._by_outcome[_outcome_of_poll(answer)].inc()
        self._poll_seconds.observe(seconds)
        if isinstance(answer, Observation):
            self._polled_at.set(self._clock.now().timestamp())

    def event_recorded(self, event: Event) -> None:
        """Count an event."""
        self._events.labels(event.type).inc()
        status = _TRANSITIONS.get(event.type)
        if status is not None:
            self._transitions.labels(status).inc()
        if event.type is EventType.MESSAGE_FAILED:
            error = message_data(event.data).current.error
            self._message_failures.labels(reasons.label_of(error or "")).inc()

    def heartbeat_taken(self) -> None:
        """Note when."""
        self._beat_at.set(self._clock.now().timestamp())

    def tried(self, receiver: str, deliveries: Sequence[Delivery], attempts: Sequence[Attempt]) -> None:
        """Count attempts, and deliveries that ended with them."""
        series = self._receivers.of(receiver)
        for attempt in attempts:
            series.attempts[name_of(attempt.outcome)].inc()
            series.attempt_seconds.observe(attempt.duration)
        for delivery in deliveries:
            if delivery.state is DeliveryState.QUEUED:
                continue
            series.ends[delivery.state].inc()
            if delivery.state is DeliveryState.DELIVERED and delivery.finished_at and delivery.resent is None:
                delay = (delivery.finished_at - delivery.first_due_at).total_seconds()
                series.delay.observe(max(0.0, delay))  # a clock may have been set back

    def expired(self, receiver: str, deliveries: Sequence[Expired]) -> None:
        """Count what was given up without an attempt of its own."""
        self._receivers.of(receiver).ends[DeliveryState.DEAD].inc(len(deliveries))

    def dropped(self, receiver: str, count: int) -> None:
        """Count what is not sent on purpose."""
        self._receivers.of(receiver).ends[DeliveryState.DROPPED].inc(count)

    def reloaded(self, faults: Sequence[str], changed: Sequence[str] = ()) -> None:  # noqa: ARG002 -- the listener's signature
        """Note that the configuration was read again."""
        self._reload_ok.set(not faults)
        if not faults:
            self._reload_at.set(self._clock.now().timestamp())

    def paced(self, used: float) -> None:
        """Note what part of the rate is used."""
        self._rate_used.set(used)

    def discovered(self, new: int, changed: int, seconds: float) -> None:  # noqa: ARG002 -- the listener's signature
        """Count what the report showed."""
        self._report_messages.labels("new").inc(new)
        self._report_messages.labels("changed").inc(changed)

    def step_failed(self, where: str, error: BridgeError) -> None:  # noqa: ARG002 -- the listener's signature
        """Count a step that failed."""
        self._step_failures.inc()

    def answered(self, status: int) -> None:
        """Count a request over HTTP."""
        self._http_requests.labels(_ANSWERS[min(max(status // 100, 2), 5) - 2]).inc()

    def internal_error(self, where: str, error: BaseException) -> None:  # noqa: ARG002 -- as above
        """Count a fault of our own."""
        of = where.partition(" ")[0]
        self._internal_errors.labels(of if of in _CONCERNED else "other").inc()

    def keep(self, receivers: Collection[str]) -> None:
        """Begin the series of these receivers where they are new, and end those of all others."""
        self._receivers.keep(receivers)


class _Receivers:
    """What is counted for each receiver."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ends = Counter(
            "wbiz_bridge_deliveries_total",
            "Deliveries that ended: delivered, dead (given up), or dropped (muted with drop, or over before `hold`).",
            ["receiver", "outcome"],
            registry=registry,
        )
        self.delay = Histogram(
            "wbiz_bridge_delivery_delay_seconds",
            "From when a delivery was first due, or released, to the receiver's having taken it.",
            ["receiver"],
            buckets=_DELAY_SECONDS,
            registry=registry,
        )
        self.attempts = Counter(
            "wbiz_bridge_delivery_attempts_total",
            "Attempts to deliver: delivered, failed (to be tried again), or refused for good.",
            ["receiver", "outcome"],
            registry=registry,
        )
        self.attempt_seconds = Histogram(
            "wbiz_bridge_delivery_attempt_duration_seconds",
            "How long attempts to deliver took.",
            ["receiver"],
            buckets=_CALL_SECONDS,
            registry=registry,
        )
        self._of: dict[str, _Series] = {}

    def of(self, receiver: str) -> _Series:
        """Return a receiver's series, begun where they are new: looking up labels takes as long as counting."""
        series = self._of.get(receiver)
        if series is None:
            series = self._of[receiver] = _Series(
                ends={end: self.ends.labels(receiver, end) for end in _ENDS},
                delay=self.delay.labels(receiver),
                attempts={outcome: self.attempts.labels(receiver, outcome) for outcome in _ATTEMPT_OUTCOMES},
                attempt_seconds=self.attempt_seconds.labels(receiver),
            )
        return series

    def keep(self, receivers: Collection[str]) -> None:
        """Begin the series of these receivers where they are new, and end those of all others.

        At each scrape: one that is gone may have had an attempt in flight, which began its series again. They show
        zeros from the start: the first of something would otherwise be no increase.
        """
        for receiver in receivers:
            self.of(receiver)
        for receiver in [each for each in self._of if each not in receivers]:
            self._end(receiver)

    def _end(self, receiver: str) -> None:
        del self._of[receiver]
        self.delay.remove(receiver)
        self.attempt_seconds.remove(receiver)
        for end in _ENDS:
            self.ends.remove(receiver, end)
        for outcome in _ATTEMPT_OUTCOMES:
            self.attempts.remove(receiver, outcome)


@dataclass(frozen=True, slots=True)
class _Series:
    """One receiver's series."""

    ends: Mapping[DeliveryState, Counter]
    delay: Histogram
    attempts: Mapping[str, Counter]
    attempt_seconds: Histogram


def _outcome_of_poll(answer: Answer) -> str:
    match answer:
        case Observation(status=status):
            return status
        case Malformed():
            return "malformed"
        case Refused():
            return "refused"
        case Throttled():
            return "throttled"
        case Unavailable():
            return "unavailable"
        case _:
            assert_never(answer)
