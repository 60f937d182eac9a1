"""Logs: colours on a terminal, JSON under systemd. One line for an event, one for a delivery's end."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import structlog

from bridge.daemon import systemd
from bridge.daemon.log_writer import LogWriter
from bridge.domain.clock import isoformat
from bridge.domain.errors import InternalError, place_of
from bridge.domain.events import SOURCE, receiver_subject
from bridge.domain.model import DeliveryState, EventType, Observation
from bridge.domain.observer import Listener
from bridge.domain.redaction import Redactor
from bridge.domain.sanitization import neutral, neutral_json, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence

    from structlog.typing import EventDict, Processor

    from bridge.domain.errors import BridgeError
    from bridge.domain.model import Attempt, Delivery, Event, Expired
    from bridge.domain.poll_answer import Answer

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

REMINDED_EVERY = 3600.0
"""Seconds after which a failed probe is logged again although its reason is the same: the log shows that it goes on."""

FLUSHED_WITHIN = 1.0
"""Seconds that the end of a process waits for what it has logged to be written."""


_OURS = logging.getLogger("bridge")
"""Nothing is logged by it: it knows the level."""


def configure(level: str, form: str, secrets: Sequence[str] = ()) -> None:
    """Set up logging to standard error for this process; the same again for another level, form or secrets.

    Everything goes this way: our lines, libraries', warnings, and faults that nobody catches. :func:`close` ends it.

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
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _Mask(secrets),
        *(() if plain else (_printable,)),
        _for_journal(ending) if systemd.is_journal(sys.stderr) else ending,
        *((_neutral_line,) if plain else ()),
        _encoder("utf-8" if plain else sys.stderr.encoding),
    ]
    filtering = structlog.make_filtering_bound_logger(threshold)
    rendering = structlog.wrap_logger(structlog.ReturnLogger(), processors=processors, wrapper_class=filtering)

    def report(lines: int, why: str) -> bytes | None:
        log: Any = rendering
        rendered: bytes | None = log.error("log_lines_lost", lines=lines, why=why)
        return rendered

    writer = _writer()
    if writer is None:
        writer = LogWriter(sys.stderr.fileno(), report)
    writer.report = report
    structlog.configure(processors=processors, wrapper_class=filtering, logger_factory=_Queued(writer))
    _OURS.setLevel(threshold)
    logging.basicConfig(level=logging.WARNING, handlers=[_Libraries()], force=True)
    logging.captureWarnings(capture=True)
    sys.unraisablehook = _log_unraisable
    # urllib3 names whole paths, and retries what we let it see as a warning: the channel says it better.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    # A look at what is due that takes longer than a beat is no news.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def is_configured() -> bool:
    """Tell whether this process logs: then nothing else may be written to standard error, which may be stuck."""
    return _writer() is not None


def say(text: str) -> None:
    """Write a line as it is: the last word of a command."""
    writer = _writer()
    assert writer is not None
    shown = systemd.with_priority(text, "error") if systemd.is_journal(sys.stderr) else text
    writer.write(neutral(shown).encode("utf-8", "backslashreplace"))


def flush(seconds: float = FLUSHED_WITHIN) -> bool:
    """Wait until the log is written, for this many seconds at most; return whether it is."""
    writer = _writer()
    return writer is None or writer.flush(seconds)


def close(seconds: float = FLUSHED_WITHIN) -> None:
    """Write what is left of the log, within this many seconds, and no more."""
    writer = _writer()
    if writer is not None:
        writer.close(seconds)
        structlog.reset_defaults()


def lost_lines() -> int:
    """Count the lines that could not be written since the start."""
    writer = _writer()
    return 0 if writer is None else writer.lost


def waiting_lines() -> int:
    """Count the lines that wait to be written."""
    writer = _writer()
    return 0 if writer is None else writer.waiting


class _Queued:
    """What structlog's loggers hand their lines to, and the factory that it asks for them."""

    def __init__(self, writer: LogWriter) -> None:
        self.writer = writer
        self.debug = self.info = self.warning = self.error = self.critical = writer.write

    def __call__(self, *_: object) -> _Queued:
        return self


