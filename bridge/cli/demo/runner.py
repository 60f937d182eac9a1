"""Plays the demo."""

from __future__ import annotations

import json
import secrets
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from bridge.cli.demo.screen import Screen
from bridge.cli.demo.script import NOT_SENT, SCENES
from bridge.cli.throw_away import configured, throw_away
from bridge.client import VerificationError, verify
from bridge.daemon.daemon import Daemon
from bridge.domain.clock import SystemClock
from bridge.domain.errors import REPORT_IT, BridgeError
from bridge.domain.model import DeliveryState, Status
from bridge.receivers.signing import new_secret
from bridge.simulator.account import Account
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Answer, Recorded, Sink
from bridge.store.history import DeliveryQuery
from bridge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FOLDER = "wbiz-bridge-demo-"
_EVERYTHING = 1000  # there is far less
_LOOK_EVERY = 0.2
_SETTLE = timedelta(seconds=10)
_REFUSALS = 2
"""How many POSTs the receiver of the demo refuses first, so that one sees them tried again."""


def run_demo(length: timedelta, *, keep: bool = False) -> None:
    """Play the demo and print a summary.

    Args:
        length: How long the messages take to come to their ends; a moment more for the last deliveries.
        keep: Go on after that, until Ctrl-C.

    Raises:
        BridgeError: Something that must hold did not; the text says what.
    """
    # The demo tells its own story: the daemon's log is the same in other words.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    screen = Screen()
    clock = SystemClock()
    account = Account(clock)
    crm, slack = _Crm(screen), _Slack(screen)
    with (
        throw_away(_FOLDER) as folder,
        Simulator(account) as simulator,
        Sink(crm.answer) as crm_sink,
        Sink(slack.answer) as slack_sink,
    ):
        settings = configured(folder, simulator, _sections(slack_sink, crm_sink, crm.secret))
        for scene in SCENES:
            account.put(scene.id, script=[(scene.when * length.total_seconds(), scene.becomes, scene.error)])
        screen.begin(length)
        with Store(settings.database, exclusive=True) as store:
            daemon = Daemon(settings, store, clock=clock, listener=screen)
            with _running(daemon, screen) as runner:
                with screen:
                    finished = _play(runner, store, screen, length)
                if finished:
                    _conclude(store, screen, crm, slack)
                    if keep:
                        _stay(runner, screen)
            if not finished:
                _conclude(store, screen, crm, slack)


def _sections(slack: Sink, crm: Sink, secret: str) -> Mapping[str, object]:
    return {
        "poll": {"every": "1s", "unknown_after": "3s"},
        "messages": [*({"id": scene.id, "label": scene.label} for scene in SCENES), NOT_SENT],
        "http": {"listen": "127.0.0.1:0"},
        "receivers": [
            {
                "name": "slack",
                "slack": slack.url,
                "events": ["failed", "expired", "unknown"],
                "group": {"wait": "1s"},
                "proxy": False,
            },
            {"name": "crm", "webhook": crm.url, "secret": secret, "proxy": False},
        ],
    }


@contextmanager
def _running(daemon: Daemon, screen: Screen) -> Iterator[threading.Thread]:
    """Run the daemon in a thread of its own, and stop it at the end."""
    runner = threading.Thread(target=daemon.run, args=[lambda: screen.page(daemon.http_address)], name="daemon")
    runner.start()
    try:
        yield runner
    finally:
        daemon.stop()
        runner.join()


def _play(runner: threading.Thread, store: Store, screen: Screen, length: timedelta) -> bool:
    """Wait until everything has come to its end, or should have; tell whether it has."""
    clock = SystemClock()
    until = clock.monotonic() + (length + _SETTLE).total_seconds()
    # Ctrl-C ends the show early; the summary then says how far it came.
    with suppress(KeyboardInterrupt):
        while runner.is_alive() and clock.monotonic() < until:
            shown = store.search.messages().items
            screen.show(shown)
            at_end = [each for each in shown if each.message.state and each.message.state.status.terminal]
            if len(at_end) == len(SCENES) and not store.summaries.queued()[0] and screen.played:
                return True
            runner.join(_LOOK_EVERY)
    return False


def _stay(runner: threading.Thread, screen: Screen) -> None:
    """Wait for Ctrl-C, which is how this is meant to end."""
    screen.stays()
    with suppress(KeyboardInterrupt):
        runner.join()


def _conclude(store: Store, screen: Screen, crm: _Crm, slack: _Slack) -> None:
    events = store.history.events(most=_EVERYTHING).items
    delivered = store.history.deliveries(DeliveryQuery(states=(DeliveryState.DELIVERED,)), most=_EVERYTHING).items
    queued, _ = store.summaries.queued()
    recorded = {(event.message_id, str(event.type)) for event in events}
    due = {(scene.id, f"message.{scene.becomes}") for scene in SCENES} | {(NOT_SENT, f"message.{Status.UNKNOWN}")}
    screen.summary(
        messages=len(SCENES) + 1,
        events=len(events),
        delivered=len(delivered),
        webhooks=len(crm.taken),
        refused=crm.refused,
        slack_messages=slack.count,
    )
    if crm.bad_signatures:
        raise BridgeError(f"{crm.bad_signatures} webhooks were not signed as they should be: {REPORT_IT}")
    if due - recorded or queued:
        raise BridgeError(
            "the demo was ended early, or this machine is very slow: "
            f"{len(due - recorded)} events and {queued} deliveries are still to come"
        )


class _Crm:
    """A program that takes webhooks: it verifies the signature, and is down at first."""

    def __init__(self, screen: Screen) -> None:
        self.secret = new_secret(secrets.token_bytes(32))
        self.taken: set[str] = set()
        self.refused = 0
        self.bad_signatures = 0
        self._screen = screen
        self._lock = threading.Lock()

    def answer(self, request: Recorded) -> Answer:
        """Take a webhook, or refuse it with a 503."""
        event = json.loads(request.body)
        try:
            verify(request.body, request.headers, self.secret)
            verified = True
        except VerificationError:
            verified = False
        with self._lock:
            if self.refused < _REFUSALS:
                self.refused += 1
                self._screen.webhook(event, taken=False)
                return Answer.status(503)
            self.bad_signatures += not verified
            self.taken.add(request.headers["webhook-id"])
        self._screen.webhook(event, taken=True)
        return Answer.status(204)


class _Slack:
    """A Slack channel."""

    def __init__(self, screen: Screen) -> None:
        self.count = 0
        self._screen = screen

    def answer(self, request: Recorded) -> Answer:
        """Show a message."""
        self.count += 1
        self._screen.slack(str(json.loads(request.body)["text"]))
        return Answer.ok()
