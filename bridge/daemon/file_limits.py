"""The system's limit on open files: each call in flight needs one, and running out looks like a broken network."""

from __future__ import annotations

import resource
from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.server.limits import HTTP_CONNECTIONS

if TYPE_CHECKING:
    from bridge.config.models import Config

_BESIDE_CALLS = 60
"""Files that the process has open whatever it does: the database's connections (three each), logs, libraries."""

_FOR_EACH_PLACE = 2
"""Files for each place that is called, beside its connections: what wakes the thread that calls it."""


def files_needed(config: Config) -> int:
    """Compute how many files may be open at once."""
    calls = config.wbiztool.concurrency + sum(
        receiver.concurrency * receiver.files_for_each for receiver in config.receivers
    )
    places = 2 + len(config.receivers)  # WbizTool and a heartbeat beside them
    clients = 2 * HTTP_CONNECTIONS if config.http is not None else 0
    return calls + places * _FOR_EACH_PLACE + clients + _BESIDE_CALLS


def ensure_files(needed: int) -> str | None:
    """Raise this process's own limit as far as it must and may. Returns what to say if that is not enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return None
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    # A system call filter may forbid to raise it: then it stays as it is.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft >= needed:
        return None
    return (
        f"this process may open {soft} files, and may need {needed}: raise the limit (LimitNOFILE= under systemd, "
        f"`ulimit -Hn` in a shell), or lower wbiztool.concurrency"
    )
