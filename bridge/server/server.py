"""The HTTP server: uvicorn in a thread of the daemon, which it can neither hold up nor bring down."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn

from bridge.domain.errors import NotNowError
from bridge.domain.settings.listen_address import Listen
from bridge.server.connection import Connection
from bridge.server.limits import HTTP_CONNECTIONS

if TYPE_CHECKING:
    from fastapi import FastAPI

_KEEP_ALIVE = 5
"""Seconds that a connection may be idle between two requests."""

_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- to be recognised, not to be listened at
_UNWIND = 0.3
"""Seconds that uvicorn needs to end when nobody asks anything: it looks and waits in steps of a tenth."""

_WHY = {
    errno.EADDRINUSE: "the port is taken: stop the program that has it, or set another in http.listen",
    errno.EADDRNOTAVAIL: "this machine has no such address (now): set another in http.listen",
    errno.EACCES: "ports below 1024 need a privilege: set another in http.listen",
}


class HttpServer:
    """Listens and answers, in a thread of its own.

    It begins in two steps: :meth:`prepare`, which may fail, and :meth:`serve`, which does not.

    Args:
        app: Answers.
        host: The name or address to listen at; ``::`` is every address, those of IPv4 too.
        port: 0 lets the system choose.
    """

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._asked = self._at = Listen(host, port)
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
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

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
        self._socket = self._listening(before)
        self._at = Listen(*self._socket.getsockname()[:2])
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
        _share(self._socket, on=False)
        self._before = None

    def abandon(self) -> None:
        """Leave everything as it was before :meth:`prepare`."""
        self._server.should_exit = True
        self._server.release()
        self._thread.join()
        self._let_go()

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port that it listens at, once it does."""
        return self._at.host, self._at.port

    @property
    def thread(self) -> str:
        """The name of the thread that answers."""
        return self._thread.name

    def is_alive(self) -> bool:
        """Tell whether its thread runs: an internal error may have ended it."""
        return self._thread.is_alive()

    def stop(self, seconds: float) -> None:
        """Answer no more. What is being answered gets what there is of this many seconds, and is then cut."""
        if self._socket is None or self._thread.ident is None:
            return
        self._server.grace = max(0.0, seconds - _UNWIND)
        self._server.should_exit = True
        self._thread.join(seconds)
        self._socket.close()

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
            _share(self._before._socket, on=False)  # noqa: SLF001 -- as above

    def _listening(self, before: HttpServer | None) -> socket.socket:
        """Make a socket at the place that was asked for.

        Raises:
            NotNowError: It cannot be had.
        """
        held = None if before is None else before._socket  # noqa: SLF001 -- its own class
        try:
            if held is not None and before is not None and before._asked == self._asked:  # noqa: SLF001 -- as above
                return held.dup()  # the same port, also where the system chose it
            return _bound(self._asked, held)
        except socket.gaierror as error:
            why = f"{error.strerror}: set another in http.listen"
        except OSError as error:
            why = _WHY.get(error.errno or 0, f"{error.strerror}: set another in http.listen, or `http: off`")
        raise NotNowError(f"HTTP cannot listen at {self._asked}: {why}")


class _Server(uvicorn.Server):
    """Stands by until it is released, tells when it answers, and leaves no connection behind."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.standing_by = threading.Event()
        self.ready = threading.Event()
        self.grace = 0.0

    def release(self) -> None:
        """Let it begin, or end where ``should_exit`` is set. Only once it stands by."""
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


def _bound(listen: Listen, held: socket.socket | None) -> socket.socket:
    """Make a socket that listens at an address, beside one that is held already.

    Where it would take connections from that one, it does not listen yet.

    Raises:
        OSError: The address cannot be had.
    """
    found = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # Of a name's addresses that of IPv4 first: it is what others expect behind `localhost`.
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    beside = held is not None and held.getsockname()[1] == listen.port
    if held is not None and beside and held.family == family and held.getsockname()[:2] == address[:2]:
        return held.dup()  # the same place by another name
    # As socket.create_server, but for the two that may share a port.
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, listen.host != "::")
        # Handed down to each connection: else the second part of an answer waits 40 ms for the first's acknowledgement.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if held is not None and beside:
            _share(held, on=True)
            _share(bound, on=True)
        bound.bind(address)
        if not beside or held is None or not _covers(held, family):
            bound.listen(HTTP_CONNECTIONS)
    except BaseException:
        bound.close()
        if held is not None:
            _share(held, on=False)
        raise
    return bound


def _covers(held: socket.socket, family: int) -> bool:
    """Tell whether a socket listens at every address of a family (that of IPv6 is bound for IPv4 too)."""
    return held.getsockname()[0] in _EVERY_ADDRESS and held.family in {family, socket.AF_INET6}


def _share(bound: socket.socket, *, on: bool) -> None:
    """Let a socket's port be bound at another address too, or no longer, by this process's user.

    0.0.0.0:8095 can't be bound beside 127.0.0.1:8095 without. It lasts for the exchange only: else a second bridge
    would take a port that is in use, and half of the connections.
    """
    with suppress(OSError, AttributeError):  # a system that can't: then binding fails, and says so
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, on)
