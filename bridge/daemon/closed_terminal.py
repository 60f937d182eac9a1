"""Tells a SIGHUP that asks for a reload from one that says that the terminal is gone."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_EVERY = 5.0
"""Seconds between looks whether the terminal is there."""

GONE_WITHIN = 1.0
"""How long after the signal a terminal may still be there that is being closed: screen signals first."""

_LOOK = 0.05


def is_there() -> bool:
    """Tell whether this process has a terminal that controls it."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class Terminal:
    """The terminal that the process was started from, if any.

    A terminal that went without a signal (the shell had let go of the process) is no reason to end: the next SIGHUP is
    somebody's who wants a reload. So it is looked at now and then.

    Args:
        is_there: Tells whether it is there.
        monotonic: Tells seconds.
        sleep: Waits for this many.
    """

    def __init__(
        self,
        is_there: Callable[[], bool] = is_there,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._is_there = is_there
        self._monotonic = monotonic
        self._sleep = sleep
        self._seen_at = monotonic() if is_there() else None

    @property
    def look_every(self) -> float | None:
        """Seconds between the looks that it needs; None where there is nothing to look at any more."""
        return None if self._seen_at is None else LOOK_EVERY

    def look(self) -> None:
        """See whether it is there. Once it has been away for longer than two looks, it counts as let go of."""
        if self._seen_at is None:
            return
        if self._is_there():
            self._seen_at = self._monotonic()
        elif self._monotonic() - self._seen_at > 2 * LOOK_EVERY:
            self._seen_at = None

    def is_gone(self) -> bool:
        """Tell whether it has gone, and was not let go of."""
        return self._seen_at is not None and not self._is_there()

    def is_hung_up(self) -> bool:
        """Tell, at a SIGHUP, whether the terminal is gone, or goes within a second."""
        until = self._monotonic() + GONE_WITHIN
        while True:
            self.look()
            if self.is_gone():
                return True
            if self._seen_at is None or self._monotonic() >= until:
                return False
            self._sleep(_LOOK)
