"""Logs: colours on a terminal, JSON under systemd. One line for an event, one for a delivery's end."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import structlog

from bridge import systemd
from bridge.clock import isoformat
from bridge.events import SOURCE, receiver_subject
from bridge.listener import Listener
from bridge.model import DeliveryState, EventType, Observation
from bridge.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence

    from structlog.typing import EventDict, Processor

    from bridge.errors import BridgeError
    from bridge.model import Attempt, Delivery, Event, Expired
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

_HEALTH_FIELDS = ("receiver", "number", "whatsapp_client_id", "since", "down_since", "disconnected_seconds", "reason")

QUIET = 60.0
"""Seconds for which failures of the same kind are not told again, other than at debug: where every second poll fails,
each of them is the first one after a success."""


def configure(level: str, form: str, secrets: Sequence[str] = ()) -> None:
    """Set up logging to standard error for this process.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``console``, ``json``, or ``auto``: console on a terminal, JSON elsewhere.
        secrets: Never shown, wherever they turn up: the last line of defence, behind those who keep them out.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    plain = form == "json" or (form == "auto" and not sys.stderr.isatty())
    # Tracebacks are plain text, which can be masked: prettier ones show the values of variables.
    ending: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if plain
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() and "NO_COLOR" not in os.environ,
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _Mask(secrets),
            _for_journal(ending) if systemd.is_journal(sys.stderr) else ending,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Libraries()], force=True)
    # urllib3 names whole paths, and retries what we let it see as a warning: the channel says it better.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    # A look at what is due that takes longer than a beat is no news.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def _for_journal(render: Processor) -> Processor:
    def rendered(logger: Any, method: str, entry: EventDict) -> str:
        level = entry["level"]
        return systemd.with_priority(str(render(logger, method, entry)), level)

    return rendered


class _Mask:
    """A processor that takes secrets out of every value."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._redact = Redactor(secrets)

    def __call__(self, _logger: object, _method: str, entry: MutableMapping[str, Any]) -> Mapping[str, Any]:
        return {key: self._redact(value) if isinstance(value, str) else value for key, value in entry.items()}


class _Libraries(logging.Handler):
    """Writes what libraries log as our own lines are written, in the same form and without secrets."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            level = min(record.levelno // 10 * 10, logging.CRITICAL)  # structlog knows no levels in between
            structlog.get_logger().log(level, record.getMessage(), logger=record.name, exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 -- as handlers do: a record with a fault must not stop who wrote it
            self.handleError(record)


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
            self._log.debug("polled", status=str(answer.status), **fields)
        else:
            log = self._log.warning if self._failures.are_news(SOURCE) else self._log.debug
            log("poll failed", why=answer.why, kind=type(answer).__name__.lower(), **fields)

    def told(self, event: Event) -> None:
        """Log an event."""
        fields = {"event_id": event.id, "sequence": event.sequence}
        if event.message_id is not None:
            current, previous = event.data["current"], event.data["previous"]
            fields |= {"message_id": event.message_id, "label": event.data["label"]}
            fields |= {"previous": previous and previous["status"], "error": current.get("error")}
        else:
            fields |= {key: event.data[key] for key in _HEALTH_FIELDS if key in event.data}
        log = self._log.warning if event.type in _WARNINGS else self._log.info
        log(str(event.type), **{key: value for key, value in fields.items() if value is not None})

    def tried(self, receiver: str, deliveries: Sequence[Delivery], attempts: Sequence[Attempt]) -> None:
        """Log how deliveries ended; one that will be tried again at debug, unless that is news."""
        for delivery in deliveries:
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
                    self._failures.ended(receiver_subject(receiver))
                    self._log.info("delivered", **fields)
                case DeliveryState.DEAD:
                    self._log.error("dead letter", why=delivery.reason, **fields)
                case DeliveryState.OWED:
                    news = self._failures.are_news(receiver_subject(receiver))
                    log = self._log.warning if news else self._log.debug
                    log("not delivered yet", why=delivery.reason, again_at=isoformat(delivery.due_at), **fields)

    def expired(self, receiver: str, deliveries: Sequence[Expired]) -> None:
        """Log what was given up with its receiver: a line each, for each is a message of somebody's."""
        for delivery in deliveries:
            about = {} if delivery.message_id is None else {"message_id": delivery.message_id}
            self._log.error(
                "dead letter",
                why=delivery.reason,
                receiver=receiver,
                delivery=delivery.id,
                event_id=delivery.event_id,
                **about,
            )

    def reloaded(self, faults: Sequence[str]) -> None:
        """Log that the configuration was read again, and what is wrong with it."""
        if not faults:
            self._log.info("reloaded")
        for fault in faults:
            self._log.error("reload refused", why=fault)

    def paced(self, used: float) -> None:
        """Log that fewer calls are made, and that it is as many as before again."""
        if used < 1.0 and not self._slowed:
            self._log.warning(
                "slowed down", why="WbizTool has too much to do, or does not answer (HTTP 429, 5xx, or nothing)"
            )
        elif used == 1.0 and self._slowed:
            self._log.info("at full rate again")
        self._slowed = used < 1.0

    def discovered(self, new: int, changed: int, seconds: float) -> None:
        """Log that the report was read, if it showed anything new."""
        log = self._log.info if new or changed else self._log.debug
        log("report read", new=new, changed=changed, seconds=round(seconds, 3))

    def trouble(self, where: str, error: BridgeError) -> None:
        """Log a step that failed; no more than once a minute, for it is tried again each second."""
        self._failures.ended(where)
        log = self._log.error if self._failures.are_news(where) else self._log.debug
        log("trouble", where=where, why=str(error))


class _Failures:
    """Tells failures that are news from the many that follow: how it goes on is told by the events about health."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failing: set[str] = set()
        self._told_at: dict[str, float] = {}

    def ended(self, what: str) -> None:
        """Note a success: the next failure is the first one again."""
        self._failing.discard(what)

    def are_news(self, what: str) -> bool:
        """Note a failure, and tell whether it is the first since a success and the first for a while."""
        first, now = what not in self._failing, self._monotonic()
        self._failing.add(what)
        if not first or now - self._told_at.get(what, -QUIET) < QUIET:
            return False
        self._told_at[what] = now
        return True
