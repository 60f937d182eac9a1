"""What the account's report says of a message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A message that the report shows. ``hint`` stands for its ``message_status``: it can be compared, not read."""

    id: int
    hint: str
    label: str | None = None
