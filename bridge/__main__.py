"""The command ``wbiz-bridge``, also as ``python -m bridge``."""

from __future__ import annotations

import os
import sys

import structlog

from bridge import logs, systemd
from bridge.cli import app
from bridge.errors import BridgeError


def main() -> None:
    """Run the command line. Here, and only here, errors become exit codes."""
    _open_standard_streams()
    try:
        app(prog_name="wbiz-bridge")
    except BridgeError as error:
        _say(f"wbiz-bridge: {error}")
        sys.exit(error.exit_code)
    except Exception as error:
        if logs.is_configured():  # a traceback goes where the log goes, and waits as little
            structlog.get_logger().critical("internal_error", why=str(error), exc_info=True)
            sys.exit(1)
        if not isinstance(error, BrokenPipeError):
            raise
        # The reader of a listing (head, less) has gone: no fault, and nothing more may be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    finally:
        logs.close()


def _say(words: str) -> None:
    """Say the command line's last word."""
    if logs.is_configured():
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
