"""One pass, for cron: ``poll``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bridge.cli import output
from bridge.cli.logged import load_with_logs, log_warnings
from bridge.cli.options import ConfigOption, NewAddressOption, command_app
from bridge.cli.progress import progress
from bridge.cli.signals import signals
from bridge.daemon.log_listener import LogListener
from bridge.daemon.single_pass import run_once
from bridge.domain.clock import SystemClock
from bridge.domain.errors import CredentialsError, NotNowError
from bridge.domain.observer import Listener, Listeners
from bridge.domain.poll_answer import Answer
from bridge.source.api_health import SourceHealth
from bridge.store.store import Store

app = command_app()


@app.command()
def poll(config: ConfigOption = None, *, new_address: NewAddressOption = False) -> None:
    """Run one pass and exit, for cron.

    Polls messages that are due and sends queued deliveries, instead of the daemon. To run both, use PostgreSQL.

    Exit code 75 when WbizTool is unreachable, 77 when it rejects the credentials.

    Example: */5 * * * * wbiz-bridge poll -c /etc/wbiz-bridge/config.yaml
    """
    settings = load_with_logs(config)
    log_warnings(settings)
    stop = threading.Event()
    opened = Store(settings.database, node=True, account=settings.wbiztool.account, new_address=new_address)
    with opened as store, signals(lambda _: stop.set()), _progress(store) as shown:
        health = run_once(settings, store, clock=SystemClock(), listener=Listeners(LogListener(), shown), stop=stop)
    _exit_by_health(health)


class _Progress(Listener):
    """Counts polls on a bar."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance

    def polled(self, message_id: int, answer: Answer, seconds: float) -> None:  # noqa: ARG002 -- the listener's signature
        self._advance(1)


@contextmanager
def _progress(store: Store) -> Iterator[Listener]:
    with progress("polling", lambda: store.messages.count_due(output.now())) as advance:
        yield _Progress(advance)


def _exit_by_health(health: SourceHealth) -> None:
    if health.refused:
        raise CredentialsError(f"WbizTool refuses the credentials: {health.reason}")
    if health.failing_since is not None:
        raise NotNowError(f"WbizTool is unreachable: {health.reason}")
