"""Drives a simulator from another process: chaos tests and benchmarks, over paths outside the API.

=====================================  ============================================================================
``POST /_control/messages``            a list of ``{"id", "status", "error", "script": [[seconds, status, error]]}``
``POST /_control/faults``              ``{"fault": "HANG", "times", "message_id", "share"}``
``POST /_control/fix``                no faults any more, and what hangs goes out
``POST /_control/numbers``             ``{"id", "connected"}``
``GET /_control/calls``                how often each call was made, and each message polled
``GET /_control/history``              the true life of each message so far: ``{id: [{"at", "status", "error"}]}``
=====================================  ============================================================================
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bridge.domain.clock import isoformat
from bridge.domain.model import Status
from bridge.simulator.endpoints import not_found, reply
from bridge.simulator.faults import Fault

if TYPE_CHECKING:
    from bridge.simulator.account import Account
    from bridge.simulator.api import Simulator
    from bridge.simulator.faulty_server import Answer, Received

BASE = "/_control/"


def respond(simulator: Simulator, request: Received) -> Answer:
    """Do what is asked; what cannot be read is answered with 400 and a reason."""
    try:
        return _carry_out(simulator, request.method, request.path.removeprefix(BASE), request.body)
    except (ValueError, KeyError, TypeError) as error:
        return reply({"error": f"{type(error).__name__}: {error}"}, 400)


def _carry_out(simulator: Simulator, method: str, what: str, body: bytes) -> Answer:
    match method, what:
        case "POST", "messages":
            for given in json.loads(body):
                _put(simulator.account, **given)
        case "POST", "faults":
            given = json.loads(body)
            simulator.fault(Fault[given.pop("fault")], **given)
        case "POST", "fix":
            simulator.fix()
        case "POST", "numbers":
            given = json.loads(body)
            simulator.account.connect(given["id"], connected=given["connected"])
        case "GET", "calls":
            calls, polls = simulator.counts()
            return reply({"calls": calls, "polls": polls})
        case "GET", "history":
            return reply(_history(simulator.account))
        case _:
            return not_found()
    return reply({})


def _put(account: Account, id: int, status: str = "pending", error: str | None = None, script: Any = ()) -> None:  # noqa: A002 -- the name in the JSON
    steps = [(float(after), Status(then), why) for after, then, why in script]
    account.put(int(id), Status(status), error, script=steps)


def _history(account: Account) -> dict[int, list[dict[str, Any]]]:
    now = account.clock.now()
    return {
        message.id: [
            {"at": isoformat(message.made + timedelta(seconds=after)), "status": status, "error": error}
            for after, status, error in message.reached(now)
        ]
        for message in account.messages()
    }
