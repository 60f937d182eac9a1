"""Lists that are read in parts."""

from __future__ import annotations

from typing import Generic, TypeVar

from bridge.server.api.schemas.fields import Out

T = TypeVar("T")


class PageOut(Out, Generic[T]):
    """A page of a list. ``next`` is the cursor of the next page, or null on the last."""

    items: list[T]
    next: str | None
