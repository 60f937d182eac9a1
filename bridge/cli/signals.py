"""What signals do to a command that runs for long."""

from __future__ import annotations

import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from bridge.daemon.closed_terminal import Terminal

_CLOSED = "SIGHUP: the terminal was closed"


@dataclass(frozen=True)
class Hangup:
    """What SIGHUP does: it stops where the terminal is gone, and else reloads."""

    stop: Callable[[str], None]
    reload: Callable[[], None]
    terminal: Terminal

    def __call__(self) -> None:
        """Stop or reload."""
        if self.terminal.is_hung_up():
            self.stop(_CLOSED)
        else:
            self.reload()


@contextmanager
def signals(stop: Callable[[str], None], hangup: Hangup | None = None) -> Iterator[None]:
    """Let SIGTERM and SIGINT call ``stop`` with their name, and SIGHUP ``hangup``, if given, from a thread of its own.

    A handler may interrupt the very code that holds a lock which ``stop`` needs; so the handlers do nothing, and the
    thread hears of the signal through a socket.
    """
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    calls: dict[signal.Signals, Callable[[], None]] = {
        number: partial(stop, number.name) for number in (signal.SIGTERM, signal.SIGINT)
    }
    if hangup is not None:
        calls[signal.SIGHUP] = hangup

    def listen() -> None:
        terminal = None if hangup is None else hangup.terminal
        if terminal is not None and terminal.is_gone():  # while SIGHUP was still ignored
            stop(_CLOSED)
        while True:
            readable, _, _ = select.select([ear], [], [], None if terminal is None else terminal.look_every)
            if not readable and terminal is not None:
                terminal.look()
            elif heard := ear.recv(1):
                calls[signal.Signals(heard[0])]()
            else:
                return

    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    heard_before = signal.set_wakeup_fd(mouth.fileno())
    before = {number: signal.signal(number, lambda *_: None) for number in calls}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(heard_before)
        mouth.close()
        listener.join()
        ear.close()
