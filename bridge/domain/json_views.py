"""How the bridge is shown in JSON: the same by the commands and over HTTP. Keys are never renamed."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from bridge.domain.clock import isoformat
from bridge.domain.event_data import NumberData, message_data
from bridge.domain.events import envelope
from bridge.domain.health import is_alive, last_beat
from bridge.domain.outcome import Retry, name_of, why_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, tzinfo

    from bridge.domain.health import Health
    from bridge.domain.incidents import Incident
    from bridge.domain.model import Attempt, Delivery
    from bridge.domain.mute import Mute
    from bridge.domain.summary import PastAttempt, Summary, WatchedMessage
    from bridge.domain.waits import Waits


def stamp(moment: datetime | None) -> str | None:
    """Write a moment for JSON."""
    return None if moment is None else isoformat(moment)


def message_json(shown: WatchedMessage) -> dict[str, Any]:
    """Arrange a message for JSON."""
    message, state = shown.message, shown.message.state
    return {
        "id": message.id,
        "label": message.label,
        "tags": dict(message.tags),
        "status": state and str(state.status),
        "since": state and stamp(state.since),
        "error": state and state.error,
        "unreadable": message.unread and {"since": stamp(message.unread.since), "why": message.unread.why},
        "sequence": message.sequence,
        "watched": shown.watched,
        "watched_since": stamp(message.watched_since),
        "expected_at": stamp(message.expected_at),
        "polled_at": stamp(shown.polled_at),
        "due_at": stamp(shown.due_at),
    }


def delivery_json(delivery: Delivery, waits: Waits, attempts: Sequence[PastAttempt] | None = None) -> dict[str, Any]:
    """Arrange a delivery for JSON, with its attempts where given. Times are UTC; only those in words are not."""
    shown: dict[str, Any] = {
        "id": delivery.id,
        "receiver": delivery.receiver,
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "probes": delivery.probes,
        "resent": delivery.resent and str(delivery.resent),
        "reminder": delivery.reminder,
        "created_at": stamp(delivery.created_at),
        "due_at": stamp(delivery.due_at) if delivery.finished_at is None else None,
        "finished_at": stamp(delivery.finished_at),
        "reason": delivery.reason,
        "held": waits.hold_of(delivery),
        "waits": waits.wait_of(delivery),
        "event": envelope(delivery.event),
    }
    if attempts is not None:
        shown["tries"] = [
            {
                "at": stamp(made.at),
                "seconds": round(made.duration, 3),
                "outcome": made.outcome,
                "http_status": made.http_status,
                "why": made.why,
                "answer": made.answer,
                "probe": made.probe,
            }
            for made in attempts
        ]
    return shown


def test_json(receiver: str, to: str | None, made: Attempt, *, subscribed: bool) -> dict[str, Any]:
    """Arrange what came of a test event for JSON.

    ``to`` says where it went, and ``subscribed`` whether other events of its type reach the receiver, too.
    """
    wait = made.outcome.after if isinstance(made.outcome, Retry) else None
    return {
        "receiver": receiver,
        "subscribed": subscribed,
        "to": to,
        "outcome": name_of(made.outcome),
        "why": why_of(made.outcome),
        "retry_after_seconds": None if wait is None else round(wait.total_seconds(), 3),
        "http_status": made.http_status,
        "seconds": round(made.duration, 3),
        "answer": made.answer,
    }


def incident_json(incident: Incident, cause: str) -> dict[str, Any]:
    """Arrange an incident for JSON. ``cause`` says why in words, for events whose data has no reason."""
    event, seen = incident.event, incident.acknowledged
    named = event.data.number if isinstance(event.data, NumberData) else message_data(event.data).label
    return {
        "subject": incident.subject,
        "message_id": event.message_id,
        "label": named or None,
        "type": str(event.type),
        "since": stamp(event.at),
        "reason": event.data.why or cause or None,
        "event_id": event.id,
        "acknowledged": None if seen is None else {"at": stamp(seen.at), "by": seen.by, "note": seen.note},
    }


def mute_json(mute: Mute) -> dict[str, Any]:
    """Arrange a mute for JSON."""
    return {
        "receiver": mute.receiver,
        "since": stamp(mute.since),
        "until": stamp(mute.until),
        "reason": mute.reason,
        "by": mute.by,
        "drop": mute.drops,
        "dropped": mute.dropped,
    }


def muted_json(mute: Mute, quiet_until: datetime | None) -> dict[str, Any]:
    """Arrange a mute that was made for JSON, and when quiet hours end that go on after it."""
    return mute_json(mute) | {"quiet_until": stamp(quiet_until)}


def unmuted_json(
    mute: Mute | None,
    held: int,
    quiet_until: datetime | None = None,
    *,
    running: bool = True,
    configured: bool = True,
) -> dict[str, Any]:
    """Arrange a mute that has ended for JSON, None if there was none, and how many deliveries it releases.

    They are sent when quiet hours end, if there are any now, and as soon as a daemon runs that has the receiver in its
    configuration.
    """
    ended = None if mute is None else mute_json(mute)
    return {
        "mute": ended,
        "held": held,
        "quiet_until": stamp(quiet_until),
        "running": running,
        "configured": configured,
    }


def status_json(health: Health, summary: Summary | None, now: datetime, zone: tzinfo = UTC) -> dict[str, Any]:
    """Arrange how the bridge does for JSON; without a summary, the database could not be read.

    Times are UTC; only those in words are of ``zone``.
    """
    return health.as_json() | (_counts(summary, now, zone) if summary is not None else {})


def summaries_json(due: Mapping[str, datetime]) -> dict[str, dict[str, str | None]]:
    """Arrange for JSON when receivers' next summaries are due."""
    return {name: {"next_due": stamp(moment)} for name, moment in due.items()}


