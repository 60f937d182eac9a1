"""The daemon and what is about it: ``run``, ``poll``, ``check``, ``test``, ``status``, ``demo``."""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer

from bridge import __version__
from bridge.cli import output
from bridge.cli.app import ConfigOption, JsonOption, app, load_config
from bridge.cli.arguments import event_type
from bridge.daemon.file_limits import ensure_files, files_needed
from bridge.daemon.hangup import Terminal
from bridge.daemon.logs import LogListener, configure
from bridge.domain.clock import SystemClock
from bridge.domain.errors import (
    BridgeError,
    ConfigurationError,
    CredentialsError,
    NotNowError,
    OtherAccountError,
    UsageError,
)
from bridge.domain.model import Attempt, Dead, Delivered, Retry
from bridge.domain.observer import Listener, Listeners
from bridge.domain.sanitization import squeezed
from bridge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bridge.config.models import Config
    from bridge.daemon.daemon import Daemon
    from bridge.domain.model import AccountId
    from bridge.domain.poll_answer import Answer
    from bridge.domain.summary import Summary
    from bridge.source.api_health import SourceHealth


_NewAddressOption = Annotated[
    bool,
    typer.Option(
        "--accept-base-url",
        help="Needed once after `wbiztool.base_url` changed: the account is the same, and keeps its database.",
    ),
]


@app.command()
def run(config: ConfigOption = None, *, new_address: _NewAddressOption = False) -> None:
    """Run the daemon.

    It watches, detects and delivers until it gets SIGTERM or Ctrl-C, or until its terminal is closed (nohup keeps it).
    It reads the configuration again at SIGHUP, and when one of its files changes; a wrong one is refused, and the one
    before stays in force.

    Exit code 77 when WbizTool refuses the credentials at the start, 78 when the database is another account's.

    Example: wbiz-bridge run -c /etc/wbiz-bridge/config.yaml
    """
    from bridge.config.loader import load as read_config  # noqa: PLC0415 -- keeps the other commands quick
    from bridge.config.watcher import Reloader  # noqa: PLC0415 -- as above
    from bridge.daemon.daemon import Daemon  # noqa: PLC0415 -- as above

    kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # by nohup: then it stays so
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is a daemon that can reload
    terminal = Terminal()
    settings = _with_logs(config)
    reloader = Reloader(settings, lambda: read_config(settings.path, os.environ), _adapt)
    _ensure_files(settings)
    account = settings.wbiztool.account
    with Store(settings.database, node=True, account=account, new_address=new_address) as store:
        daemon = Daemon(settings, store, clock=SystemClock(), listener=LogListener(), reloader=reloader)
        with _signals(daemon.stop, None if kept else _Hangup(daemon.stop, daemon.reload, terminal)):
            daemon.run(lambda: _say_ready(settings, daemon))


@app.command()
def poll(config: ConfigOption = None, *, new_address: _NewAddressOption = False) -> None:
    """Make one pass and exit, for cron.

    Polls what is due and delivers what is queued: in place of the daemon. Beside it only on PostgreSQL.

    Exit code 75 when the API is out of reach, 77 when it refuses the credentials.

    Example: */5 * * * * wbiz-bridge poll -c /etc/wbiz-bridge/config.yaml
    """
    from bridge.daemon.single_pass import run_once  # noqa: PLC0415 -- keeps the other commands quick

    settings = _with_logs(config)
    _warn(settings)
    stop = threading.Event()
    opened = Store(settings.database, node=True, account=settings.wbiztool.account, new_address=new_address)
    with opened as store, _signals(lambda _: stop.set()), _progress(store) as shown:
        health = run_once(settings, store, clock=SystemClock(), listener=Listeners(LogListener(), shown), stop=stop)
    _exit_by_health(health)


