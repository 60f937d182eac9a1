"""Reads what a call brings, as the API does: JSON, a form, or a form with files."""

from __future__ import annotations

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from bridge.simulator.http import Received


def read(request: Received) -> dict[str, Any]:
    """Read the fields of a body; one that cannot be read has none. Forms bring every value as text."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        parts = BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts()
        return {
            str(part.get_param("name", header="content-disposition")): _text(part.get_payload(decode=True))
            for part in parts
        }
    if kind.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


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
