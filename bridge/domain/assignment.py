"""Who of several nodes does what? Every node computes the same from what all of them can see. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def fair_share(others: Collection[float]) -> float:
    """Say what part of the account's rate a node may use, given what the others use now.

    A newcomer waits until they have made room: together they never exceed the whole.
    """
    return max(0.0, min(1 / (len(others) + 1), 1 - sum(others)))


def assign(wants: Mapping[int, Collection[str]]) -> dict[str, int]:
    """Give each receiver to one node that has it in its configuration, and each node about as many as the others.

    Args:
        wants: The receivers in each node's configuration, by the node's number.
    """
    load: Counter[int] = Counter()
    given = {}
    for receiver in sorted({name for names in wants.values() for name in names}):
        node = min((node for node, names in wants.items() if receiver in names), key=lambda each: (load[each], each))
        load[node] += 1
        given[receiver] = node
    return given
