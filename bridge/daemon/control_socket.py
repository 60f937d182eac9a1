"""The daemon's Unix socket, at which the commands find it. Root and the daemon's own user need no token there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.daemon.http_service import STOP_WITHIN
from bridge.domain.errors import NotNowError
from bridge.server.auth import Access
from bridge.server.event_stream import Streams
from bridge.server.server import HttpServer
from bridge.server.unix import UnixPlace

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.daemon.failing_steps import Steps
    from bridge.daemon.http_app import HttpApps
    from bridge.domain.observer import Listener

STEP = "control"
"""What the log calls it."""


class ControlSocket:
    """Serves the API at a path, from the start to the end of the daemon; where it can't be had, the daemon goes on.

    Args:
        path: Of the socket; None for none.
        apps: Make what answers.
        listener: Notified where it can't be had.
        steps: Noted in them is a thread that ended.
    """

    def __init__(self, path: Path | None, apps: HttpApps, listener: Listener, steps: Steps) -> None:
        self._path = path
        self._apps = apps
        self._listener = listener
        self._steps = steps
        self._place: UnixPlace | None = None
        self._server: HttpServer | None = None

    def keep(self) -> None:
        """See that it is there: make it at the start, and again where somebody removed it or its thread has ended."""
        if self._path is None or self._is_well():
            return
        self.close()
        place, streams = UnixPlace(self._path), Streams()
        server = HttpServer(self._apps.make(Access(trusted=True), streams), place, STEP, streams)
        try:
            server.start()
        except NotNowError as error:
            self._listener.step_failed(STEP, error)
            return
        self._place, self._server = place, server
        self._steps.note(f"thread {server.thread}", None)

    def tell(self) -> None:
        """Let those who follow events look for what happened."""
        if self._server is not None:
            self._server.streams.wake()

    def close(self) -> None:
        """Answer no more, and remove the socket."""
        if self._server is not None:
            self._server.stop(STOP_WITHIN)
        self._place = self._server = None

    def _is_well(self) -> bool:
        return (
            self._place is not None and self._server is not None and self._server.is_alive() and self._place.is_here()
        )
