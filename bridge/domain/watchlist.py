"""The watched ids that the configuration lists."""

from __future__ import annotations

import hashlib
import json
from array import array
from typing import TYPE_CHECKING

from bridge.domain.clock import isoformat
from bridge.domain.model import Details

if TYPE_CHECKING:
    from collections.abc import Iterable

_NONE = Details()


class Watchlist:
    """Message ids, some with details. Small and quick for a million plain ids."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._details: dict[int, Details] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._ids

    def ids(self) -> Iterable[int]:
        """All ids, in no order."""
        return self._ids

    def detailed(self) -> Iterable[int]:
        """The ids that have details."""
        return self._details

    def details(self, message_id: int) -> Details:
        """What the list says of an id."""
        return self._details.get(message_id, _NONE)

    def digest(self) -> str:
        """A fingerprint (SHA-256, in hex) of ids and details: the same for the same list, whatever the order."""
        whole = hashlib.sha256(array("q", sorted(self._ids)).tobytes())
        details = sorted(
            (id_, each.label, sorted(each.tags.items()), each.expected_at and isoformat(each.expected_at))
            for id_, each in self._details.items()
        )
        whole.update(json.dumps(details).encode())
        return whole.hexdigest()

    def add(self, message_id: int, details: Details = _NONE) -> None:
        """Add an id."""
        self._ids.add(message_id)
        if details != _NONE:
            self._details[message_id] = details
