"""Addresses of pages. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping


def address_of(page: str, asked: Mapping[str, object]) -> str:
    """Write the address of a page, from the first page, with what is asked for; what is None is left out."""
    query = urlencode({name: str(value) for name, value in asked.items() if value is not None})
    return f"{page}?{query}" if query else page