@app.command()
def check(
    config: ConfigOption = None,
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Also try the credentials at WbizTool, and open the database.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the configuration.

    Lists everything that is wrong with it, and where (exit code 78). Names the database, which must be this account's.

    Example: wbiz-bridge check --online
    """
    from bridge.store.engine import shown as shown_url  # noqa: PLC0415 -- keeps the other commands quick
    from bridge.store.owner import check_file  # noqa: PLC0415 -- as above

    settings = load_config(config)
    check_file(settings.database, settings.wbiztool.account)
    found = _database(settings) if online else None
    account = _account(settings) if online else None
    if as_json:
        shown: dict[str, Any] = {
            "configuration": str(settings.path),
            "database": shown_url(settings.database),
            "messages": len(settings.watchlist),
            "receivers": [receiver.name for receiver in settings.receivers],
            "warnings": [*settings.warnings(), *_outdated()],
        }
        output.print_json(shown | ({"account": account, "database_state": found} if online else {}))
        return
    names = ", ".join(receiver.name for receiver in settings.receivers)
    more = ", and whatever the account sends" if settings.discover.report else ""
    output.say(f"{settings.path} is right: {len(settings.watchlist)} messages listed{more}; receivers: {names}")
    output.say(f"database: {shown_url(settings.database)}{f' {found}' if found else ''}")
    for warning in (*settings.warnings(), *_outdated()):
        output.say(f"warning: {warning}", err=True)
    if online:
        output.say(f"WbizTool accepts the credentials{f' (account: {account})' if account else ''}")


@app.command("test")
def try_receiver(
    receiver: Annotated[str, typer.Argument(metavar="RECEIVER", help="Its name in the configuration.")],
    config: ConfigOption = None,
    *,
    type_: Annotated[str, typer.Option("--type", metavar="TYPE", help="The event's type.")] = "message.failed",
    as_json: JsonOption = False,
) -> None:
    """Send a test event to a receiver and show its answer.

    The event says that it is a test: "test": true in its JSON, TEST in what people read, which mentions nobody, and
    WBIZ_BRIDGE_TEST=1 in a program's environment.

    Example: wbiz-bridge test ops --type message.sent
    """
    from bridge.delivery.attempt import attempt  # noqa: PLC0415 -- as above
    from bridge.domain.redaction import Redactor  # noqa: PLC0415 -- keeps the other commands quick
    from bridge.domain.routing import Subscription, subscribed  # noqa: PLC0415 -- as above
    from bridge.domain.samples import sample_event  # noqa: PLC0415 -- as above
    from bridge.receivers.protocol import Identity  # noqa: PLC0415 -- as above
    from bridge.receivers.registry import sender_for  # noqa: PLC0415 -- as above

    settings = load_config(config)
    chosen = next((each for each in settings.receivers if each.name == receiver), None)
    if chosen is None:
        names = ", ".join(each.name for each in settings.receivers)
        raise UsageError(f"there is no receiver {receiver!r} in {settings.path}: it has {names}")
    clock = SystemClock()
    event = sample_event(clock.now(), event_type(type_))
    if not subscribed(Subscription(receiver, chosen.events), event.type):
        output.say(f"note: {receiver} is not subscribed to {event.type}: only tests of this type reach it", err=True)
    with closing(sender_for(chosen, Identity(pages=settings.pages))) as sender:
        made = attempt(sender, [event], clock=clock, redact=Redactor(settings.secrets()))
    _show_attempt(receiver, made, as_json=as_json)
    if not isinstance(made.outcome, Delivered):
        raise typer.Exit(1)
    with Store(settings.database, account=settings.wbiztool.account) as store:
        store.deliveries.release(receiver, clock.now())


@app.command()
def status(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Show how the bridge does.

    Exit code 1 when something is wrong; 78 when the configuration is, though the bridge may go on with the one before.

    Example: wbiz-bridge status
    """
    from bridge.cli.status import describe, health_json  # noqa: PLC0415 -- keeps the other commands quick
    from bridge.config.errors import InvalidConfiguration  # noqa: PLC0415 -- as above
    from bridge.domain.health import judge, unreadable  # noqa: PLC0415 -- as above
    from bridge.store.engine import shown as shown_url  # noqa: PLC0415 -- as above

    wrong: ConfigurationError | None = None
    account: AccountId | None
    names: Sequence[str] | None = None
    warnings: Sequence[str] = ()
    try:
        settings = load_config(config)
        database, account = settings.database, settings.wbiztool.account
        names = [receiver.name for receiver in settings.receivers]
        warnings = settings.warnings()
    except InvalidConfiguration as error:
        if error.database is None:
            raise
        wrong, database, account = error, error.database, error.account
    summary: Summary | None = None
    try:
        with Store(database, account=account) as store:
            summary = store.listing.summary(finished=True)
        now = output.now()
        health = judge(summary, summary.receivers if names is None else names, now)
    except BridgeError as error:
        now = output.now()
        health = unreadable(error)
        wrong = error if isinstance(error, OtherAccountError) else wrong
    if as_json:
        more = {"database": shown_url(database), "warnings": list(warnings)}
        output.print_json(health_json(health, summary, now) | more)
    else:
        describe(health, summary, now)
        output.say(f"database   {shown_url(database)}")
        for warning in warnings:
            output.say(f"warning    {warning}")
    if wrong is not None:
        raise wrong
    if not health.ok:
        raise typer.Exit(1)


@app.command()
def demo(
    seconds: Annotated[float, typer.Option(min=5, max=600, help="How long it runs.")] = 20,
) -> None:
    """See it work, without an account.

    No configuration either, and about 20 seconds.

    A simulated WbizTool, a local receiver that shows what arrives, and the real daemon between them. Nothing leaves
    this machine, and nothing is kept.

    Example: wbiz-bridge demo --seconds 30
    """
    from bridge.cli.demo.runner import run_demo  # noqa: PLC0415 -- keeps the other commands quick

    run_demo(timedelta(seconds=seconds))


def _with_logs(option: Any) -> Config:
    settings = load_config(option)
    configure(settings.log.level, settings.log.format, settings.secrets())
    return settings


def _outdated() -> list[str]:
    """Say what is wrong with a libcurl that is too old to reach a host whose first addresses are dead."""
    import pycurl  # noqa: PLC0415 -- keeps the other commands quick

    version = str(pycurl.version_info()[1])
    if tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2]) >= _GOOD_LIBCURL:
        return []
    return [f"libcurl {version} does not reach a host whose first addresses are dead: use 8.16 or newer"]


