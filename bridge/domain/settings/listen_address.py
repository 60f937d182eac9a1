"""Where the HTTP server listens: ``127.0.0.1:8095``, ``[::1]:8095``. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

LONGEST_SOCKET_PATH = 107
"""Of a Unix socket, in bytes (unix(7): 108 with the NUL at the end)."""

_PORTS = range(65536)  # 0 lets the system choose
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\Z")
_ALLOWED = "(allowed: host:port, e.g. 127.0.0.1:8095 or [::1]:8095; 0.0.0.0:8095 is every address of this machine)"


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen at; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can reach it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine and no other can reach it there."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def parse_listen(value: object) -> Listen:
    """Read an address to listen at.

    Raises:
        ValueError: It is none; the text says what is allowed.
    """
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not colon or not port.isascii() or not port.isdigit():
        raise ValueError(f"not an address with a port {_ALLOWED}")
    if len(port) > len(str(max(_PORTS))) or int(port) not in _PORTS:
        raise ValueError("the port is out of range (allowed: 1 to 65535, or 0 for any that is free)")
    return Listen(_host(host), int(port))


def _host(host: str) -> str:
    if not host:
        raise ValueError(f"the address before the port is missing {_ALLOWED}")
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            raise ValueError(f"what is in brackets is not an IPv6 address {_ALLOWED}") from None
    if host.count(":") > 1 and "/" not in host:
        raise ValueError(f"an IPv6 address is written in brackets {_ALLOWED}")
    if not _HOST_NAME.match(host):
        raise ValueError(f"not the name or address of a host {_ALLOWED}")
    return host
