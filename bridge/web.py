"""The daemon's HTTP server, as the configuration says: begun, exchanged and ended beside everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.listen import Listen
from bridge.errors import NotNowError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import SecretStr

    from bridge.clock import Clock
    from bridge.config import Config, HttpConfig
    from bridge.health import Health
    from bridge.http import HttpServer, Streams
    from bridge.listener import Listener
    from bridge.metrics import Metrics
    from bridge.store import Store
    from bridge.works import Works

STOP_WITHIN = 0.5
"""Seconds that answers get to be finished when the server ends."""


class Web:
    """Runs the server that the configuration asks for.

    Args:
        health: Says how the bridge does.
        metrics: Writes what was counted.
        listener: Told where the server cannot listen though nobody asked for that address, and of what goes wrong
            where nobody waits for an answer.
        store: Read, and written, by the API.
        clock: Tells the time.
        works: Woken where the API makes work.
        receivers: Names those in the configuration.
    """

    def __init__(
        self,
        health: Callable[[], Health],
        metrics: Metrics,
        listener: Listener,
        *,
        store: Store,
        clock: Clock,
        works: Works,
        receivers: Callable[[], Sequence[str]],
    ) -> None:
        self._health = health
        self._metrics = metrics
        self._listener = listener
        self._store = store
        self._clock = clock
        self._works = works
        self._receivers = receivers
        self._streams: Streams | None = None
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
            begun = None if settings is None else self._begin(settings)
        except NotNowError as error:
            if not config.http_is_default:
                raise
            begun = None
            self._listener.trouble("HTTP", error)
        self.close()
        self._settings = settings
        self._server, self._streams = begun or (None, None)

    def tell(self) -> None:
        """Let those who follow events look for what happened."""
        if self._streams is not None:
            self._streams.wake()

    def close(self) -> None:
        """Answer no more."""
        if self._streams is not None:
            self._streams.close()
            self._streams = None
        if self._server is not None:
            self._server.stop(STOP_WITHIN)
            self._server = None

    def _begin(self, settings: HttpConfig) -> tuple[HttpServer, Streams]:
        # Takes long to import, and may be off.
        from bridge.http import Access, HttpServer, Inside, Streams, make_app  # noqa: PLC0415

        streams = Streams()
        access = Access(
            settings.listen.host, _shown(settings.token), settings.external_url, _shown(settings.hook_token)
        )
        inside = Inside(
            self._store,
            self._clock.now,
            self._works.wake_poller,
            self._works.wake_outboxes,
            self._listener.trouble,
            streams,
            self._receivers,
            hook_watch=settings.hook_watch,
        )
        app = make_app(self._health, self._metrics.render, access=access, inside=inside)
        server = HttpServer(app, settings.listen.host, settings.listen.port)
        server.start()
        return server, streams


def _shown(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
