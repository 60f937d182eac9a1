"""The daemon's HTTP server, as the configuration says: begun, exchanged and ended beside everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.listen import Listen
from bridge.errors import NotNowError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.config import Config, HttpConfig
    from bridge.health import Health
    from bridge.http import HttpServer
    from bridge.listener import Listener
    from bridge.metrics import Metrics


STOP_WITHIN = 0.5
"""Seconds that answers get to be finished when the server ends."""


class Web:
    """Runs the server that the configuration asks for.

    Args:
        health: Says how the bridge does.
        metrics: Writes what was counted.
        listener: Told where the server cannot listen though nobody asked for that address.
    """

    def __init__(self, health: Callable[[], Health], metrics: Metrics, listener: Listener) -> None:
        self._health = health
        self._metrics = metrics
        self._listener = listener
        self._settings: HttpConfig | None = None
        self._server: HttpServer | None = None

    @property
    def address(self) -> str | None:
        """Where it listens, as a URL; None while it does not."""
        return None if self._server is None else f"http://{Listen(*self._server.address)}"

    def apply(self, config: Config) -> None:
        """Listen where this configuration says, or not at all.

        Raises:
            NotNowError: The address that it names cannot be had. If it is another than before, the server stays there.
        """
        settings, before = config.http, self._settings
        if settings == before and (self._server is not None or settings is None):
            return
        if before is None or settings is None or settings.listen == before.listen:
            self.close()
        try:
            server = None if settings is None else self._begin(settings)
        except NotNowError as error:
            if not config.http_is_default:
                raise
            server = None
            self._listener.trouble("HTTP", error)
        self.close()
        self._settings, self._server = settings, server

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.stop(STOP_WITHIN)
            self._server = None

    def _begin(self, settings: HttpConfig) -> HttpServer:
        from bridge.http import HttpServer, make_app  # noqa: PLC0415 -- takes long to import, and may be off

        token = None if settings.token is None else settings.token.get_secret_value()
        app = make_app(self._health, self._metrics.render, listen_host=settings.listen.host, token=token)
        server = HttpServer(app, settings.listen.host, settings.listen.port)
        server.start()
        return server
