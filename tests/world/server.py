"""A server over real sockets on loopback, whose behaviour a test writes down, byte by byte."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SECRET = "s3cr3t-p4th"


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self.sock = sock
        self.stopping = stopping
        self._file = sock.makefile("rb")

    def request(self) -> Seen | None:
        """Read a request; None where the client has closed the connection."""
        line = self._file.readline()
        if not line:
            return None
        headers = {}
        while (header := self._file.readline().strip()) != b"":
            name, _, value = header.decode("latin-1").partition(": ")
            headers[name.lower()] = value
        return Seen(line.decode("latin-1").strip(), headers, self._file.read(int(headers.get("content-length", "0"))))

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes) -> None:
        """Send a byte each twentieth of a second: each in time, all of them not."""
        for number in range(len(data)):
            self.send(data[number : number + 1])
            if self.stopping.wait(0.05):
                return

    def flood(self, piece: bytes) -> None:
        """Send without end."""
        while not self.stopping.is_set():
            self.send(piece)

    def close(self) -> None:
        self._file.close()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


Behaviour = Callable[[Peer], object]


@dataclass
class Server:
    """A server whose behaviour a test writes down, a thread for each connection; it counts and keeps what arrives."""

    behave: Behaviour
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    port: int = 0
    connections: int = 0
    seen: list[Seen] = field(default_factory=list)

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, 0), family=family)
        self.port = self._listener.getsockname()[1]
        self._stopping = threading.Event()
        self._peers: list[Peer] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(5)
        self._listener.close()
        for peer in self._peers:
            with contextlib.suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.tls else ''}://{host}:{self.port}/{SECRET}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            wrapped = sock if self.tls is None else self.tls.wrap_socket(sock, server_side=True)
            peer = Peer(wrapped, self._stopping)
            self._peers.append(peer)
            try:
                self.behave(peer)
            finally:
                peer.close()

    def keep(self, peer: Peer) -> Seen | None:
        request = peer.request()
        if request is not None:
            self.seen.append(request)
        return request


@contextlib.contextmanager
def serving(
    *answer: bytes, then: Behaviour | None = None, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Server]:
    """Serve the same answer to each request of each connection; ``then`` does what follows the first one."""

    def behave(peer: Peer) -> None:
        while server.keep(peer) is not None:
            for part in answer:
                peer.send(part)
            if then is not None:
                then(peer)
                return

    with Server(behave, tls, host) as server:
        yield server
