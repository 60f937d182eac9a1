"""Lists that are read in parts."""

from __future__ import annotations

from typing import Generic, TypeVar

from bridge.server.api.schemas.fields import Out

T = TypeVar("T")


class PageOut(Out, Generic[T]):
    """A part of a list. ``next`` is the cursor of the part after it, null at the end."""

    items: list[T]
    next: str | None
