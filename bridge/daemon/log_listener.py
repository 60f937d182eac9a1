"""What is logged: one line for an event, one for a delivery's end, and failures where they are news."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import structlog

from bridge.daemon.logs import LEVEL
from bridge.domain.clock import isoformat
from bridge.domain.errors import InternalError, place_of
from bridge.domain.event_data import MessageData, SummaryData
from bridge.domain.events import SOURCE, receiver_subject
from bridge.domain.json_object import written
from bridge.domain.model import DeliveryState, Observation
from bridge.domain.observer import Listener
from bridge.receivers.wording import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.domain.errors import BridgeError
    from bridge.domain.model import Attempt, Delivery, Event, Expired
    from bridge.domain.mute import Mute
    from bridge.domain.poll_answer import Answer

QUIET = 60.0
"""Seconds for which failures of the same kind are not logged again, other than at debug: where every second poll fails,
each of them is the first one after a success."""

REMINDED_EVERY = 3600.0
"""Seconds after which a failed probe is logged again although its reason is the same: the log shows that it goes on."""


class LogListener(Listener):
    """Writes what happens to the log."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._log = structlog.get_logger()
        self._failures = _Failures(monotonic)
        self._slowed = False

    def polled(self, message_id: int, answer: Answer, seconds: float) -> None:
        """Log a poll: at debug, unless it brought no status and that is news."""
        fields = {"message_id": message_id, "seconds": round(seconds, 3)}
        if isinstance(answer, Observation):
            self._failures.ended(SOURCE)
            if LEVEL.isEnabledFor(logging.DEBUG):  # asked first, because nearly every poll comes here
                self._log.debug("polled", status=str(answer.status), **fields)
        else:
            log = self._log.warning if self._failures.are_news(SOURCE) else self._log.debug
            log("poll_failed", why=answer.why, kind=type(answer).__name__.lower(), **fields)

    def event_recorded(self, event: Event) -> None:
        """Log an event."""
        fields = {"event_id": event.id, "sequence": event.sequence, **_fields(event)}
        log = self._log.warning if WORDS[event.type].severity.needs_attention else self._log.info
        log(str(event.type), **{key: value for key, value in fields.items() if value is not None})

    def tried(self, receiver: str, deliveries: Sequence[Delivery], attempts: Sequence[Attempt]) -> None:
        """Log how deliveries ended; one that will be tried again at debug, unless that is news."""
        if attempts[-1].probe and all(delivery.state is DeliveryState.QUEUED for delivery in deliveries):
            self._probe_failed(receiver, deliveries[0], attempts[-1])
            return
        for delivery in deliveries:
            if delivery.state is DeliveryState.DELIVERED:
                self._failures.ended(receiver_subject(receiver))
                if not LEVEL.isEnabledFor(logging.INFO):  # asked first, because nearly every delivery comes here
                    continue
            fields = {
                "receiver": receiver,
                "delivery": delivery.id,
                "event_id": delivery.event.id,
                "message_id": delivery.event.message_id,
                "http_status": attempts[-1].http_status,
                "seconds": round(attempts[-1].duration, 3),
            }
            fields = {key: value for key, value in fields.items() if value is not None}
            match delivery.state:
                case DeliveryState.DELIVERED:
                    self._log.info("delivered", **fields)
                case DeliveryState.DEAD:
                    self._log.error("delivery_dead", why=delivery.reason, **fields)
                case DeliveryState.QUEUED:
                    news = self._failures.are_news(receiver_subject(receiver), delivery.reason)
                    log = self._log.warning if news else self._log.debug
                    log("delivery_failed", why=delivery.reason, again_at=isoformat(delivery.due_at), **fields)

    def _probe_failed(self, receiver: str, delivery: Delivery, probe: Attempt) -> None:
        """Log that a receiver still fails: where its reason has changed, else once an hour, and the others at debug."""
        fields: dict[str, Any] = {"receiver": receiver, "delivery": delivery.id, "probes": delivery.probes}
        if probe.http_status is not None:
            fields["http_status"] = probe.http_status
        news = self._failures.still_news(receiver_subject(receiver), delivery.reason)
        log = self._log.warning if news else self._log.debug
        log("probe_failed", why=delivery.reason, seconds=round(probe.duration, 3), **fields)

    def expired(self, receiver: str, deliveries: Sequence[Expired]) -> None:
        """Log what was given up with its receiver: a line each, for each is a message of somebody's."""
        for delivery in deliveries:
            about = {} if delivery.message_id is None else {"message_id": delivery.message_id}
            self._log.error(
                "delivery_dead",
                why=delivery.reason,
                receiver=receiver,
                delivery=delivery.id,
                event_id=delivery.event_id,
                **about,
            )

    def dropped(self, receiver: str, count: int) -> None:
        """Log that something is not sent, on purpose."""
        self._log.info("deliveries_dropped", receiver=receiver, count=count)

    def muted(self, mute: Mute) -> None:
        """Log that a receiver is muted."""
        fields = {"until": isoformat(mute.until), "drop": mute.drops, "by": mute.by, "reason": mute.reason}
        given = {key: value for key, value in fields.items() if value is not None}
        self._log.info("muted", receiver=mute.receiver, **given)

    def unmuted(self, mute: Mute) -> None:
        """Log that a receiver is no longer muted, and what it will never get."""
        self._log.info("unmuted", receiver=mute.receiver, since=isoformat(mute.since), dropped=mute.dropped)

    def stopping(self, why: str) -> None:
        """Log why the bridge ends."""
        self._log.info("stopping", why=why)

    def stopped(self, queued: int | None) -> None:
        """Log that it has ended, and how many deliveries are left for the next start."""
        self._log.info("stopped", queued=queued)

    def reloaded(self, faults: Sequence[str], changed: Sequence[str] = ()) -> None:
        """Log that the configuration was read again, what has changed, or what is wrong with it."""
        if not faults:
            self._log.info("config_reloaded", changed=list(changed))
        for fault in faults:
            self._log.error("config_reload_refused", why=fault)

    def listens(self, address: str) -> None:
        """Log that HTTP is served where it could not be before."""
        self._log.info("http_listens", http=address)

    def paced(self, used: float) -> None:
        """Log that fewer calls are made, and that it is as many as before again."""
        if used < 1.0 and not self._slowed:
            self._log.warning(
                "rate_reduced", why="WbizTool has too much to do, or does not answer (HTTP 429, 5xx, or nothing)"
            )
        elif used == 1.0 and self._slowed:
            self._log.info("rate_restored")
        self._slowed = used < 1.0

    def discovered(self, new: int, changed: int, seconds: float) -> None:
        """Log that the report was read, if it showed anything new."""
        log = self._log.info if new or changed else self._log.debug
        log("report_read", new=new, changed=changed, seconds=round(seconds, 3))

    def internal_error(self, where: str, error: BaseException) -> None:
        """Log a fault of our own, with its place: each item once a minute at most, for it is tried again."""
        self._failures.ended(f"internal {where}")
        log = self._log.error if self._failures.are_news(f"internal {where}") else self._log.debug
        fault = error if isinstance(error, InternalError) else InternalError.of(error)
        at = place_of(error.__cause__ or error)
        log("internal_error", where=where, why=str(fault), **({"at": at} if at else {}))

    def step_failed(self, where: str, error: BridgeError) -> None:
        """Log a step that failed; no more than once a minute, for it is tried again each second."""
        self._failures.ended(where)
        log = self._log.error if self._failures.are_news(where) else self._log.debug
        log("step_failed", where=where, why=str(error))


