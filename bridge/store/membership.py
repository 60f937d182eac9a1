"""A process's part in the work on one database."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    import sqlalchemy as sa

    from bridge.domain.errors import BridgeError


class Ownership(enum.Enum):
    """Whether this node delivers to a receiver: it does, it is to hand it over, it does not."""

    OURS = enum.auto()
    LEAVING = enum.auto()
    NONE = enum.auto()


class Membership(Protocol):
    """A process's part in the work on one database, alone or among several."""

    holder: int | None
    """The node's number in the database."""

    alone: bool
    """Whether there is no other node, as far as is known."""

    leads: bool
    """Whether it is this node that does what only one of them should."""

    def share(self) -> float:
        """Tell what part of the account's rate this node may use now; 0 while it must not poll."""
        ...

    def ownership(self, receiver: str) -> Ownership:
        """Tell whether this node delivers to a receiver."""
        ...

    def let_go(self, receiver: str) -> None:
        """Hand a receiver over, to which nothing is on its way."""
        ...

    def want(self, receivers: Collection[str]) -> None:
        """Say which receivers the configuration has, and learn at once which of them are this node's."""
        ...

    def listen(
        self, wake: Callable[[Collection[str] | None], None], step_failed: Callable[[BridgeError], None]
    ) -> None:
        """Let ``wake`` be called with those to whom there may be something to deliver; None for anybody.

        ``step_failed`` is called with what goes wrong.
        """
        ...

    def answered(self, at: datetime) -> None:
        """Note that WbizTool answered this node."""
        ...

    def answered_elsewhere(self, connection: sa.Connection, since: datetime) -> bool:
        """Tell whether WbizTool answered another node since then, within a transaction."""
        ...

    def tell(self, connection: sa.Connection, receivers: Collection[str]) -> None:
        """Let the other nodes look for what is to be delivered to these, once a transaction is committed."""
        ...

    def close(self) -> None:
        """Leave: others take over at once."""
        ...


class SingleNode:
    """A process that has the database to itself: all is its own."""

    holder: int | None = None
    alone = True
    leads = True

    def share(self) -> float:
        """Return the whole rate."""
        return 1.0

    def ownership(self, receiver: str) -> Ownership:
        """Own every receiver."""
        del receiver
        return Ownership.OURS

    def let_go(self, receiver: str) -> None:
        """Do nothing: there is nobody to hand it over to."""

    def want(self, receivers: Collection[str]) -> None:
        """Do nothing: all are its own."""

    def listen(
        self, wake: Callable[[Collection[str] | None], None], step_failed: Callable[[BridgeError], None]
    ) -> None:
        """Do nothing: nobody else wakes it."""

    def answered(self, at: datetime) -> None:
        """Do nothing: nobody asks."""

    def answered_elsewhere(self, connection: sa.Connection, since: datetime) -> bool:
        """Return False: there is no other node."""
        del connection, since
        return False

    def tell(self, connection: sa.Connection, receivers: Collection[str]) -> None:
        """Do nothing: there is no other node."""

    def close(self) -> None:
        """Do nothing: there is nobody to leave."""
