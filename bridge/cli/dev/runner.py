"""Runs ``dev``."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import structlog

from bridge.cli.dev.heard import Heard
from bridge.cli.dev.presence import Presence, sole
from bridge.cli.dev.screen import Screen
from bridge.cli.dev.server import TriggerServer
from bridge.cli.dev.settings import configure, forward_url, receivers_secret
from bridge.cli.dev.triggers import Triggers
from bridge.cli.signals import Hangup, signals
from bridge.cli.throw_away import throw_away
from bridge.config import loader
from bridge.config.watcher import Reloader
from bridge.daemon.closed_terminal import Terminal
from bridge.daemon.daemon import Daemon
from bridge.domain.clock import SystemClock
from bridge.domain.observer import Listeners
from bridge.simulator.account import Account
from bridge.simulator.api import Simulator
from bridge.store.store import Store

if TYPE_CHECKING:
    from bridge.cli.dev.settings import Options

_FOLDER = "wbiz-bridge-dev-"


def run_dev(options: Options) -> None:
    """Run a simulated WbizTool, and a bridge that sends its events to the receiver, until Ctrl-C.

    Raises:
        UsageError: An option is wrong.
        NotNowError: This user is already running one.
    """
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # the screen shows what happens
    forward_to, clock = forward_url(options.forward_to), SystemClock()
    account = Account(clock, life=())  # messages stay pending until a trigger changes them
    screen = Screen(as_json=options.as_json, gone=lambda: daemon.stop("nobody reads its output"))
    heard = Heard()
    with sole(os.environ) as place, throw_away(_FOLDER) as folder, Simulator(account, keep=False) as simulator:
        config = configure(options, folder, place.control, simulator)
        with Store(config.database, exclusive=True) as store:
            reloader = Reloader(config, lambda: loader.load(config.path, os.environ))
            daemon = Daemon(config, store, clock=clock, listener=Listeners(screen, heard), reloader=reloader)
            triggers = Triggers(config, store, account, heard, clock=clock, listener=screen, reload=daemon.reload)
            with TriggerServer(triggers) as server, signals(daemon.stop, _hangup(daemon)):

                def ready() -> None:
                    place.announce(Presence(os.getpid(), server.url, forward_to, server.token))
                    secret, page = receivers_secret(config), daemon.http_address
                    screen.ready(forward_to=forward_to, secret=secret, page=page, control=place.control)

                daemon.run(ready)


def _hangup(daemon: Daemon) -> Hangup | None:
    """Stop when the terminal is closed, unless it was started by nohup."""
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return None if outlives else Hangup(daemon.stop, daemon.reload, Terminal())
