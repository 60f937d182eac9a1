"""Drives a simulated Slack from another process, over paths outside the API.

=====================================  ============================================================================
``POST /_control/channels``            ``{"name", "private", "archived", "joined"}``: a new one, or a change
``POST /_control/apps``                ``{"token", "name", "scopes": […], "fault": "token_revoked"}``: as above
``POST /_control/refuse``              ``{"method", "error", "times"}``: the next calls of a method are refused
``POST /_control/limit``               ``{"token", "seconds"}``: every call is refused with 429 for that long
``POST /_control/delete``              ``{"channel", "ts"}``: a message
``GET /_control/posts``                what was posted
=====================================  ============================================================================
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bridge.simulator.endpoints import not_found, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.simulator.faulty_server import Answer, Received
    from bridge.simulator.slack_workspace import Workspace

BASE = "/_control/"


def respond(workspace: Workspace, request: Received, refuse: Callable[..., None]) -> Answer:
    """Do what is asked; what cannot be read is answered with 400 and a reason.

    Args:
        workspace: Whose state is changed or shown.
        request: Asks for it.
        refuse: Called with a method and the codes of errors that its next calls get.
    """
    try:
        with workspace.lock:
            given = json.loads(request.body) if request.method == "POST" else {}
            what = f"{request.method} {request.path.removeprefix(BASE)}"
            if what == "POST refuse":
                refuse(given["method"], *[str(given["error"])] * given.get("times", 1))
                return reply({})
            return _carry_out(workspace, what, given)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return reply({"error": f"{type(error).__name__}: {error}"}, 400)


def _carry_out(workspace: Workspace, what: str, given: dict[str, Any]) -> Answer:
    match what:
        case "POST channels":
            return reply({"id": _put_channel(workspace, **given)})
        case "POST apps":
            _put_app(workspace, **given)
        case "POST limit":
            workspace.limit(given["token"], given["seconds"])
        case "POST delete":
            post = workspace.find(given["channel"], given["ts"])
            if post is None:
                return not_found()
            post.deleted = True
        case "GET posts":
            shown = ("channel", "ts", "thread_ts", "broadcast", "edits", "content")
            return reply([{name: getattr(post, name) for name in shown} for post in workspace.posts])
        case _:
            return not_found()
    return reply({})


def _put_channel(workspace: Workspace, name: str, **how: bool) -> str:
    channel = next((each for each in workspace.channels if each.name == name), None)
    if channel is None:
        return workspace.add_channel(name, **how).id
    for key, value in how.items():
        setattr(channel, key, bool(value))
    return channel.id


def _put_app(workspace: Workspace, token: str, **how: Any) -> None:
    if "scopes" in how:
        how["scopes"] = frozenset(how["scopes"])
    app = workspace.apps.get(token)
    if app is None:
        workspace.add_app(token, **how)
        return
    for key, value in how.items():
        setattr(app, key, value)
