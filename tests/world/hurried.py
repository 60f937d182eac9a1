"""The real command, with waits that tests can sit out. Nothing else is different."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from bridge.__main__ import main
from bridge.daemon import daemon, single_pass
from bridge.domain import retry
from bridge.store import engine

if TYPE_CHECKING:
    from collections.abc import Callable


def run(divisor: float, ready_fd: int) -> None:
    """Run with the waits between deliveries divided: days pass in minutes. A byte on *ready_fd* says that it is up."""
    hurry(divisor)
    announce(ready_fd)
    main()


def hurry(divisor: float) -> None:
    retry.SCHEDULE = tuple(wait / divisor for wait in retry.SCHEDULE)  # type: ignore[assignment] # as many as before
    retry.LAST_STEP = retry.LAST_STEP / divisor
    retry.LIFETIME = retry.LIFETIME / divisor


def announce(ready_fd: int) -> None:
    run = daemon.Daemon.run

    def announced(self: daemon.Daemon, ready: Callable[[], None] = lambda: None) -> None:
        def say() -> None:
            ready()
            os.write(ready_fd, b"r")

        run(self, say)

    daemon.Daemon.run = announced  # type: ignore[method-assign] # in a process of its own


def be_impatient() -> None:
    """Wait for a lock less long than one really does."""
    engine.BUSY_TIMEOUT = 0.3
    single_pass.PASS_BEARS = 1.0


if __name__ == "__main__":
    run(float(sys.argv.pop(1)), int(sys.argv.pop(1)))
