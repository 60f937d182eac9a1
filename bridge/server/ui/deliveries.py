"""The page of deliveries: dead letters first, what is queued, what was delivered. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.domain.errors import UsageError
from bridge.domain.model import DeliveryState
from bridge.server.ui.formatting import address_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.domain.model import Delivery
    from bridge.store.history import GivenUp
    from bridge.store.paging import Page

_TABS: Mapping[DeliveryState | None, str] = {
    None: "All",
    DeliveryState.DEAD: "Dead letters",
    DeliveryState.QUEUED: "Queued",
    DeliveryState.DELIVERED: "Delivered",
    DeliveryState.DROPPED: "Not sent",
}


@dataclass(frozen=True, slots=True)
class Tab:
    """A state to choose. ``count`` is None where that is not counted."""

    name: str
    href: str
    current: bool
    state: DeliveryState | None
    count: int | None


@dataclass(frozen=True, slots=True)
class DeliveriesPage:
    """All that the page shows. ``older`` and ``newest`` the addresses of other pages of the list."""

    title: str
    state: DeliveryState | None
    receiver: str | None
    tabs: tuple[Tab, ...]
    rows: tuple[Delivery, ...]
    reasons: tuple[GivenUp, ...]
    dead: int
    every_receiver: str
    older: str | None
    newest: str | None


def deliveries_page(
    found: Page[Delivery],
    counts: Mapping[str, Mapping[DeliveryState, int]],
    reasons: tuple[GivenUp, ...],
    *,
    state: DeliveryState | None,
    receiver: str | None,
    cursor: str | None,
) -> DeliveriesPage:
    """Arrange it.

    Args:
        found: The deliveries of this page.
        counts: How many are queued and dead, by receiver.
        reasons: Why those that are dead were given up.
        state: Only those in it; None for all.
        receiver: Only those to it; None for all.
        cursor: Where this page begins; None for the first.
    """
    chosen = [each for name, each in counts.items() if receiver in {None, name}]

    def count(which: DeliveryState | None) -> int | None:
        if which not in {DeliveryState.DEAD, DeliveryState.QUEUED}:
            return None
        return sum(each.get(which, 0) for each in chosen)

    return DeliveriesPage(
        title="Deliveries" if state is None else _TABS[state],
        state=state,
        receiver=receiver,
        tabs=tuple(
            Tab(name, address(which, receiver), which is state, which, count(which)) for which, name in _TABS.items()
        ),
        rows=found.items,
        reasons=tuple(each for each in reasons if receiver in {None, each.receiver}),
        dead=count(DeliveryState.DEAD) or 0,
        every_receiver=address(state, None),
        older=None if found.next is None else address(state, receiver, found.next),
        newest=None if cursor is None else address(state, receiver),
    )


def state_in(text: str) -> DeliveryState | None:
    """Read a state from an address; None where it has none.

    Raises:
        UsageError: There is no such state.
    """
    if text and text not in set(DeliveryState):
        raise UsageError(f"Deliveries have no such state (there are: {', '.join(DeliveryState)}).")
    return DeliveryState(text) if text else None


def address(state: DeliveryState | None, receiver: str | None, cursor: str | None = None) -> str:
    """Write the address of a page of deliveries, from the first page."""
    return address_of("deliveries", {"state": state, "receiver": receiver, "cursor": cursor})
