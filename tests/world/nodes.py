"""Several nodes on one database, with leases that tests can sit out."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import sqlalchemy as sa

from bridge.store import cluster_node

if TYPE_CHECKING:
    from collections.abc import Callable


def leases(seconds: float) -> Callable[[], None]:
    """Make what lets a process have leases of that length."""
    return partial(_set, seconds)


def _set(seconds: float) -> None:
    cluster_node.LEASE = timedelta(seconds=seconds)
    cluster_node.BEAT = seconds / 15


def cut_connections(url: str) -> None:
    """Let the server end every connection to a database, as it does when it is restarted."""
    plain = sa.make_url(url).set(drivername="postgresql")
    name = plain.database
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [name],
        )
        time.sleep(0.1)
