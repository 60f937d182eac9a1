"""Tells a watcher of watchers (Healthchecks and its like) that all is well; its silence is the alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.errors import NotNowError
from bridge.domain.http_answers import http_words
from bridge.transport.client import HttpClient
from bridge.transport.message import Request, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.config.models import HeartbeatConfig
    from bridge.domain.health import Health
    from bridge.domain.observer import Listener

_TIMEOUT_SHARE = 0.5
_SUCCESS = range(200, 300)


class Heartbeat:
    """Calls a URL, a secret, while nothing is wrong.

    Args:
        settings: Which, and how often.
        health: Judges how the bridge does.
        listener: Notified of a call that fails, and of the first that succeeds after it.
    """

    def __init__(self, settings: HeartbeatConfig, *, health: Callable[[], Health], listener: Listener) -> None:
        self._health = health
        self._listener = listener
        # GET is what every such service takes.
        timeout = settings.every * _TIMEOUT_SHARE
        self._channel = HttpClient(settings.url.get_secret_value(), method="GET", timeout=timeout)

    def beat(self) -> None:
        """Call, if all is well. Never raises."""
        if not self._health().ok:
            return
        try:
            reply = self._channel.send(Request(b""))
        except TransportError as error:
            self._listener.step_failed("the heartbeat", NotNowError(str(error)))
            return
        if reply.status not in _SUCCESS:
            self._listener.step_failed("the heartbeat", NotNowError(f"its receiver answers {http_words(reply.status)}"))
            return
        self._listener.heartbeat_taken()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()
