"""What a call sends and what comes back, and why nothing does. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BODY_LIMIT = 64 * 1024
"""How many bytes of an answer's body are read, unless the request says otherwise. A longer body is cut off there, its
connection closed, and ``cut`` is set."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: the body's bytes, and headers beside those that the client itself sets.

    ``limit`` is how many bytes of the answer's body are read; ``path`` is added to the client's address.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    limit: int = BODY_LIMIT
    path: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Header names are in lower case; ``cut`` says that the body was longer than was read."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False

    @property
    def text(self) -> str:
        """The body as text, whatever its bytes."""
        return self.body.decode("utf-8", "replace")


_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: (.*?))?\r?\n", re.IGNORECASE)
_INTERIM = b"1"


def read_head(lines: Sequence[bytes]) -> tuple[int, str, dict[str, str]]:
    """Read status, reason and headers (the last of each) of the answer among an exchange's header lines.

    Interim answers may come before it, and trailers after it.

    Raises:
        ValueError: There is no whole one. The text says what the other side does instead.
    """
    status: re.Match[bytes] | None = None
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if status is None or line[:5].upper() == b"HTTP/":
            status, headers = _STATUS.fullmatch(line), {}
            if status is None:
                raise ValueError("does not answer in HTTP")
        elif colon:
            headers[name.strip().decode("latin-1")] = value.strip().decode("latin-1")
        elif not line.strip():
            if status[1][:1] != _INTERIM:
                return int(status[1]), (status[2] or b"").decode("latin-1"), headers
            status = None
    raise ValueError("cut its answer in the middle")


class TransportError(Exception):
    """No whole answer came. The text says why in plain words, names the host at most, and holds no secret."""


class StoppedError(TransportError):
    """The client was closed before an answer came. That says nothing about the other side."""
