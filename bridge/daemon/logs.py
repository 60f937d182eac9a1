"""How lines are logged: colours on a terminal, JSON under systemd, and no secret in them."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import structlog

from bridge.daemon import systemd
from bridge.daemon.log_writer import LogWriter
from bridge.domain.redaction import Redactor
from bridge.domain.sanitization import neutral, neutral_json, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

    from structlog.typing import EventDict, Processor

FLUSHED_WITHIN = 1.0
"""Seconds that the end of a process waits for what it has logged to be written."""

LEVEL = logging.getLogger("bridge")
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
    LEVEL.setLevel(threshold)
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
