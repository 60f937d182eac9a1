"""A small real SOCKS5 proxy (RFC 1928, 1929)."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

from tests.world.proxy import Tunnel, relay


class SocksProxy(Tunnel):
    """Runs while the ``with`` block does, on loopback. ``asked`` are the hosts that it was asked for.

    Args:
        credentials: ``user:password`` that it wants to see, if any, in UTF-8.
    """

    def __init__(self, credentials: str = "") -> None:
        super().__init__()
        self._wanted = tuple(part.encode() for part in credentials.split(":")) if credentials else None

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, ValueError):
            file = client.makefile("rb", 0)
            file.read(file.read(2)[1])
            if self._wanted is not None:
                client.sendall(b"\5\2")
                file.read(1)
                if (file.read(file.read(1)[0]), file.read(file.read(1)[0])) != self._wanted:
                    client.sendall(b"\1\1")
                    return
                client.sendall(b"\1\0")
            else:
                client.sendall(b"\5\0")
            kind = file.read(4)[3]
            sizes = {1: 4, 4: 16}
            raw = file.read(sizes[kind] if kind in sizes else file.read(1)[0])
            host = raw.decode() if kind == 3 else str(ipaddress.ip_address(raw))
            port = int.from_bytes(file.read(2), "big")
            file.close()
            self.asked.append(host)
            try:
                server = socket.create_connection((host, port), 5)
            except ConnectionRefusedError:
                client.sendall(b"\5\5\0\1" + bytes(6))
                return
            with server:
                self._open.append(server)
                client.sendall(b"\5\0\0\1" + bytes(6))
                relay(client, server)
