"""The daemon: ``run``."""

from __future__ import annotations

import gc
import os
import signal

import structlog

from bridge import __version__
from bridge.cli.libcurl import outdated_libcurl
from bridge.cli.logged import load_with_logs, log_warnings
from bridge.cli.options import ConfigOption, NewAddressOption, command_app
from bridge.cli.signals import Hangup, signals
from bridge.config.loader import load as read_config
from bridge.config.models import Config
from bridge.config.watcher import Reloader
from bridge.daemon.closed_terminal import Terminal
from bridge.daemon.daemon import Daemon
from bridge.daemon.file_limits import ensure_files, files_needed
from bridge.daemon.log_listener import LogListener
from bridge.daemon.logs import configure
from bridge.domain.clock import SystemClock
from bridge.store.store import Store

app = command_app()

_YOUNG = 20_000
"""New objects after which the collector looks for garbage, instead of 700: hundreds of jobs are under way at once, and
to look through them again and again takes a twentieth of a poll. They hold hardly any cycles."""


@app.command()
def run(config: ConfigOption = None, *, new_address: NewAddressOption = False) -> None:
    """Run the daemon.

    It runs until it gets SIGTERM or Ctrl-C, or until its terminal is closed (unless started with nohup). It reloads the
    configuration at SIGHUP and when one of its files changes; if the new one is invalid, the previous one stays active.

    Exit code 77 when WbizTool rejects the credentials at startup, 78 when the database belongs to another account.

    Example: wbiz-bridge run -c /etc/wbiz-bridge/config.yaml
    """
    kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # by nohup: then it stays so
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is a daemon that can reload
    terminal = Terminal()
    settings = load_with_logs(config)
    reloader = Reloader(settings, lambda: read_config(settings.path, os.environ), _adapt)
    _ensure_files(settings)
    account = settings.wbiztool.account
    with Store(settings.database, node=True, account=account, new_address=new_address) as store:
        daemon = Daemon(settings, store, clock=SystemClock(), listener=LogListener(), reloader=reloader)
        with signals(daemon.stop, None if kept else Hangup(daemon.stop, daemon.reload, terminal)):
            daemon.run(lambda: _say_ready(settings, daemon))


def _say_ready(settings: Config, daemon: Daemon) -> None:
    messages, receivers = len(settings.watchlist), len(settings.receivers)
    structlog.get_logger().info(
        "started", version=__version__, messages_listed=messages, receivers=receivers, http=daemon.http_address
    )
    log_warnings(settings)
    for why in outdated_libcurl():
        structlog.get_logger().warning("libcurl_outdated", why=why)
    gc.freeze()  # what there is now stays: the collector need not look through it again and again
    gc.set_threshold(_YOUNG)


def _adapt(settings: Config) -> None:
    """Let the process follow a configuration that takes effect."""
    configure(settings.log.level, settings.log.format, settings.secrets())
    _ensure_files(settings)
    log_warnings(settings)


def _ensure_files(settings: Config) -> None:
    too_few_files = ensure_files(files_needed(settings))
    if too_few_files:
        structlog.get_logger().warning("file_limit_low", why=too_few_files)
