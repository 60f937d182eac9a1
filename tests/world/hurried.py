"""The real command, with the waits between deliveries divided: ``hurried.py DIVISOR READY_FD ARGUMENTS…``.

Days pass in minutes; nothing else is different. A byte on READY_FD says that the daemon is up.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from bridge import daemon, retry
from bridge.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable


def hurry(divisor: float) -> None:
    retry.SCHEDULE = tuple(wait / divisor for wait in retry.SCHEDULE)
    retry.LIFETIME = retry.LIFETIME / divisor


def announce(ready_fd: int) -> None:
    run = daemon.Daemon.run

    def announced(self: daemon.Daemon, ready: Callable[[], None]) -> None:
        def say() -> None:
            ready()
            os.write(ready_fd, b"r")

        run(self, say)

    daemon.Daemon.run = announced


if __name__ == "__main__":
    hurry(float(sys.argv[1]))
    announce(int(sys.argv[2]))
    del sys.argv[1:3]
    main()