def _fields(event: Event) -> Mapping[str, Any]:
    """List what an event's line says of its data."""
    match event.data:
        case MessageData() as data:
            return {
                "message_id": event.message_id,
                "label": data.label,
                "reason": data.reason,
                "previous": data.previous and data.previous.status,
                "error": data.current.error,
            }
        case SummaryData() as data:
            return {
                "receiver": data.receiver,
                "since": data.since,
                "until": data.until,
                "late": data.late,
                "sent": data.sent,
                "failed": data.failed,
                "expired": data.expired,
                "cancelled": data.cancelled,
                "unknown": data.unknown,
                "waiting": data.waiting,
                "reasons": [written(each) for each in data.reasons],
                "dead_letters": data.dead_letters,
            }
        case _:
            return event.json


class _Failures:
    """Tells failures that are news from the many that follow: how it goes on is reported by the events about health."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failing: set[str] = set()
        self._logged_at: dict[str, float] = {}
        self._logged_why: dict[str, str | None] = {}

    def ended(self, what: str) -> None:
        """Note a success: the next failure is the first one again."""
        self._failing.discard(what)

    def are_news(self, what: str, why: str | None = None) -> bool:
        """Note a failure, and tell whether it is the first since a success and the first for a while."""
        first, now = what not in self._failing, self._monotonic()
        self._failing.add(what)
        if not first or now - self._logged_at.get(what, -QUIET) < QUIET:
            return False
        self._logged_at[what], self._logged_why[what] = now, why
        return True

    def still_news(self, what: str, why: str | None) -> bool:
        """Note that it still fails, and tell whether it does for another reason, or was not logged for long."""
        now = self._monotonic()
        self._failing.add(what)
        if why == self._logged_why.get(what) and now - self._logged_at.get(what, -REMINDED_EVERY) < REMINDED_EVERY:
            return False
        self._logged_at[what], self._logged_why[what] = now, why
        return True