def _writer() -> LogWriter | None:
    factory = structlog.get_config()["logger_factory"]
    return factory.writer if isinstance(factory, _Queued) else None


def _printable(_logger: object, _method: str, entry: EventDict) -> EventDict:
    """Write what would steer a terminal as an escape: errors, labels and answers come from outside."""
    return {
        key: "\n".join(map(one_line, value.split("\n"))) if isinstance(value, str) else value
        for key, value in entry.items()
    }


def _encoder(encoding: str) -> Processor:
    def encode(_logger: object, _method: str, line: Any) -> bytes:
        return str(line).encode(encoding, "backslashreplace")

    return encode


def _neutral_line(_logger: object, _method: str, line: Any) -> str:
    """Escape in a line of JSON what would drive a terminal that shows it; to programs it is the same."""
    return neutral_json(str(line))


def _for_journal(render: Processor) -> Processor:
    def rendered(logger: Any, method: str, entry: EventDict) -> str:
        level = entry["level"]
        return systemd.with_priority(str(render(logger, method, entry)), level)

    return rendered


def _log_unraisable(fault: sys.UnraisableHookArgs) -> None:
    error = fault.exc_value
    why = fault.err_msg or "an exception was ignored"
    structlog.get_logger().error("internal_error", why=f"{why}: {fault.object!r}", exc_info=error)


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
        except Exception as error:  # noqa: BLE001 -- as handlers do: a record with a fault must not stop who wrote it
            structlog.get_logger().error(str(record.msg), logger=record.name, why=f"cannot be formatted: {error}")


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
            if _OURS.isEnabledFor(logging.DEBUG):  # asked first, because nearly every poll comes here
                self._log.debug("polled", status=str(answer.status), **fields)
        else:
            log = self._log.warning if self._failures.are_news(SOURCE) else self._log.debug
            log("poll_failed", why=answer.why, kind=type(answer).__name__.lower(), **fields)

    def told(self, event: Event) -> None:
        """Log an event."""
        fields = {"event_id": event.id, "sequence": event.sequence}
        if event.message_id is not None:
            current, previous = event.data["current"], event.data["previous"]
            fields |= {"message_id": event.message_id, "label": event.data["label"], "reason": event.data.get("reason")}
            fields |= {"previous": previous and previous["status"], "error": current.get("error")}
        else:
            fields |= {key: event.data[key] for key in _HEALTH_FIELDS if key in event.data}
        log = self._log.warning if event.type in _WARNINGS else self._log.info
        log(str(event.type), **{key: value for key, value in fields.items() if value is not None})

    def tried(self, receiver: str, deliveries: Sequence[Delivery], attempts: Sequence[Attempt]) -> None:
        """Log how deliveries ended; one that will be tried again at debug, unless that is news."""
        if attempts[-1].probe and all(delivery.state is DeliveryState.QUEUED for delivery in deliveries):
            self._probe_failed(receiver, deliveries[0], attempts[-1])
            return
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


class _Failures:
    """Tells failures that are news from the many that follow: how it goes on is reported by the events about health."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failing: set[str] = set()
        self._told_at: dict[str, float] = {}
        self._told_why: dict[str, str | None] = {}

    def ended(self, what: str) -> None:
        """Note a success: the next failure is the first one again."""
        self._failing.discard(what)

    def are_news(self, what: str, why: str | None = None) -> bool:
        """Note a failure, and tell whether it is the first since a success and the first for a while."""
        first, now = what not in self._failing, self._monotonic()
        self._failing.add(what)
        if not first or now - self._told_at.get(what, -QUIET) < QUIET:
            return False
        self._told_at[what], self._told_why[what] = now, why
        return True

    def still_news(self, what: str, why: str | None) -> bool:
        """Note that it still fails, and tell whether it does for another reason, or was not told for long."""
        now = self._monotonic()
        self._failing.add(what)
        if why == self._told_why.get(what) and now - self._told_at.get(what, -REMINDED_EVERY) < REMINDED_EVERY:
            return False
        self._told_at[what], self._told_why[what] = now, why
        return True
