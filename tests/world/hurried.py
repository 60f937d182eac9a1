"""The real command, with the waits between deliveries divided: ``hurried.py DIVISOR READY_FD ARGUMENTS…``.

Days pass in minutes; nothing else is different. A byte on READY_FD says that the daemon is up.
"""

import os
import sys

from bridge import daemon, retry
from bridge.__main__ import main


def hurry(divisor: float) -> None:
    retry.SCHEDULE = tuple(wait / divisor for wait in retry.SCHEDULE)
    retry.LIFETIME = retry.LIFETIME / divisor


def announce(ready_fd: int) -> None:
    run = daemon.Daemon.run

    def announced(self: daemon.Daemon) -> None:
        run(self, ready=lambda: os.write(ready_fd, b"r"))

    daemon.Daemon.run = announced


if __name__ == "__main__":
    hurry(float(sys.argv[1]))
    announce(int(sys.argv[2]))
    del sys.argv[1:3]
    main()