def _counts(summary: Summary, now: datetime, zone: tzinfo) -> dict[str, Any]:
    seen = last_beat(summary.facts)
    return {
        "daemon": {"running": is_alive(seen, now), "seen_at": stamp(seen)},
        "messages": {"by_status": _statuses(summary), "polled": summary.polled, "unreadable": summary.unreadable},
        "incidents": {"open": summary.open_incidents, "acknowledged": summary.acknowledged_incidents},
        "oldest_due": stamp(summary.oldest_due),
        "oldest_queued": stamp(summary.oldest_queued),
        "receivers": {
            name: {str(state): count for state, count in states.items()} for name, states in summary.deliveries.items()
        },
        "breakers": {
            breaker.receiver: {
                "state": str(breaker.state(now)),
                "failures": breaker.failures,
                "failing_since": stamp(breaker.failing_since),
                "probe_at": stamp(breaker.probe_at),
                "paused_until": stamp(breaker.paused_until),
                "reason": breaker.reason,
                "announced_down": breaker.down_since is not None,
            }
            for breaker in summary.breakers
        },
        "mutes": {name: mute_json(mute) for name, mute in summary.mutes.items() if mute.until > now},
        "held": {
            name: {"why": held.state(zone), "until": stamp(held.until), "count": summary.queued(name)}
            for name in sorted({*summary.mutes, *summary.holds})
            if (held := summary.held_by(name, now)) is not None
        },
        "internal_errors": [
            {
                "of": str(each),
                "since": stamp(each.since),
                "failures": each.count,
                "error": each.error,
                "retry_at": stamp(each.retry_at),
            }
            for each in summary.set_aside
        ],
        "nodes": [
            {
                "name": node.name,
                "since": stamp(node.since),
                "lease_until": stamp(node.lease_until),
                "share": node.share,
                "receivers": list(node.receivers),
            }
            for node in summary.nodes
        ],
    }


def _statuses(summary: Summary) -> dict[str, int]:
    return {str(status) if status else "not seen yet": count for status, count in summary.statuses.items()}
