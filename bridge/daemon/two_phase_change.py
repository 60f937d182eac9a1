"""A change in two steps: first everything that can fail, then a commit that cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bridge.config.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.config.errors import Fault


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change that has been prepared. Exactly one of the two is called, once; neither of them fails."""

    commit: Callable[[], None] = _nothing
    abandon: Callable[[], None] = _nothing

    @classmethod
    def of(cls, steps: Iterable[Callable[[], Change]]) -> Self:
        """Prepare one change of several, which are committed in the same order.

        Every step is tried, so that all faults are reported at once.

        Raises:
            InvalidConfiguration: Some steps refuse the configuration. What the others prepared is abandoned.
            BaseException: A step failed for another reason. The same holds, and the steps after it are not tried.
        """
        prepared: list[Change] = []
        faults: list[Fault] = []
        whole = cls(lambda: _each(change.commit for change in prepared), lambda: _each(c.abandon for c in prepared))
        try:
            for step in steps:
                try:
                    prepared.append(step())
                except InvalidConfiguration as error:
                    faults += error.faults
        except BaseException:
            whole.abandon()
            raise
        if faults:
            whole.abandon()
            raise InvalidConfiguration(faults)
        return whole


def _each(steps: Iterable[Callable[[], None]]) -> None:
    for step in steps:
        step()
