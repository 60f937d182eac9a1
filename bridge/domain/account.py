"""Which WbizTool account. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class AccountId:
    """Which WbizTool account: its client id, and the address of the API that knows it."""

    client_id: int
    base_url: str

    @property
    def address(self) -> str:
        """The address, normalized for comparison. What answers on this machine is a simulator: its port may vary."""
        parts = urlsplit(self.base_url)
        host = (parts.hostname or "").rstrip(".")
        if host in {"localhost", "::1"} or host.startswith("127."):
            return f"{parts.scheme}://localhost{parts.path}"
        port = "" if parts.port in {None, _PORTS.get(parts.scheme)} else f":{parts.port}"
        return f"{parts.scheme}://{host}{port}{parts.path}"


_PORTS = {"http": 80, "https": 443}
