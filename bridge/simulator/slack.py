"""A simulated Slack Web API: ``auth.test``, ``chat.postMessage`` and ``chat.update``, as Slack documents them.

Sources: https://docs.slack.dev/apis/web-api/ (the token in the header or as a form's ``token``, bodies as JSON or as a
form, errors with status 200 and ``"ok": false``, warnings), https://docs.slack.dev/apis/web-api/rate-limits (429 and
``Retry-After``), https://docs.slack.dev/reference/methods/auth.test.
"""

from __future__ import annotations

import json
import math
from collections import deque
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from bridge.domain.clock import SystemClock
from bridge.simulator import slack_control
from bridge.simulator.faulty_server import Answer, Server
from bridge.simulator.slack_workspace import WRITE, App, Post, SlackError, Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.simulator.faulty_server import Received

TOKEN: Final = "xoxb-simulated-token"  # noqa: S105 -- of the simulator alone
"""The token of the app that a workspace has from the beginning."""

_BASE: Final = "/api/"
_JSON: Final = "application/json"


class Slack(Server):
    """Serves a workspace on loopback. It begins with the channel ``#ops`` and an app that is in it.

    Args:
        workspace: The workspace.
        port: 0 for one that the system gives.
    """

    def __init__(self, workspace: Workspace | None = None, *, port: int = 0) -> None:
        self.workspace = workspace or Workspace(SystemClock())
        if not self.workspace.apps:
            self.workspace.add_app(TOKEN)
        if not self.workspace.channels:
            self.workspace.add_channel("ops")
        self._prepared: deque[tuple[str, Answer]] = deque()
        super().__init__(self._respond, port)

    @property
    def api_url(self) -> str:
        """What precedes the names of methods."""
        return f"{self.address}{_BASE.rstrip('/')}"

    @property
    def posts(self) -> list[Post]:
        """List what was posted, in order."""
        with self.workspace.lock:
            return list(self.workspace.posts)

    def answer_next(self, method: str, *answers: Answer | str) -> None:
        """Answer the next calls of a method so; text is the code of a refusal."""
        with self.workspace.lock:
            for each in answers:
                prepared = _answer({"ok": False, "error": each}) if isinstance(each, str) else each
                self._prepared.append((method, prepared))

    def _respond(self, request: Received) -> Answer:
        path = urlsplit(request.path).path
        if path.startswith(slack_control.BASE):
            return slack_control.respond(self.workspace, request, self.answer_next)
        method = path.removeprefix(_BASE)
        with self.workspace.lock:
            self.workspace.calls[method] += 1
            prepared = next((each for each in self._prepared if each[0] == method), None)
            if prepared is not None:
                self._prepared.remove(prepared)
                return prepared[1]
            return self._answer(method, request)

    def _answer(self, method: str, request: Received) -> Answer:
        headers: dict[str, str] = {}
        warnings: list[str] = []
        try:
            asked, warnings = _read(request)
            app = self.workspace.app(_token(request, asked))
            headers["X-OAuth-Scopes"] = ",".join(sorted(app.scopes))
            if wait := self.workspace.limited_for(app.token):
                return _limited(wait)
            said = self._call(method, app, asked)
            headers["X-Accepted-OAuth-Scopes"] = WRITE
        except SlackError as error:
            if error.code == "ratelimited":
                return _limited(1)
            said = {"ok": False, "error": error.code, **error.more}
        if warnings:
            said |= {"warning": ",".join(warnings), "response_metadata": {"warnings": warnings}}
        return _answer(said, **headers)

    def _call(self, method: str, app: App, asked: Mapping[str, Any]) -> dict[str, Any]:
        match method:
            case "auth.test":
                return self._introduce(app)
            case "chat.postMessage":
                post = self.workspace.post(app, asked)
                return {"ok": True, "channel": post.channel, "ts": post.ts, "message": _shown(post, app)}
            case "chat.update":
                post = self.workspace.update(app, asked)
                shown = {"channel": post.channel, "ts": post.ts, "text": post.text, "message": _shown(post, app)}
                return {"ok": True, **shown}
            case _:
                raise SlackError("unknown_method", req_method=method)

    def _introduce(self, app: App) -> dict[str, Any]:
        name = self.workspace.name
        who = {"user": app.name, "user_id": app.user_id, "bot_id": app.bot_id}
        where = {"url": f"https://{name.lower()}.slack.com/", "team": name, "team_id": "T0SIMULATED"}
        return {"ok": True, **where, **who, "is_enterprise_install": False}


def _shown(post: Post, app: App) -> dict[str, Any]:
    """Show a message as answers do; of a reply, with the ``ts`` of its parent."""
    shown = {"type": "message", "user": app.user_id, "bot_id": app.bot_id, "ts": post.ts, **post.content}
    if post.thread_ts is not None:
        shown["thread_ts"] = post.thread_ts
    if post.broadcast:
        shown["subtype"] = "thread_broadcast"
    if post.edits:
        shown["edited"] = {"user": app.bot_id, "ts": post.ts}
    return shown


def _read(request: Received) -> tuple[dict[str, Any], list[str]]:
    """Read the arguments of a call, and what Slack warns of.

    Raises:
        SlackError: They can't be read.
    """
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = "charset" in parameters.lower()
    match kind.strip().lower():
        case "application/json":
            try:
                asked = json.loads(request.body)
            except ValueError:
                raise SlackError("invalid_json") from None
            if not isinstance(asked, dict):
                raise SlackError("json_not_object")
            return asked, [] if charset else ["missing_charset"]
        case "application/x-www-form-urlencoded":
            return _form(request.body.decode("utf-8", "replace")), ["superfluous_charset"] if charset else []
        case "" if not request.body:
            return _form(urlsplit(request.path).query), []
        case "":
            raise SlackError("missing_post_type")
        case _:
            raise SlackError("invalid_post_type")


def _form(text: str) -> dict[str, Any]:
    """Read a form: lists are written as JSON in it."""
    asked: dict[str, Any] = dict(parse_qsl(text, keep_blank_values=True))
    for key in ("blocks", "attachments"):
        try:
            asked[key] = json.loads(asked[key]) if key in asked else None
        except ValueError:
            raise SlackError("invalid_blocks_format" if key == "blocks" else "invalid_attachments") from None
    return asked


def _token(request: Received, asked: Mapping[str, Any]) -> str | None:
    """Find the token. In a body of JSON, Slack does not look for it."""
    word, _, token = request.headers.get("authorization", "").partition(" ")
    if word.lower() == "bearer":
        return token.strip()
    as_json = request.headers.get("content-type", "").lower().startswith(_JSON)
    return None if as_json else asked.get("token")


def _limited(seconds: float) -> Answer:
    body = json.dumps({"ok": False, "error": "ratelimited"}).encode()
    return Answer(429, body, {"Retry-After": str(max(1, math.ceil(seconds)))})


def _answer(said: Mapping[str, Any], **headers: str) -> Answer:
    return Answer(200, json.dumps(said).encode(), {"Content-Type": "application/json; charset=utf-8", **headers})