def _say_ready(settings: Config, daemon: Daemon) -> None:
    messages, receivers = len(settings.watchlist), len(settings.receivers)
    structlog.get_logger().info(
        "started", version=__version__, messages_listed=messages, receivers=receivers, http=daemon.http_address
    )
    _warn(settings)
    for why in _outdated():
        structlog.get_logger().warning("libcurl_outdated", why=why)
    gc.freeze()  # what there is now stays: the collector need not look through it again and again


def _adapt(settings: Config) -> None:
    """Let the process follow a configuration that takes effect."""
    configure(settings.log.level, settings.log.format, settings.secrets())
    _ensure_files(settings)
    _warn(settings)


def _warn(settings: Config) -> None:
    for warning in settings.warnings():
        structlog.get_logger().warning("config_warning", why=warning)


def _ensure_files(settings: Config) -> None:
    too_few_files = ensure_files(files_needed(settings))
    if too_few_files:
        structlog.get_logger().warning("file_limit_low", why=too_few_files)


_GOOD_LIBCURL = (8, 16)
_CLOSED = "SIGHUP: the terminal was closed"


@dataclass(frozen=True)
class _Hangup:
    """What SIGHUP does: it stops where the terminal is gone, and else reloads."""

    stop: Callable[[str], None]
    reload: Callable[[], None]
    terminal: Terminal

    def __call__(self) -> None:
        if self.terminal.is_hung_up():
            self.stop(_CLOSED)
        else:
            self.reload()


@contextmanager
def _signals(stop: Callable[[str], None], hangup: _Hangup | None = None) -> Iterator[None]:
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


class _Progress(Listener):
    """Counters polls on a bar."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance

    def polled(self, message_id: int, answer: Answer, seconds: float) -> None:  # noqa: ARG002 -- the listener's signature
        self._advance(1)


def _database(settings: Config) -> str:
    from bridge.store.database_check import try_database  # noqa: PLC0415 -- keeps the other commands quick

    return try_database(settings.database, settings.wbiztool.account)


def _account(settings: Config) -> str:
    from bridge.daemon.credentials import try_credentials  # noqa: PLC0415 -- keeps the other commands quick

    return try_credentials(settings, SystemClock())


@contextmanager
def _progress(store: Store) -> Iterator[Listener]:
    with output.progress("polling", lambda: store.messages.count_due(output.now())) as advance:
        yield _Progress(advance)


def _exit_by_health(health: SourceHealth) -> None:
    if health.refused:
        raise CredentialsError(f"WbizTool refuses the credentials: {health.reason}")
    if health.failing_since is not None:
        raise NotNowError(f"WbizTool cannot be asked now: {health.reason}")


def _show_attempt(receiver: str, made: Attempt, *, as_json: bool) -> None:
    match made.outcome:
        case Delivered():
            outcome, why = "delivered", None
        case Retry(why=why):
            outcome = "not delivered"
        case Dead(why=why):
            outcome = "refused for good"
    if as_json:
        output.print_json(
            {
                "receiver": receiver,
                "outcome": outcome,
                "why": why,
                "http_status": made.http_status,
                "seconds": round(made.duration, 3),
                "answer": made.answer,
            }
        )
        return
    http = f"HTTP {made.http_status} " if made.http_status else ""
    output.say(f"{receiver}: {outcome}{f': {why}' if why else ''} ({http}in {made.duration:.2f} s)")
    if made.answer:
        output.say(f"answer: {squeezed(made.answer)}")
