"""A small real HTTP/1.1 server on loopback that can also misbehave: shared by the simulated API and the sink."""

from __future__ import annotations

import enum
import http.server
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DRIP_EVERY = 0.1
_LONGEST_LINE = 1024
_HEX = re.compile(rb"[0-9A-Fa-f]{1,8}")
_CHUNK = b"x" * 65536


class Manner(enum.Enum):
    """How an answer goes over the wire."""

    WHOLE = enum.auto()
    CUT = enum.auto()  # the connection ends before any byte
    CUT_BODY = enum.auto()  # and here in the middle of the body
    HANG = enum.auto()  # nothing comes until it is released, and then the answer; or until the server or caller goes
    DRIP_HEADERS = enum.auto()  # a byte at a time, for ever
    DRIP_BODY = enum.auto()
    ENDLESS = enum.auto()  # a body of `size` bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer, and in which manner. ``size`` is the length of an endless body, in bytes."""

    code: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = Manner.WHOLE
    size: int = 0

    @classmethod
    def ok(cls, body: bytes = b"ok") -> Answer:
        """Answer 200."""
        return cls(200, body)

    @classmethod
    def status(cls, code: int, body: bytes = b"", **headers: str) -> Answer:
        """Answer any status; ``retry_after="5"`` makes a header ``Retry-After``."""
        return cls(code, body, {name.replace("_", "-"): value for name, value in headers.items()})

    @classmethod
    def cut(cls) -> Answer:
        """Cut the connection before any byte."""
        return cls(manner=Manner.CUT)

    @classmethod
    def cut_body(cls, body: bytes = b"half of it") -> Answer:
        """Promise more than ``body``, send that much and cut the connection."""
        return cls(200, body, manner=Manner.CUT_BODY)

    @classmethod
    def hang(cls) -> Answer:
        """Say nothing until :meth:`Server.release` (then 200), until the server stops, or the caller has gone."""
        return cls(manner=Manner.HANG)

    @classmethod
    def drip(cls) -> Answer:
        """Answer a byte at a time, for ever."""
        return cls(manner=Manner.DRIP_BODY)

    @classmethod
    def drip_headers(cls) -> Answer:
        """Answer a header a byte at a time, for ever."""
        return cls(manner=Manner.DRIP_HEADERS)

    @classmethod
    def endless(cls, size: int = 10**9) -> Answer:
        """Answer a body of this many bytes."""
        return cls(manner=Manner.ENDLESS, size=size)

    @classmethod
    def redirect(cls, location: str) -> Answer:
        """Redirect."""
        return cls(307, b"", {"Location": location})


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came. Header names are in lower case; ``at`` is in seconds on the monotonic clock.

    ``sequence`` counts from 1 where the receiver of the request numbers them, as the sink does.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    sequence: int = 0


class Server:
    """Serves on a loopback address until it is closed, each connection in a thread of its own.

    Args:
        respond: Says what to answer. Called from the connections' threads. What it raises cuts the connection, and is
            raised again at the end of the ``with``: a test must not pass because its own receiver is broken.
        port: 0 for one that the system gives.
    """

    def __init__(self, respond: Callable[[Received], Answer], port: int = 0) -> None:
        self.stopping = threading.Event()
        self._server = _Listening(("127.0.0.1", port), respond, self.stopping)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="simulated-server")

    @property
    def address(self) -> str:
        """``http://host:port``, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.cut_all()
        self._server.server_close()  # joins the connections' threads
        self._thread.join()
        if kind is None and self._server.failures:
            raise self._server.failures[0]

    def release(self) -> None:
        """Let every answer that hangs now go out."""
        self._server.releases += 1


class _Listening(http.server.ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 256

    def __init__(
        self, address: tuple[str, int], respond: Callable[[Received], Answer], stopping: threading.Event
    ) -> None:
        self.respond = respond
        self.stopping = stopping
        self.releases = 0
        self.failures: list[Exception] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def cut_all(self) -> None:
        """End every connection, so that no thread waits for its next request."""
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # gone already

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that goes in the middle is part of the game."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one write: a second small one would wait for the first's acknowledgement
    disable_nagle_algorithm = True
    server: _Listening

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Keep quiet."""

    def do_GET(self) -> None:
        """Answer a GET."""
        self._serve()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._serve()

    def _serve(self) -> None:  # noqa: C901 -- one row a manner
        body = self._chunks() if self.headers.get("Transfer-Encoding") else self._whole()
        if body is None:  # the caller died in the middle of its request, which nobody may then act on
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        releases = self.server.releases
        try:
            answer = self.server.respond(Received(self.command, self.path, headers, body, time.monotonic()))
        except Exception as error:
            self.server.failures.append(error)
            raise
        match answer.manner:
            case Manner.WHOLE:
                self._head(answer, len(answer.body))
                self.wfile.write(answer.body)
                self.wfile.flush()
                return
            case Manner.CUT:
                pass
            case Manner.CUT_BODY:
                self._head(answer, 2 * len(answer.body) + 1)
                self.wfile.write(answer.body)
            case Manner.HANG:
                if self._released(releases):
                    self._head(answer, len(answer.body))
                    self.wfile.write(answer.body)
            case Manner.DRIP_HEADERS:
                self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            case Manner.DRIP_BODY:
                self._drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            case Manner.ENDLESS:
                self._head(answer, answer.size)
                for _ in range(answer.size // len(_CHUNK) + 1):
                    self.wfile.write(_CHUNK)
        self.wfile.flush()
        self.close_connection = True

    def _whole(self) -> bytes | None:
        """Read a body whose length is given; None where it is cut short."""
        given = self.headers.get("Content-Length", "0")
        length = int(given) if given.isdigit() else 0
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def _chunks(self) -> bytes | None:
        """Read a body in chunks (RFC 9112, 7.1), as Node sends a file; None where it is cut short."""
        body = b""
        while True:
            size = self.rfile.readline(_LONGEST_LINE).partition(b";")[0].strip()
            if not _HEX.fullmatch(size):
                return None
            if not int(size, 16):
                break
            chunk = self.rfile.read(int(size, 16))
            body += chunk
            if len(chunk) < int(size, 16) or self.rfile.readline(_LONGEST_LINE) != b"\r\n":
                return None
        while self.rfile.readline(_LONGEST_LINE) not in {b"\r\n", b""}:
            pass  # a trailer
        return body

    def _head(self, answer: Answer, length: int) -> None:
        self.send_response(answer.code)
        headers = {"Content-Type": "application/json", **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.code != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _released(self, before: int) -> bool:
        """Wait for the release; False where the server, or the caller, whose socket then reads as ended, goes first."""
        self.connection.settimeout(0.05)
        while self.server.releases == before:
            try:
                if self.server.stopping.is_set() or not self.connection.recv(1024):
                    return False
            except TimeoutError:
                continue
        self.connection.settimeout(None)
        return True

    def _drip(self, beginning: bytes) -> None:
        self.wfile.write(beginning)
        while not self.server.stopping.wait(_DRIP_EVERY):
            self.wfile.write(b"x")
            self.wfile.flush()
