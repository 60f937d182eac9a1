"""Makes things happen in the simulated WbizTool, and waits until the bridge has noticed them."""

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
from bridge.domain.routing import Subscription, subscribed
from bridge.store.poll_results import Polled
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
    """One at a time.

    Args:
        config: The daemon's.
        account: The simulated account.
        heard: Hears what the daemon notices.
        listener: Told of samples that were sent.
        reload: Lets the daemon read its configuration again.
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
        self._refused: int | None = None  # while the source is down: the message by whose polls that is noticed
        self._lock = threading.Lock()

    def make(self, asked: Request) -> dict[str, Any]:
        """Make an event happen; return it as JSON has it, or what came of the test event that was sent in its place.

        What the receiver has not taken so far is sent at once, too.

        Raises:
            UsageError: Nothing would happen: it is so already.
            NotNowError: The bridge did not notice it.
            BridgeError: The source is down, so that the bridge notices nothing else.
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
        return {
            "event": envelope(event),
            "subscribed": subscribed(Subscription(RECEIVER, receiver.events), event.type),
        }

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
        """Let a message come to a status; one that is new is pending first, and is seen so."""
        self._expect_source_up()
        id_ = asked.id or self._new_id()
        known = self._known(id_)
        if known is not None and known.state is not None and known.state.status is status:
            raise UsageError(f"message {id_} is {status} already: name another --id, or none for a new message")
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
        """Let a message have been pending for so long that the bridge tells of it.

        Nobody can wait for days, so the wait is put into the record: this message was handed over and seen pending that
        long ago. What follows is the bridge's: it polls the message, finds it still pending, and tells so.
        """
        self._expect_source_up()
        id_ = asked.id or self._new_id()
        if self._known(id_) is not None:
            raise UsageError(f"message {id_} is known already, and {asked.type} takes a new one: leave --id out")
        # WbizTool knows it only once that is recorded: a poll that came before would find it pending since now.
        self._account.forget(id_)
        then = self._clock.now() - self._patience(asked.type)
        self._store.messages.watch([id_], then, _details(asked))
        message = self._known(id_)
        assert message is not None
        verdict = self._config.poll.schedule.judge(message, Observation(Status.PENDING, then))
        nobody = ()  # is told of what has long been over
        self._store.record_polls([Polled(message, verdict, then, self._clock.now())], nobody)
        self._account.put(id_)
        return self._heard.wait_for(asked.type, id_)

    def _patience(self, type_: EventType) -> timedelta:
        poll = self._config.poll
        wait = poll.stuck_after if type_ is EventType.MESSAGE_STUCK else poll.stop_after
        assert wait is not None  # both are on unless a configuration switches them off
        return wait

    def _take_source_down(self) -> Event:
        """Withdraw the bridge's API key."""
        if self._refused is not None:
            raise UsageError("source.down has been told already: `wbiz-bridge trigger source.up` ends it")
        self._account.api_key = secrets.token_hex(16)
        self._refused = self._new_id()
        self._account.forget(self._refused)  # a message that there is would have an event of its own once all is well
        self._store.messages.watch([self._refused], self._clock.now())
        return self._heard.wait_for(EventType.SOURCE_DOWN)

    def _bring_source_up(self) -> Event:
        """Put the new API key into the bridge's configuration."""
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
            raise BridgeError("the source is down, so the bridge sees no change: first `wbiz-bridge trigger source.up`")

    def _disconnect(self) -> Event:
        self._expect_source_up()
        if not self._account.numbers[_NUMBER].connected:
            raise UsageError("the number is disconnected already: `wbiz-bridge trigger number.connected` ends it")
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
