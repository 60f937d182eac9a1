"""The daemon's HTTP server, as the configuration says: begun, exchanged and ended beside everything else."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bridge.config.errors import Fault, InvalidConfiguration, Place
from bridge.daemon.two_phase_change import Change
from bridge.domain.errors import NotNowError
from bridge.domain.health import HTTP
from bridge.domain.settings.listen_address import Listen
from bridge.server.auth import Access
from bridge.server.event_stream import Streams
from bridge.server.server import HttpServer
from bridge.server.tcp import TcpPlace
from bridge.source.failure_tracker import FailureTracker

if TYPE_CHECKING:
    from pydantic import SecretStr

    from bridge.config.models import Config, HttpConfig
    from bridge.daemon.failing_steps import Steps
    from bridge.daemon.http_app import HttpApps
    from bridge.domain.clock import Clock
    from bridge.domain.observer import Listener
    from bridge.store.store import Store

STOP_WITHIN = 0.5
"""Seconds that answers get to be finished when the server ends."""


class Web:
    """Runs the server that the configuration asks for.

    At the start, an address that can't be had keeps nothing else from running: it is tried again until it can.

    Args:
        apps: Make what answers.
        listener: Notified where the server cannot listen.
        store: Notes for how long it could not.
        clock: Tells the time.
        steps: Noted in them is a thread that ended.
    """

    def __init__(self, apps: HttpApps, listener: Listener, *, store: Store, clock: Clock, steps: Steps) -> None:
        self._apps = apps
        self._listener = listener
        self._steps = steps
        self._settings: HttpConfig | None = None
        self._server: HttpServer | None = None
        self._standing = FailureTracker(store, HTTP, timedelta(0), clock)

    @property
    def address(self) -> str | None:
        """Where it listens, as a URL; None while it does not."""
        return None if self._server is None else f"http://{Listen(*self._server.address)}"

    def prepare(self, config: Config, *, starting: bool = False) -> Change:
        """Prepare to listen where this configuration says, or not at all. Until the commit, the server stays as it is.

        Raises:
            InvalidConfiguration: The address that it names cannot be had. Not while ``starting``, nor where it is the
                one that is tried again already.
        """
        settings, before = config.http, self._settings
        if settings is None:
            return Change(partial(self._exchange, None))
        if settings == before and not starting:
            return Change()
        try:
            server = self._prepare(settings)
        except NotNowError as error:
            awaited = self._server is None and before is not None and settings.listen == before.listen
            if not starting and not awaited:
                fault = Fault(Place(config.path, key="http.listen"), str(error))
                raise InvalidConfiguration([fault]) from None
            return Change(partial(self._exchange, settings, why=error))
        return Change(partial(self._exchange, settings, server), server.abandon)

    def try_again(self) -> None:
        """Listen, if that could not be done before, or no longer is. Not while a change is prepared."""
        if self._server is not None and not self._server.is_alive():
            self._exchange(self._settings, why=NotNowError("HTTP was ended by an internal error, and is started again"))
        if self._settings is None or self._server is not None:
            return
        try:
            server = self._prepare(self._settings)
        except NotNowError as error:
            self._cannot(error)
            return
        self._exchange(self._settings, server)
        self._steps.note(f"thread {server.thread}", None)
        self._listener.listens(str(self.address))

    def tell(self) -> None:
        """Let those who follow events look for what happened."""
        if self._server is not None:
            self._server.streams.wake()

    def close(self) -> None:
        """Answer no more."""
        self._exchange(None)

    def _exchange(
        self, settings: HttpConfig | None, server: HttpServer | None = None, *, why: NotNowError | None = None
    ) -> None:
        before = self._server
        if server is not None:
            server.serve()
        self._settings, self._server = settings, server
        if before is not None:
            before.stop(STOP_WITHIN)
        if why is None:
            self._standing.worked()
        else:
            self._cannot(why)

    def _cannot(self, error: NotNowError) -> None:
        self._listener.step_failed("HTTP", error)
        self._standing.failed(str(error))

    def _prepare(self, settings: HttpConfig) -> HttpServer:
        """Make a server that waits, beside the one that there is.

        Raises:
            NotNowError: It cannot listen there.
        """
        access = Access(
            settings.listen.host, _shown(settings.token), settings.external_url, _shown(settings.hook_token)
        )
        streams = Streams()
        app = self._apps.make(access, streams, hook_watch=settings.hook_watch)
        server = HttpServer(app, TcpPlace(settings.listen.host, settings.listen.port), streams=streams)
        server.prepare(self._server)
        return server


def _shown(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
