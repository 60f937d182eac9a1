"""The calls of a Slack bot: what is posted, in which thread, and how the first post is updated at the end. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.domain.clock import in_words
from bridge.domain.threads import is_bad_news, resolution
from bridge.receivers.slack.receiver import HEADERS, as_json, text_alone
from bridge.receivers.wording import COLOURS, WORDS
from bridge.transport.message import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.domain.model import Event
    from bridge.domain.threads import Thread
    from bridge.receivers.slack.receiver import SlackReceiver

POST: Final = "/chat.postMessage"
UPDATE: Final = "/chat.update"
AUTH_TEST: Final = Request(b"{}", HEADERS, path="/auth.test")
_KEPT: Final = ("text", "blocks", "attachments")


class SlackBot:
    """Writes the calls of a bot.

    Args:
        messages: Draws the messages.
        channel: Where it posts what begins a thread.
    """

    def __init__(self, messages: SlackReceiver, channel: str) -> None:
        self.channel = channel
        self._messages = messages

    def post(self, events: Sequence[Event], thread: Thread | None, *, plain: bool = False) -> Request:
        """Write a post, or a ``plain`` one of text alone; bad news in a thread is shown in the channel, too.

        Raises:
            ValueError: There is no event.
        """
        place: dict[str, Any] = {"channel": self.channel}
        if thread is not None:
            place = {"channel": thread.post.channel, "thread_ts": thread.post.ts}
            if is_bad_news(events):
                place["reply_broadcast"] = True
        drawn = self._messages.draw(events)
        return Request(as_json({**place, **(text_alone(drawn) if plain else drawn)}), HEADERS, path=POST)

    def resolution(self, events: Sequence[Event], thread: Thread) -> Request | None:
        """Write the update of a thread's first post if all that it shows is over now; None if it stays as it is."""
        lasted = resolution(events, thread)
        if lasted is None:
            return None
        what = "Resolved" if len(thread.shown) == 1 else "All resolved"
        words = f"{what} after {in_words(max(lasted.total_seconds(), 0))}"
        place = {"channel": thread.post.channel, "ts": thread.post.ts}
        updated = _resolved(self._messages.draw(thread.shown), words, COLOURS[WORDS[events[-1].type].severity])
        return Request(as_json({**place, **updated}), HEADERS, path=UPDATE)


def _resolved(drawn: dict[str, Any], words: str, colour: str) -> dict[str, Any]:
    """Put a line above a message, which stays readable below it."""
    head = {"type": "header", "text": {"type": "plain_text", "text": f"✅ {words}", "emoji": False}}
    payload: dict[str, Any] = {key: drawn[key] for key in _KEPT if key in drawn}
    payload |= {"text": f"✅ {words}: {drawn['text']}", "blocks": [head, *drawn["blocks"]]}
    if "attachments" in drawn:
        payload["attachments"] = [{**bar, "color": colour} for bar in drawn["attachments"]]
    return payload
