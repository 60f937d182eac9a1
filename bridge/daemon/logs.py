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
    from collections.abc import Sequence

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
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _renderer(secrets, plain=plain),
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


def _renderer(secrets: Sequence[str], *, plain: bool) -> Processor:
    """Make the processor that writes an entry as a line: without secrets, and without what would steer a terminal."""
    redact, for_journal = Redactor(secrets), systemd.is_journal(sys.stderr)
    encoding = "utf-8" if plain else sys.stderr.encoding
    # Tracebacks are plain text, which can be masked: prettier ones show the values of variables.
    ending: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if plain
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() and "NO_COLOR" not in os.environ,
            exception_formatter=structlog.dev.plain_traceback,
        )
    )

    def text(value: str) -> str:
        return redact(value) if plain else "\n".join(map(one_line, redact(value).split("\n")))

    def write(logger: Any, method: str, entry: EventDict) -> bytes:
        shown = {key: text(value) if isinstance(value, str) else value for key, value in entry.items()}
        line = str(ending(logger, method, shown))
        line = systemd.with_priority(line, entry["level"]) if for_journal else line
        return (neutral_json(line) if plain else line).encode(encoding, "backslashreplace")

    return write


def _log_unraisable(fault: sys.UnraisableHookArgs) -> None:
    error = fault.exc_value
    why = fault.err_msg or "an exception was ignored"
    structlog.get_logger().error("internal_error", why=f"{why}: {fault.object!r}", exc_info=error)


class _Libraries(logging.Handler):
    """Writes what libraries log as our own lines are written, in the same form and without secrets."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            level = min(record.levelno // 10 * 10, logging.CRITICAL)  # structlog knows no levels in between
            structlog.get_logger().log(level, record.getMessage(), logger=record.name, exc_info=record.exc_info)
        except Exception as error:  # noqa: BLE001 -- as handlers do: a record with a fault must not stop who wrote it
            structlog.get_logger().error(str(record.msg), logger=record.name, why=f"cannot be formatted: {error}")
