"""The HTTP server: uvicorn in a thread of the daemon, which it can neither hold up nor bring down."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Protocol

import uvicorn

from bridge.domain.errors import NotNowError
from bridge.server.connection import Connection
from bridge.server.event_stream import Streams
from bridge.server.limits import HTTP_CONNECTIONS

if TYPE_CHECKING:
    import socket

    from fastapi import FastAPI

_KEEP_ALIVE = 5
"""Seconds that a connection may be idle between two requests."""

_UNWIND = 0.3
"""Seconds that uvicorn needs to end when nobody asks anything: it looks and waits in steps of a tenth."""


class Place(Protocol):
    """Where a server listens (:mod:`bridge.server.tcp`, :mod:`bridge.server.unix`)."""

    def bind(self, held: socket.socket | None, *, same: bool) -> socket.socket:
        """Make a socket here, beside one that another server holds; ``same`` if that one was asked for here too.

        Raises:
            NotNowError: It cannot be had; the text says why and what to do.
        """
        ...

    def settle(self, bound: socket.socket) -> None:
        """Have the place to itself: the exchange of two servers is over."""
        ...

    def leave(self) -> None:
        """Tidy up behind a server that has ended."""
        ...


class HttpServer:
    """Listens and answers, in a thread of its own.

    It begins in two steps: :meth:`prepare`, which may fail, and :meth:`serve`, which does not.

    Args:
        app: Answers.
        place: Where it listens.
        name: That of its thread.
        streams: Its clients that stay: they are sent away first when it stops.
    """

    def __init__(self, app: FastAPI, place: Place, name: str = "http", streams: Streams | None = None) -> None:
        self.streams = Streams() if streams is None else streams
        self._place = place
        self._at: Any = None
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",  # what it has to say is about clients; faults of ours the guard logs
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE,
                backlog=HTTP_CONNECTIONS,
            )
        )
        self._before: HttpServer | None = None
        self._socket: socket.socket | None = None
        self._failed: OSError | None = None
        # A daemon thread, as are those that it starts: a handler that hangs must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Listen, and answer from now on.

        Raises:
            NotNowError: It cannot listen there; the text says why and what to do.
        """
        self.prepare()
        self.serve()

    def prepare(self, before: HttpServer | None = None) -> None:
        """Get everything that answering needs, without answering yet.

        Args:
            before: A server that goes on answering meanwhile, and is stopped after :meth:`serve`. This one may listen
                where that one does, or at another address with the same port.

        Raises:
            NotNowError: It cannot listen there; the text says why and what to do.
        """
        self._before = before
        held, place = (None, None) if before is None else (before._socket, before._place)  # noqa: SLF001 -- its own class
        self._socket = self._place.bind(held, same=place == self._place)
        self._at = self._socket.getsockname()
        try:
            self._thread.start()
        except RuntimeError:
            self._let_go()
            raise NotNowError("HTTP cannot be served: the system starts no more threads") from None
        self._server.standing_by.wait()
        if self._failed is not None:
            self._let_go()
            raise NotNowError(f"HTTP cannot be served: {self._failed.strerror}")

    def serve(self) -> None:
        """Answer from now on."""
        assert self._socket is not None
        # Where this socket takes connections from the one before, it listens only now. Nobody else can have taken the
        # place meanwhile: the one before has it.
        self._socket.listen(HTTP_CONNECTIONS)
        self._server.release()
        self._server.ready.wait()
        self._place.settle(self._socket)
        self._before = None

    def abandon(self) -> None:
        """Leave everything as it was before :meth:`prepare`."""
        self._server.should_exit = True
        self._server.release()
        self._thread.join()
        self._let_go()

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port that it listens at, once it does, where its place is one of the network's."""
        host, port, *_ = self._at
        return host, port

    @property
    def thread(self) -> str:
        """The name of the thread that answers."""
        return self._thread.name

    def is_alive(self) -> bool:
        """Tell whether its thread runs: an internal error may have ended it."""
        return self._thread.is_alive()

    def stop(self, seconds: float) -> None:
        """Answer no more. What is being answered gets what there is of this many seconds, and is then cut."""
        self.streams.close()
        if self._socket is None or self._thread.ident is None:
            return
        self._server.grace = max(0.0, seconds - _UNWIND)
        self._server.should_exit = True
        self._thread.join(seconds)
        self._socket.close()
        self._place.leave()

    def _run(self) -> None:
        assert self._socket is not None
        try:
            self._server.run([self._socket])
        except OSError as error:
            if self._server.standing_by.is_set():
                raise
            self._failed = error  # no more files, say
        finally:
            self._server.standing_by.set()
            self._server.ready.set()

    def _let_go(self) -> None:
        assert self._socket is not None
        self._socket.close()
        if self._before is not None and self._before._socket is not None:  # noqa: SLF001 -- its own class
            self._before._place.settle(self._before._socket)  # noqa: SLF001 -- as above


class _Server(uvicorn.Server):
    """Waits until it is released, tells when it answers, and leaves no connection behind."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.standing_by = threading.Event()
        self.ready = threading.Event()
        self.grace = 0.0

    def release(self) -> None:
        """Let it begin, or end where ``should_exit`` is set. Only once it waits."""
        self._loop.call_soon_threadsafe(self._released.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._released = asyncio.Event()
        self.standing_by.set()
        await self._released.wait()
        if self.should_exit:
            return
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().call_later(self.grace, self._cut)
        await super().shutdown(sockets)

    def _cut(self) -> None:
        for connection in self.server_state.connections.copy():
            connection.transport.abort()
        for task in self.server_state.tasks:
            task.cancel()
