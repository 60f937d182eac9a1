"""Where HTTP is answered on the network: an address and a port, which one server can take over from another."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from dataclasses import dataclass

from bridge.domain.errors import NotNowError
from bridge.domain.settings.listen_address import Listen
from bridge.server.limits import HTTP_CONNECTIONS

_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- to be recognised, not to be listened at

_WHY = {
    errno.EADDRINUSE: "the port is taken: stop the program that has it, or set another in http.listen",
    errno.EADDRNOTAVAIL: "this machine has no such address (now): set another in http.listen",
    errno.EACCES: "ports below 1024 need a privilege: set another in http.listen",
}


@dataclass(frozen=True, slots=True)
class TcpPlace:
    """A host's name or address, and a port; ``::`` is every address, those of IPv4 too, and port 0 any that is free."""

    host: str
    port: int

    def bind(self, held: socket.socket | None, *, same: bool) -> socket.socket:
        """Make a socket here, beside the one that a server holds that goes on answering for now.

        Args:
            held: That one's socket. This one may be at the same address, or at another one with the same port.
            same: Whether it was asked for the same place, so that a port that the system chose is meant again.

        Raises:
            NotNowError: It cannot be had; the text says why and what to do.
        """
        try:
            return held.dup() if held is not None and same else _bound(self, held)
        except socket.gaierror as error:
            why = f"{error.strerror}: set another in http.listen"
        except OSError as error:
            why = _WHY.get(error.errno or 0, f"{error.strerror}: set another in http.listen, or `http: off`")
        raise NotNowError(f"HTTP cannot listen at {Listen(self.host, self.port)}: {why}")

    def settle(self, bound: socket.socket) -> None:
        """Have the port to itself: the exchange of two servers is over."""
        _share(bound, on=False)

    def leave(self) -> None:
        """Nothing is left of a port that was closed."""


def _bound(place: TcpPlace, held: socket.socket | None) -> socket.socket:
    """Make a socket that listens at an address, beside one that is held already.

    Where it would take connections from that one, it does not listen yet.

    Raises:
        OSError: The address cannot be had.
    """
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # Of a name's addresses that of IPv4 first: it is what others expect behind `localhost`.
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    beside = held is not None and held.getsockname()[1] == place.port
    if held is not None and beside and held.family == family and held.getsockname()[:2] == address[:2]:
        return held.dup()  # the same place by another name
    # As socket.create_server, but for the two that may share a port.
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, place.host != "::")
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
