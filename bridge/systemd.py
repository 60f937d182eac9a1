"""The service manager's protocol (sd_notify(3)): a datagram that says how the service does. Silent elsewhere."""

from __future__ import annotations

import os
import socket


def notify(*assignments: str) -> None:
    """Tell the service manager, e.g. ``READY=1``. Does nothing where none asked to be told."""
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


def watchdog_seconds() -> float | None:
    """Tell how often the service manager wants a sign of life; None if it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    for_this_process = os.environ.get("WATCHDOG_PID") in {None, str(os.getpid())}
    return int(microseconds) / 1e6 if microseconds.isdigit() and for_this_process else None
