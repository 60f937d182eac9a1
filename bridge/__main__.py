"""The command ``wbiz-bridge``, also as ``python -m bridge``."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from importlib import import_module
from typing import Any

from bridge import __version__
from bridge.cli.terminal import ReaderGoneError, protect
from bridge.daemon import systemd
from bridge.domain.errors import REPORT_IT, BridgeError, place_of
from bridge.domain.sanitization import one_line

INTERRUPTED = 128 + signal.SIGINT
"""The exit code after Ctrl-C, as shells have it."""

DEBUG = "WBIZ_BRIDGE_DEBUG"
"""The variable with which an internal error shows its traceback."""


def main() -> None:
    """Run the command line. Here, and only here, errors become exit codes."""
    _open_standard_streams()
    protect()
    try:
        code = _run()
    finally:
        if logs := _logs():
            logs.close()
    sys.exit(code)


def _run() -> int:
    """Run a command to its end, and return its exit code. Nothing is raised: nobody should read a traceback."""
    try:
        code = _exit_code()
        sys.stdout.flush()
    except ReaderGoneError:
        return 0  # the reader of a listing (head, less) has read enough
    except BridgeError as error:
        _say("wbiz-bridge: " + "\n".join(map(one_line, error.lines)))
        return error.exit_code
    except KeyboardInterrupt:  # typer exits with the same where a command gets it
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 -- the last resort
        return _internal_error(error)
    return code


def _exit_code() -> int:
    if sys.argv[1:] == ["--version"]:  # answered before Typer is imported
        sys.stdout.write(f"wbiz-bridge {__version__}\n")
        return 0
    try:
        import_module("bridge.cli.app").app(prog_name="wbiz-bridge")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _internal_error(error: Exception) -> int:
    """Say in one sentence that there is a fault of our own. Its text may hold anything, so only its place is shown."""
    if _logs():  # a traceback goes where the log goes, and waits as little
        import_module("structlog").get_logger().critical("internal_error", why=str(error), exc_info=True)
        return 1
    if DEBUG in os.environ:
        traceback.print_exception(error)
        return 1
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    else:
        what = f"internal error, {REPORT_IT}: {type(error).__name__} at {place_of(error) or 'an unknown place'}"
    _say(one_line(f"wbiz-bridge: {what} ({DEBUG}=1 shows the details)"))
    return 1


def _logs() -> Any:
    """Return :mod:`bridge.daemon.logs` if this process logs. A command that does not, does not import it either."""
    logs = sys.modules.get("bridge.daemon.logs")
    return logs if logs is not None and logs.is_configured() else None


def _say(words: str) -> None:
    """Say the command line's last word."""
    if logs := _logs():
        logs.say(words)
        return
    shown = systemd.with_priority(words, "error") if systemd.is_journal(sys.stderr) else words
    print(shown, file=sys.stderr)  # noqa: T201 -- the command line's last word


def _open_standard_streams() -> None:
    """Let no file or socket get the number of a standard stream that whoever started us has closed.

    What is written to standard error would go into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(opened, True)
            setattr(sys, name, os.fdopen(opened, "r" if name == "stdin" else "w"))


if __name__ == "__main__":
    main()
