"""What the simulator and the sink share where each runs as a process of its own."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ENDS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def until_stopped() -> Iterator[Callable[[], None]]:
    """Hold SIGTERM and Ctrl-C back; the function that it gives waits for one of them.

    To be entered before any thread starts: threads inherit what is held back, and a signal is then taken by the wait
    and by nothing else.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        yield _wait
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait() -> None:
    signal.sigwait(_ENDS)


def say(**line: object) -> None:
    """Write a line of JSON to the standard output, at once."""
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()
