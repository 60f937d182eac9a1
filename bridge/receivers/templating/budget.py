"""What one rendering may spend: all that makes, moves or compares text is paid for."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BUDGET = 1_000_000
"""What one rendering may spend: in characters. It is a second at the very worst, and a thousand times what is usual."""

STEP = 100
"""What a loop's turn, a call or an element of a list costs."""

_TOO_MUCH = "it does too much: a loop is too long, or a text grows too large"

_left: ContextVar[list[int]] = ContextVar("_left")


class TooMuchError(Exception):
    """A template does more than its budget allows."""


@contextmanager
def budget() -> Iterator[None]:
    """Give a rendering what it may spend."""
    token = _left.set([BUDGET])
    try:
        yield
    finally:
        _left.reset(token)


def spend(amount: int) -> None:
    """Take from the budget.

    Raises:
        TooMuchError: It is used up.
    """
    purse = _left.get()
    purse[0] -= max(amount, 0)
    if purse[0] < 0:
        raise TooMuchError(_TOO_MUCH)


def size(value: object) -> int:
    """Weigh a value with all that is in it: a list that holds another one twice weighs twice as much.

    Raises:
        TooMuchError: It weighs more than any rendering may spend.
    """
    total, waiting = 0, [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                total += len(text)
            case int() as number:
                total += number.bit_length()
            case list() | tuple() as items:
                total += STEP * len(items)
                waiting += items
            case dict() as pairs:
                total += STEP * len(pairs)
                waiting += pairs.values()
        if total > BUDGET:
            raise TooMuchError(_TOO_MUCH)
    return total
