"""The address by which others reach the bridge, through a reverse proxy: ``https://bridge.example.com/wa``. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_ALLOWED = "(allowed: the address that browsers see, e.g. https://bridge.example.com or https://example.com/bridge)"
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*\Z")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}\Z|\[[0-9A-Fa-f:.]+\]\Z")
_PORTS = {"http": 80, "https": 443}
OURS = frozenset(
    {"v1", "hooks", "healthz", "readyz", "health", "metrics", "openapi.json", "messages", "deliveries", "docs", "page"}
)
"""What paths of the bridge itself begin with: a prefix that does too could not be told from them."""


@dataclass(frozen=True, slots=True)
class External:
    """Where a reverse proxy answers for the bridge. ``prefix`` is the path before its own: ``""`` or ``/wa``."""

    scheme: str
    host: str
    port: int
    prefix: str

    @property
    def origin(self) -> str:
        """Name it as browsers do in ``Origin``: a usual port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    def __str__(self) -> str:
        return self.origin + self.prefix


def parse_external(value: object) -> External:
    """Read an address.

    Raises:
        ValueError: It is none; the text says what is allowed.
    """
    text = value.rstrip("/") if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port or an IPv6 address that is none
        raise ValueError(f"not a usable address {_ALLOWED}") from None
    if parts.scheme not in _PORTS or not host or not _HOST.match(f"[{host}]" if ":" in host else host):
        raise ValueError(f"not a usable address {_ALLOWED}")
    if any(character in text for character in "?#@") or port == 0:
        raise ValueError(f"must be an address without user, `?` and `#` {_ALLOWED}")
    if not _PREFIX.match(parts.path) or any(segment in {".", ".."} for segment in parts.path.split("/")):
        raise ValueError("its path may hold letters, digits and . _ ~ - only, and no dots alone")
    if parts.path.split("/")[1:2] and parts.path.split("/")[1] in OURS:
        raise ValueError(f"its path must not begin with /{parts.path.split('/')[1]}, as paths of the bridge do")
    return External(parts.scheme, host, port or _PORTS[parts.scheme], parts.path)
