"""Reads what a call brings, as the API does: JSON, a form, or a form with files."""

from __future__ import annotations

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from bridge.simulator.faulty_server import Received


def read(request: Received) -> dict[str, Any]:
    """Read the fields of a body; one that cannot be read has none. Forms bring every value as text.

    What the body is decides, not what its header says: the vendor's curl example sends JSON under the name of a form
    (wbiztool-api.md).
    """
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        return _parts(request.body) if request.body.startswith(b"--") else _form(request.body)
    return value if isinstance(value, dict) else {}


def _form(body: bytes) -> dict[str, Any]:
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return dict(pairs) if b"=" in body else {}


def _parts(body: bytes) -> dict[str, Any]:
    """Read a form with files; its boundary is in its first line (RFC 7578, 4.1)."""
    boundary = body.partition(b"\r\n")[0].removeprefix(b"--").decode("latin-1").replace('"', "")
    head = f'Content-Type: multipart/form-data; boundary="{boundary}"\r\n\r\n'.encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    return {
        str(part.get_param("name", header="content-disposition")): _text(part.get_payload(decode=True))
        for part in (message.iter_parts() if message.is_multipart() else ())
    }


def whole_number(value: object) -> int | None:
    """Read a whole number, as JSON or as a form writes it; None for anything else."""
    match value:
        case bool():
            return None
        case int():
            return value
        case str() if value.isascii() and value.isdigit() and len(value) < 20:  # noqa: PLR2004 -- 64 bits at most
            return int(value)
        case _:
            return None


def _text(payload: object) -> str:
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
