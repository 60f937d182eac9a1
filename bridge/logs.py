"""Logs: colours on a terminal, JSON under systemd. One line for an event, one for a delivery's end."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import structlog

from bridge.listener import Listener
from bridge.model import DeliveryState, EventType, Observation
from bridge.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

    from bridge.errors import BridgeError
    from bridge.model import Attempt, Delivery, Event
    from bridge.retry import Gate
    from bridge.source.answer import Answer

_WARNINGS = frozenset(
    {
        EventType.MESSAGE_FAILED,
        EventType.MESSAGE_EXPIRED,
        EventType.MESSAGE_STUCK,
        EventType.MESSAGE_ABANDONED,
        EventType.SOURCE_DOWN,
        EventType.NUMBER_DISCONNECTED,
        EventType.RECEIVER_DOWN,
    }
)


def configure(level: str, form: str, secrets: Sequence[str] = ()) -> None:
    """Set up logging to standard error for this process.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``console``, ``json``, or ``auto``: console on a terminal, JSON elsewhere.
        secrets: Never shown, wherever they turn up: the last line of defence, behind those who keep them out.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    plain = form == "json" or (form == "auto" and not sys.stderr.isatty())
    ending: list[Any] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if plain
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() and "NO_COLOR" not in os.environ)]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if not plain else []),
            _Mask(secrets),
            *ending,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", force=True
    )
    # urllib3 names whole paths, and retries what we let it see as a warning: the channel says it better.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    # A look at what is due that takes longer than a beat is no news.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


class _Mask:
    """A processor that takes secrets out of every value."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._redact = Redactor(secrets)

    def __call__(self, _logger: object, _method: str, entry: MutableMapping[str, Any]) -> Mapping[str, Any]:
        return {key: self._redact(value) if isinstance(value, str) else value for key, value in entry.items()}


class LogListener(Listener):
    """Writes what happens to the log."""

    def __init__(self) -> None:
        self._log = structlog.get_logger()

    def polled(self, message_id: int, answer: Answer) -> None:
        """Log a poll: at debug, unless it brought no status."""
        if isinstance(answer, Observation):
            self._log.debug("polled", message_id=message_id, status=str(answer.status))
        else:
            self._log.warning("poll failed", message_id=message_id, why=answer.why, kind=type(answer).__name__.lower())

    def told(self, event: Event) -> None:
        """Log an event."""
        fields = {"event_id": event.id, "sequence": event.sequence}
        if event.message_id is not None:
            current, previous = event.data["current"], event.data["previous"]
            fields |= {"message_id": event.message_id, "label": event.data["label"]}
            fields |= {"previous": previous and previous["status"], "error": current.get("error")}
        else:
            fields |= {key: event.data[key] for key in ("receiver", "since", "reason") if key in event.data}
        log = self._log.warning if event.type in _WARNINGS else self._log.info
        log(str(event.type), **{key: value for key, value in fields.items() if value is not None})

    def tried(self, receiver: str, deliveries: Sequence[Delivery], attempt: Attempt) -> None:
        """Log how a delivery ended; an attempt that will be made again only at debug."""
        for delivery in deliveries:
            fields = {
                "receiver": receiver,
                "delivery": delivery.id,
                "event_id": delivery.event.id,
                "message_id": delivery.event.message_id,
                "http_status": attempt.http_status,
                "seconds": round(attempt.duration, 3),
            }
            fields = {key: value for key, value in fields.items() if value is not None}
            match delivery.state:
                case DeliveryState.DELIVERED:
                    self._log.info("delivered", **fields)
                case DeliveryState.DEAD:
                    self._log.error("dead letter", why=delivery.reason, **fields)
                case DeliveryState.OWED:
                    self._log.warning("not delivered yet", why=delivery.reason, again_at=str(delivery.due_at), **fields)

    def gate(self, gate: Gate, *, shut: bool) -> None:
        """Log that a receiver fails, or takes again."""
        if shut:
            self._log.error("receiver fails", receiver=gate.receiver, why=gate.reason, probe_at=str(gate.probe_at))
        else:
            self._log.info("receiver takes again", receiver=gate.receiver)

    def trouble(self, where: str, error: BridgeError) -> None:
        """Log a step that failed."""
        self._log.error("trouble", where=where, why=str(error))
