"""The HTTP server: uvicorn in a thread of the daemon, which it can neither hold up nor bring down."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from bridge.config.listen import Listen
from bridge.errors import NotNowError
from bridge.http.connection import Connection
from bridge.limits import HTTP_CONNECTIONS

if TYPE_CHECKING:
    from fastapi import FastAPI

_KEEP_ALIVE = 5
"""Seconds that a connection may be idle between two requests."""

_LARGEST_HEAD = 16 * 1024
_UNWIND = 0.3
"""Seconds that uvicorn needs to end when nobody asks anything: it looks and waits in steps of a tenth."""

_WHY = {
    errno.EADDRINUSE: "the port is taken: stop the program that has it, or set another in http.listen",
    errno.EADDRNOTAVAIL: "this machine has no such address (now): set another in http.listen",
    errno.EACCES: "ports below 1024 need a privilege: set another in http.listen",
}


class HttpServer:
    """Listens and answers, in a thread of its own.

    Args:
        app: Answers.
        host: The name or address to listen at; ``::`` is every address, those of IPv4 too.
        port: 0 lets the system choose.
    """

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._listen = Listen(host, port)
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
                h11_max_incomplete_event_size=_LARGEST_HEAD,
                backlog=HTTP_CONNECTIONS,
            )
        )
        self._socket: socket.socket | None = None
        # A daemon thread, as are those that it starts: a handler that hangs must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Listen, and answer from now on.

        Raises:
            NotNowError: It cannot listen there; the text says why and what to do.
        """
        self._socket = _listening(self._listen)
        self._listen = Listen(*self._socket.getsockname()[:2])
        self._thread.start()
        self._server.ready.wait()

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port that it listens at, once it does."""
        return self._listen.host, self._listen.port

    def stop(self, seconds: float) -> None:
        """Answer no more. What is being answered gets what there is of so many seconds, and is then cut."""
        if self._socket is None:
            return
        self._server.grace = max(0.0, seconds - _UNWIND)
        self._server.should_exit = True
        self._thread.join(seconds)
        self._socket.close()

    def _run(self) -> None:
        assert self._socket is not None
        try:
            self._server.run([self._socket])
        finally:
            self._server.ready.set()


class _Server(uvicorn.Server):
    """Tells when it answers, and leaves no connection behind."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.grace = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
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


def _listening(listen: Listen) -> socket.socket:
    """Make a socket that listens there."""
    try:
        found = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # Of a name's addresses that of IPv4 first: it is what others expect behind `localhost`.
        family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        every = listen.host == "::"
        listening = socket.create_server(address, family=family, backlog=HTTP_CONNECTIONS, dualstack_ipv6=every)
        # Handed down to each connection: else the second part of an answer waits 40 ms for the first's acknowledgement.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except socket.gaierror as error:
        raise NotNowError(f"HTTP cannot listen at {listen}: {error.strerror}: set another in http.listen") from None
    except OSError as error:
        why = _WHY.get(error.errno or 0, f"{error.strerror}: set another in http.listen, or `http: off`")
        raise NotNowError(f"HTTP cannot listen at {listen}: {why}") from None
    return listening
