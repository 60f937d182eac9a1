"""Reads lists that come in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.store.paging import Page

PAGE = 1000
"""The most that is asked for at once."""


def all_pages(page: Callable[[str | None, int], tuple[Sequence[Any], str | None]], most: int) -> list[Any]:
    """List up to ``most`` of what comes in pages.

    Args:
        page: Given a cursor, None for the beginning, and how many, returns that many at most, and the next cursor.
        most: How many in all.
    """
    found: list[Any] = []
    cursor = None
    while len(found) < most:
        items, cursor = page(cursor, min(PAGE, most - len(found)))
        found += items
        if cursor is None:
            break
    return found


def all_items(page: Callable[[str | None, int], Page[Any]], most: int) -> list[Any]:
    """Do the same with pages of the store."""

    def items(cursor: str | None, limit: int) -> tuple[Sequence[Any], str | None]:
        found = page(cursor, limit)
        return found.items, found.next

    return all_pages(items, most)
