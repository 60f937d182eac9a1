"""The service manager's protocol (sd_notify(3)): a datagram that says how the service does. Silent elsewhere."""

from __future__ import annotations

import os
import socket
import time
from typing import TextIO

_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""What the journal calls our levels (sd-daemon(3))."""


def notify(*assignments: str) -> None:
    """Tell the service manager, e.g. ``READY=1``. Does nothing where none asked for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto("\n".join(assignments).encode(), address)
        except OSError:
            # Nobody listens any more: the service goes on without.
            return


def monotonic_usec() -> int:
    """Tell the time by which the service manager tells one reload from the next (``MONOTONIC_USEC=``)."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def watchdog_seconds() -> float | None:
    """Tell how often the service manager wants a sign of life; None if it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    for_this_process = os.environ.get("WATCHDOG_PID") in {None, str(os.getpid())}
    return int(microseconds) / 1e6 if microseconds.isdigit() and for_this_process else None


def is_journal(stream: TextIO) -> bool:
    """Tell whether what is written to a stream ends in the journal."""
    try:
        file = os.fstat(stream.fileno())
    except (OSError, ValueError):  # it is closed, or no file at all
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{file.st_dev}:{file.st_ino}"


def with_priority(text: str, level: str) -> str:
    """Put the journal's priority before each line; it takes lines without one for infos."""
    return "\n".join(f"<{_PRIORITIES[level]}>{line}" for line in text.split("\n"))
