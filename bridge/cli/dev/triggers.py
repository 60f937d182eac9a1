"""Makes events happen in the simulated WbizTool, and waits until the bridge has detected them."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Any, Final

from bridge.cli.dev.request import RULES_OF_TIME, STATUSES, Request
from bridge.cli.dev.settings import RECEIVER
from bridge.cli.throw_away import KEY_FILE
from bridge.daemon.receiver_trial import try_receiver
from bridge.domain.errors import BridgeError, UsageError
from bridge.domain.events import envelope
from bridge.domain.model import Details, EventType, Observation, Status
from bridge.domain.routing import subscribed
from bridge.store.poll_results import PollResult
from bridge.store.search import MessageQuery

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from bridge.cli.dev.heard import Heard
    from bridge.config.models import Config
    from bridge.domain.clock import Clock
    from bridge.domain.model import Event, Message
    from bridge.domain.observer import Listener
    from bridge.simulator.account import Account
    from bridge.store.store import Store

_ERROR: Final = "Invalid phone number"
_NUMBER: Final = 1
"""The account's one WhatsApp number, by its id."""


class Triggers:
    """Makes one event at a time.

    Args:
        config: The daemon's.
        account: The simulated account.
        heard: Hears the daemon's events.
        listener: Hears of test events.
        reload: Makes the daemon reload its configuration.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        account: Account,
        heard: Heard,
        *,
        clock: Clock,
        listener: Listener,
        reload: Callable[[], None],
    ) -> None:
        self._config = config
        self._store = store
        self._account = account
        self._heard = heard
        self._clock = clock
        self._listener = listener
        self._reload = reload
        self._refused: int | None = None  # the message that is polled while the source is down
        self._lock = threading.Lock()

    def make(self, asked: Request) -> dict[str, Any]:
        """Make an event happen and return it as JSON; for other types, send a test event and return its result.

        Failed deliveries are retried at once.

        Raises:
            UsageError: Nothing would change.
            NotNowError: The bridge did not report the event in time.
            BridgeError: The source is down, so that the bridge detects nothing else.
        """
        with self._lock:
            self._heard.forget()
            # Whoever has just fixed their receiver should not wait for the next retry.
            self._store.deliveries.release(RECEIVER, self._clock.now())
            event = self._made(asked)
        if event is None:
            made = try_receiver(self._config, RECEIVER, asked.type, self._store, self._clock, self._listener)
            return {"test": made}
        (receiver,) = self._config.receivers
        return {"event": envelope(event), "subscribed": subscribed(receiver.subscription, event.type)}

    def _made(self, asked: Request) -> Event | None:
        match asked.type:
            case EventType.SOURCE_DOWN:
                return self._take_source_down()
            case EventType.SOURCE_UP:
                return self._bring_source_up()
            case EventType.NUMBER_DISCONNECTED:
                return self._disconnect()
            case EventType.NUMBER_CONNECTED:
                return self._connect()
            case type_ if type_ in STATUSES:
                return self._change(asked, STATUSES[type_])
            case type_ if type_ in RULES_OF_TIME:
                return self._let_wait(asked)
            case _:
                return None

    def _change(self, asked: Request, status: Status) -> Event:
        """Change a message's status. The bridge sees a new message as pending first."""
        self._expect_source_up()
        id_ = asked.id or self._new_id()
        known = self._known(id_)
        if known is not None and known.state is not None and known.state.status is status:
            raise UsageError(f"message {id_} is already {status}: use another --id, or leave it out for a new message")
        if known is None and status not in {Status.PENDING, Status.UNKNOWN}:
            self._account.put(id_)
            self._watch(id_, asked)
            self._heard.wait_for(EventType.MESSAGE_PENDING, id_)
        if status is Status.UNKNOWN:
            self._account.forget(id_)
        else:
            self._account.put(id_, status, (asked.error or _ERROR) if status is Status.FAILED else None)
        self._watch(id_, asked)
        return self._heard.wait_for(asked.type, id_)

    def _let_wait(self, asked: Request) -> Event:
        """Add a message that has been pending for so long that the bridge reports it.

        Nobody can wait for days, so the start of the wait is recorded in the past: the message was handed over and seen
        pending that long ago. The rest is real: the bridge polls the message and finds it still pending.
        """
        self._expect_source_up()
        id_ = asked.id or self._new_id()
        if self._known(id_) is not None:
            raise UsageError(f"message {id_} already exists, and {asked.type} needs a new one: leave --id out")
        # WbizTool does not know it until that is recorded: a poll before that would find it pending since now.
        self._account.forget(id_)
        then = self._clock.now() - self._patience(asked.type)
        self._store.messages.watch([id_], then, _details(asked))
        message = self._known(id_)
        assert message is not None
        verdict = self._config.poll.schedule.judge(message, Observation(Status.PENDING, then))
        # No receiver is sent an event of the past.
        self._store.record_polls([PollResult(message, verdict, then, self._clock.now())], subscriptions=())
        self._account.put(id_)
        return self._heard.wait_for(asked.type, id_)

    def _patience(self, type_: EventType) -> timedelta:
        poll = self._config.poll
        wait = poll.stuck_after if type_ is EventType.MESSAGE_STUCK else poll.stop_after
        assert wait is not None  # both are on unless a configuration switches them off
        return wait

    def _take_source_down(self) -> Event:
        """Revoke the bridge's API key."""
        if self._refused is not None:
            raise UsageError("the source is already down: run `wbiz-bridge trigger source.up` first")
        self._account.api_key = secrets.token_hex(16)
        self._refused = self._new_id()
        self._account.forget(self._refused)  # one that exists would have an event of its own when the source is up
        self._store.messages.watch([self._refused], self._clock.now())
        return self._heard.wait_for(EventType.SOURCE_DOWN)

    def _bring_source_up(self) -> Event:
        """Give the bridge the new API key."""
        if self._refused is None:
            self._take_source_down()
        (self._config.path.parent / KEY_FILE).write_text(self._account.api_key, encoding="utf-8")
        self._reload()
        event = self._heard.wait_for(EventType.SOURCE_UP)
        if self._refused is not None:
            self._store.messages.unwatch([self._refused])
            self._refused = None
        return event

    def _expect_source_up(self) -> None:
        if self._refused is not None:
            raise BridgeError(
                "the source is down, so the bridge detects nothing: run `wbiz-bridge trigger source.up` first"
            )

    def _disconnect(self) -> Event:
        self._expect_source_up()
        if not self._account.numbers[_NUMBER].connected:
            raise UsageError("the number is already disconnected: run `wbiz-bridge trigger number.connected` first")
        self._account.connect(_NUMBER, connected=False)
        return self._heard.wait_for(EventType.NUMBER_DISCONNECTED)

    def _connect(self) -> Event:
        self._expect_source_up()
        if self._account.numbers[_NUMBER].connected:
            self._disconnect()
        self._account.connect(_NUMBER)
        return self._heard.wait_for(EventType.NUMBER_CONNECTED)

    def _new_id(self) -> int:
        return self._account.send("", "")

    def _known(self, id_: int) -> Message | None:
        found = self._store.search.messages(MessageQuery(ids=(id_,)), most=1).items
        return found[0].message if found else None

    def _watch(self, id_: int, asked: Request) -> None:
        now = self._clock.now()
        self._store.messages.watch([id_], now, _details(asked))
        self._store.messages.poll_now([id_], now)  # also one that is finished


def _details(asked: Request) -> Details:
    return Details(asked.label, asked.tags)
