"""A simulated Slack workspace: its channels, its apps, and what was posted. No I/O.

Sources: https://docs.slack.dev/reference/methods/chat.postMessage and …/chat.update (the codes of errors, the form of
answers), https://docs.slack.dev/messaging/#threading (a reply names its parent's ``ts``), and
https://github.com/slack-go/slack/issues/1571 (a reply to a deleted message may also be posted as a message of its own).
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.domain.clock import Clock

WRITE: Final = "chat:write"
WRITE_PUBLIC: Final = "chat:write.public"
_LONGEST_TEXT = 40_000
_MOST_BLOCKS = 50
_LONGEST_HEADER = 150
_BLOCKS = frozenset({"actions", "context", "divider", "header", "image", "markdown", "rich_text", "section", "video"})


class SlackError(Exception):
    """Slack refuses, with a code, and with more where it says more."""

    def __init__(self, code: str, **more: object) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


@dataclass(slots=True)
class Channel:
    """A channel. ``joined`` says whether the app is a member of it."""

    id: str
    name: str
    private: bool = False
    archived: bool = False
    joined: bool = True


@dataclass(slots=True)
class App:
    """An app that is installed in the workspace, by its bot token. ``fault`` is the code that the token gets."""

    token: str
    name: str = "wbiz-bridge"
    scopes: frozenset[str] = frozenset({WRITE})
    fault: str | None = None
    user_id: str = "U0BRIDGE"
    bot_id: str = "B0BRIDGE"


@dataclass(slots=True)
class Post:
    """A message in a channel. ``thread_ts`` names the parent of a reply; ``edits`` counts the updates."""

    channel: str
    ts: str
    bot_id: str
    content: dict[str, Any]
    thread_ts: str | None = None
    broadcast: bool = False
    edits: int = 0
    deleted: bool = False

    @property
    def text(self) -> str:
        """What notifications show."""
        return str(self.content.get("text", ""))


@dataclass
class Workspace:
    """The state of a workspace. Safe to use from several threads.

    ``per_second`` is how many posts a channel takes in a second; None for any number. ``unthreads`` says what becomes
    of a reply to a message that is not there: a message of its own, in place of an error.
    """

    clock: Clock
    name: str = "Acme"
    per_second: int | None = None
    unthreads: bool = False
    edits_allowed: bool = True
    channels: list[Channel] = field(default_factory=list)
    apps: dict[str, App] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _latest: int = 0
    _limited_until: dict[str, float] = field(default_factory=dict)
    _times: dict[str, list[float]] = field(default_factory=dict)

    def add_channel(self, name: str, **how: bool) -> Channel:
        """Make a channel."""
        with self.lock:
            channel = Channel(f"C0{len(self.channels) + 1:07d}", name, **how)
            self.channels.append(channel)
            return channel

    def add_app(self, token: str, **how: Any) -> App:
        """Install an app."""
        with self.lock:
            number = len(self.apps) + 1
            how = {"user_id": f"U0BOT{number:04d}", "bot_id": f"B0BOT{number:04d}", **how}
            self.apps[token] = App(token, **how)
            return self.apps[token]

    def limit(self, token: str, seconds: float) -> None:
        """Answer that a token makes too many calls, for that many seconds."""
        with self.lock:
            self._limited_until[token] = self.clock.monotonic() + seconds

    def limited_for(self, token: str) -> float:
        """Return for how many seconds more a token is answered that it makes too many calls."""
        return max(0.0, self._limited_until.get(token, 0.0) - self.clock.monotonic())

    def app(self, token: str | None) -> App:
        """Find who calls.

        Raises:
            SlackError: Nobody does, or the token is not good.
        """
        if not token:
            raise SlackError("not_authed")
        if token not in self.apps:
            raise SlackError("invalid_auth")
        app = self.apps[token]
        if app.fault is not None:
            raise SlackError(app.fault)
        return app

    def post(self, app: App, asked: Mapping[str, Any]) -> Post:
        """Post a message.

        Raises:
            SlackError: It is refused.
        """
        _must_have(app, WRITE)
        channel = self._channel(app, str(asked.get("channel", "")), names=True)
        content = _content(asked)
        self._count(channel)
        wanted = asked.get("thread_ts")
        parent = None if wanted is None else self._parent(channel.id, str(wanted))
        if wanted is not None and parent is None and not self.unthreads:
            raise SlackError("thread_not_found")
        broadcast = parent is not None and _is_true(asked.get("reply_broadcast"))
        post = Post(channel.id, self._next_ts(), app.bot_id, content, parent, broadcast)
        self.posts.append(post)
        return post

    def update(self, app: App, asked: Mapping[str, Any]) -> Post:
        """Change a message that the app has posted.

        Raises:
            SlackError: It is refused.
        """
        _must_have(app, WRITE)
        channel = self._channel(app, str(asked.get("channel", "")), names=False)
        post = self.find(channel.id, str(asked.get("ts", "")))
        if post is None:
            raise SlackError("message_not_found")
        if post.bot_id != app.bot_id:
            raise SlackError("cant_update_message")
        if not self.edits_allowed:
            raise SlackError("edit_window_closed")
        post.content = {**post.content, **_content(asked)}
        post.edits += 1
        return post

    def find(self, channel: str, ts: str) -> Post | None:
        """Find a message that was not deleted."""
        found = (each for each in self.posts if (each.channel, each.ts, each.deleted) == (channel, ts, False))
        return next(found, None)

    def _parent(self, channel: str, ts: str) -> str | None:
        """Find the first message of a thread, also by one of the replies."""
        post = self.find(channel, ts)
        return None if post is None else post.thread_ts or post.ts

    def _channel(self, app: App, wanted: str, *, names: bool) -> Channel:
        name = wanted.removeprefix("#") if names else None
        channel = next((each for each in self.channels if wanted == each.id or name == each.name), None)
        if channel is None or (channel.private and not channel.joined):
            raise SlackError("channel_not_found")
        if channel.archived:
            raise SlackError("is_archived")
        if not channel.joined and WRITE_PUBLIC not in app.scopes:
            raise SlackError("not_in_channel")
        return channel

    def _count(self, channel: Channel) -> None:
        now = self.clock.monotonic()
        recent = [each for each in self._times.get(channel.id, ()) if now - each < 1]
        if self.per_second is not None and len(recent) >= self.per_second:
            raise SlackError("ratelimited")
        self._times[channel.id] = [*recent, now]

    def _next_ts(self) -> str:
        micros = int(self.clock.now().timestamp() * 1_000_000)
        self._latest = max(self._latest + 1, micros)
        return f"{self._latest // 1_000_000}.{self._latest % 1_000_000:06d}"


def _must_have(app: App, scope: str) -> None:
    if scope not in app.scopes:
        raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(app.scopes)))


def _content(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Check what a message is to hold, as far as Slack documents it."""
    content = {key: asked[key] for key in ("text", "blocks", "attachments") if asked.get(key)}
    if not content:
        raise SlackError("no_text")
    if len(str(content.get("text", ""))) > _LONGEST_TEXT:
        raise SlackError("msg_too_long")
    attachments = content.get("attachments", [])
    inner = [each.get("blocks", []) for each in attachments] if _are_objects(attachments) else [None]
    for blocks in (content.get("blocks", []), *inner):
        _check(blocks, lambda wrong: SlackError("invalid_blocks", response_metadata={"messages": [f"[ERROR] {wrong}"]}))
    return content


def _check(blocks: Any, refusal: Callable[[str], SlackError]) -> None:
    if not _are_objects(blocks):
        raise refusal("must be an array of objects")
    if len(blocks) > _MOST_BLOCKS:
        raise refusal(f"no more than {_MOST_BLOCKS} items allowed [json-pointer:/blocks]")
    for index, block in enumerate(blocks):
        if block.get("type") not in _BLOCKS:
            raise refusal(f"unsupported type: {block.get('type')} [json-pointer:/blocks/{index}/type]")
        if block["type"] == "header" and not 0 < len(str(block.get("text", {}).get("text", ""))) <= _LONGEST_HEADER:
            raise refusal(f"must be 1 to {_LONGEST_HEADER} characters [json-pointer:/blocks/{index}/text/text]")


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _is_true(value: object) -> bool:
    """Read a boolean as JSON or a form has it."""
    return value is True or str(value).lower() in {"true", "1"}
