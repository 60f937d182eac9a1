"""The watched ids that the configuration lists."""

from __future__ import annotations

import hashlib
import json
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST_ID = 2**63 - 1
"""Message ids are from 1 to this."""


class Watchlist:
    """Message ids, some with a label and tags. Small and quick for a million plain ids."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._details: dict[int, tuple[str | None, Mapping[str, str]]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._ids

    def ids(self) -> Iterable[int]:
        """All ids, in no order."""
        return self._ids

    def detailed(self) -> Iterable[int]:
        """The ids that have a label or tags."""
        return self._details

    def details(self, message_id: int) -> tuple[str | None, Mapping[str, str]]:
        """The label and the tags of an id."""
        return self._details.get(message_id, (None, {}))

    def digest(self) -> str:
        """A fingerprint (SHA-256, in hex) of ids, labels and tags: the same for the same list, whatever the order."""
        whole = hashlib.sha256(array("q", sorted(self._ids)).tobytes())
        details = sorted((id_, label, sorted(tags.items())) for id_, (label, tags) in self._details.items())
        whole.update(json.dumps(details).encode())
        return whole.hexdigest()

    def add(self, message_id: int, label: str | None = None, tags: Mapping[str, str] | None = None) -> None:
        """Add an id."""
        self._ids.add(message_id)
        if label or tags:
            self._details[message_id] = (label, tags or {})

    def add_all(self, ids: Iterable[int]) -> None:
        """Add plain ids."""
        self._ids.update(ids)
