"""Takes requests of ``trigger``: on loopback, from whoever can read the token in this user's file."""

from __future__ import annotations

import hmac
import json
import secrets
from typing import TYPE_CHECKING

from bridge.cli.dev.request import PATH, Request
from bridge.domain.errors import BridgeError, NotNowError, UsageError
from bridge.simulator.endpoints import not_found, reply
from bridge.simulator.faulty_server import Server

if TYPE_CHECKING:
    from bridge.cli.dev.triggers import Triggers
    from bridge.simulator.faulty_server import Answer, Received


class TriggerServer(Server):
    """Answers each request once its event has happened.

    Args:
        triggers: Make events happen.
    """

    def __init__(self, triggers: Triggers) -> None:
        self.token = secrets.token_urlsafe(32)
        self._triggers = triggers
        super().__init__(self._respond)

    @property
    def url(self) -> str:
        """Its address."""
        return self.address

    def _respond(self, request: Received) -> Answer:
        if (request.method, request.path) != ("POST", PATH):
            return not_found()
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.token}".encode()):
            return reply({"detail": "wrong token"}, 401)
        try:
            return reply(self._triggers.make(Request.read(json.loads(request.body))))
        except UsageError as error:
            return reply({"detail": str(error)}, 422)
        except NotNowError as error:
            return reply({"detail": str(error)}, 503)
        except BridgeError as error:
            return reply({"detail": str(error)}, 409)
