"""Forms with files (RFC 7578), as browsers post them: read within bounds, whatever a client sends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

MOST_DRAINED = 64 * 1024 * 1024
"""How many bytes of a form that is too large are still read and thrown away: a browser shows an answer only after it
has sent all of the form."""

_BOUNDARY = re.compile(r"""multipart/form-data;.*boundary="?([^";,]{1,70})"?""", re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name="([^"]*)"', re.IGNORECASE)
_MOST_PARTS = 20


class TooLargeError(Exception):
    """The form is larger than it may be. ``rest`` says that not all of it was read."""

    def __init__(self, *, rest: bool) -> None:
        self.rest = rest
        super().__init__("too large")


async def read_multipart(request: Request, most: int) -> dict[str, bytes]:
    """Read a form of at most ``most`` bytes; of what is no form, nothing.

    Raises:
        TooLargeError: It has more.
    """
    promised = request.headers.get("content-length", "0")
    if int(promised) > MOST_DRAINED:  # the server has refused what is no number
        raise TooLargeError(rest=True)
    body, size = bytearray(), 0
    async for part in request.stream():
        size += len(part)
        if size <= most:
            body += part
        else:
            body.clear()
        if size > MOST_DRAINED:
            raise TooLargeError(rest=True)
    if size > most:
        raise TooLargeError(rest=False)
    return fields_in(bytes(body), request.headers.get("content-type", ""))


def fields_in(body: bytes, content_type: str) -> dict[str, bytes]:
    """Take a form apart: what each field holds, the last one of several with the same name. Pure."""
    boundary = _BOUNDARY.match(content_type)
    if boundary is None:
        return {}
    found: dict[str, bytes] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode("latin-1"), _MOST_PARTS)[1:]:
        head, ended, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is not None and ended:
            found[name[1].decode("utf-8", "replace")] = content
    return found
