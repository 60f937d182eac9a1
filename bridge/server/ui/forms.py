"""Forms that a page posts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from starlette.requests import Request

_LARGEST_FORM = 16 * 1024


async def read_form(request: Request) -> dict[str, str]:
    """Read a form that was posted; of one that is too large, or none, nothing."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            return {}
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in fields.items()}
