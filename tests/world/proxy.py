"""A small real proxy: tunnels by CONNECT, and passes on what is asked of it with a whole address."""

from __future__ import annotations

import base64
import contextlib
import selectors
import socket
import threading
from typing import Self
from urllib.parse import urlsplit

_PIECE = 65536


class Tunnel:
    """Takes connections on loopback while the ``with`` block runs, each served in a thread.

    ``asked`` is what it was asked for; ``_open`` are sockets to be shut down at the end.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(5)
        self._listener.close()
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        raise NotImplementedError


class Proxy(Tunnel):
    """Runs while the ``with`` block does, on loopback. ``asked`` are the first lines of what it was asked for.

    Args:
        credentials: ``user:password`` that it wants to see, if any.
    """

    def __init__(self, credentials: str = "") -> None:
        super().__init__()
        self._wanted = f"Basic {base64.b64encode(credentials.encode()).decode()}" if credentials else None
        self.url = f"http://{credentials}{'@' if credentials else ''}{self.address}"

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(_PIECE)
                if not piece:
                    return
                head += piece
            line, _, rest = head.decode("latin-1").partition("\r\n")
            self.asked.append(line)
            if self._wanted is not None and f"proxy-authorization: {self._wanted}" not in _named_low(rest):
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            method, target, version = line.split(" ")
            url = urlsplit(f"//{target}" if method == "CONNECT" else target)
            assert url.hostname is not None
            with socket.create_connection((url.hostname, url.port or 80), 5) as server:
                self._open.append(server)
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    server.sendall(f"{method} {url.path or '/'} {version}\r\n{rest}".encode("latin-1"))
                relay(client, server)


def _named_low(head: str) -> list[str]:
    """List header lines, each with its name in small letters."""
    pairs = (line.partition(":") for line in head.split("\r\n"))
    return [f"{name.lower()}:{value}" for name, _, value in pairs]


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes on in both directions until either end closes."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                piece = key.fileobj.recv(_PIECE)
                if not piece:
                    return
                key.data.sendall(piece)
