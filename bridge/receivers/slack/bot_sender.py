"""Makes the calls of a Slack bot: the update of a thread's first post, and a post.

The post is made again where the thread is gone, and, as text alone, where Slack refuses how it looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.domain.errors import CredentialsError, InternalError, NotNowError
from bridge.domain.http_answers import json_object
from bridge.domain.outcome import Delivered, Retry
from bridge.receivers.protocol import Handed
from bridge.receivers.sender import CallingSender
from bridge.receivers.slack import bot_answers
from bridge.receivers.slack.bot import AUTH_TEST
from bridge.receivers.slack.responses import LAYOUT, PLAIN
from bridge.receivers.text import one_line
from bridge.transport.client import HttpClient
from bridge.transport.message import TransportError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from datetime import datetime

    from bridge.domain.clock import Clock
    from bridge.domain.model import Event
    from bridge.domain.outcome import Outcome
    from bridge.domain.threads import Thread
    from bridge.receivers.sender import Calls
    from bridge.receivers.slack.bot import SlackBot
    from bridge.receivers.slack.bot_config import SlackBotReceiverConfig
    from bridge.transport.message import Reply, Request


_THREAD_GONE: Final = "the thread is gone: started a new one"
_NOT_UPDATED: Final = "the first post was not updated"


class SlackBotSender(CallingSender):
    """Posts to a channel as a bot.

    Args:
        name: The name that the configuration gives the receiver.
        bot: Writes the calls.
        client: Makes them, with the token in the header.
    """

    def __init__(self, name: str, bot: SlackBot, client: HttpClient) -> None:
        super().__init__(name, client)
        self._bot = bot
        self._app: str | None = None

    def preview(self, events: Sequence[Event], at: datetime) -> dict[str, Any]:
        """Show the post."""
        del at  # it does not show
        return self._client.preview(self._bot.post(events, None))

    def _calls(self, events: Sequence[Event], thread: Thread | None, clock: Clock) -> Calls:
        """Make the calls of one attempt.

        The update goes first: it can be made again, when Slack has asked to wait, and a post can't. However else it
        fails only adds words to what comes of the post.
        """
        limited, notes = None, list[str]()
        if thread is not None:
            limited, note = yield from self._resolve(events, thread, clock)
            notes += [note] if note else []
        if limited is not None:
            return limited
        place, plain = thread, False
        while True:
            reply = yield self._bot.post(events, place, plain=plain)
            answer = bot_answers.read(reply, clock.wall(), self._bot.channel)
            if place is not None and bot_answers.is_lost(answer.code):
                place = None
            elif not plain and answer.code in LAYOUT:
                plain = True
            else:
                break
        notes += [PLAIN] if plain else []
        if thread is not None and isinstance(answer.outcome, Delivered) and not answer.in_thread:
            notes.append(_THREAD_GONE)
        if bot_answers.needs_name(answer.code):
            self._app = self._app or (yield from _introduced())
            answer = bot_answers.read(reply, clock.wall(), self._bot.channel, self._app)
        said = "\n".join([*notes, reply.text])
        return Handed(answer.outcome, said, reply.status, None if answer.in_thread else answer.post)

    def _resolve(
        self, events: Sequence[Event], thread: Thread, clock: Clock
    ) -> Generator[Request, Reply, tuple[Handed | None, str]]:
        """Update the thread's first post if what it reports is over.

        Returns what came of the attempt if Slack asked to wait, and why the update failed otherwise.
        """
        try:
            request = self._bot.resolution(events, thread)
            if request is None:
                return None, ""
            reply = yield request
            outcome = bot_answers.read(reply, clock.wall(), self._bot.channel).outcome
        except TransportError as error:
            return None, f"{_NOT_UPDATED}: {error}"
        except Exception as error:  # noqa: BLE001 -- or the post would never be made
            return None, f"{_NOT_UPDATED}: internal error: {InternalError.of(error)}"
        match outcome:
            case Delivered():
                return None, ""
            case Retry(after=wait) if wait is not None:
                return Handed(outcome, reply.text, reply.status), ""
            case _:
                return None, f"{_NOT_UPDATED}: {outcome.why}"


def _introduced() -> Generator[Request, Reply, str | None]:
    """Ask Slack for the app's name."""
    try:
        return bot_answers.app_in((yield AUTH_TEST))
    except TransportError:
        return None


def client_for_bot(settings: SlackBotReceiverConfig) -> HttpClient:
    """Build the way to Slack's Web API.

    Raises:
        TransportError: Its address can't be called.
    """
    return HttpClient(
        settings.bot.api_url,
        timeout=settings.timeout,
        connections=settings.concurrency,
        headers={"authorization": f"Bearer {settings.bot.token.get_secret_value()}"},
        tls=settings.tls,
        proxy=settings.proxy_in_clear,
    )


def introduce(settings: SlackBotReceiverConfig, at: datetime) -> str:
    """Ask Slack whose token this is, and return the names of workspace and bot.

    Raises:
        CredentialsError: Slack refuses the token, or it may not post. The text says what to do.
        NotNowError: Slack does not answer as it should.
    """
    client = client_for_bot(settings)
    try:
        reply = client.send(AUTH_TEST, AUTH_TEST.path)
    except TransportError as error:
        raise NotNowError(f"receiver {settings.name}: Slack is unreachable: {error}") from None
    finally:
        client.close()
    answer = bot_answers.read(reply, at, settings.bot.channel)
    _accepted(answer.outcome, answer.code, settings.name)
    scopes = reply.headers.get("x-oauth-scopes")
    if scopes is not None and bot_answers.POSTING not in (has := scopes.replace(" ", "")).split(","):
        lacking = bot_answers.lacks_scope(bot_answers.POSTING, has)
        raise CredentialsError(f"receiver {settings.name}: {lacking}")
    said = json_object(reply.body) or {}
    return f"workspace {one_line(said.get('team')) or '?'}, bot {one_line(said.get('user')) or '?'}"


def _accepted(outcome: Outcome, code: str | None, name: str) -> None:
    if isinstance(outcome, Delivered):
        return
    if code is None or bot_answers.is_passing(code):
        raise NotNowError(f"receiver {name}: Slack does not answer as it should: {outcome.why}")
    raise CredentialsError(f"receiver {name}: Slack refuses the token: {outcome.why}")
