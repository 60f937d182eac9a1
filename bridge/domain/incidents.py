"""What is wrong, and until when: which events open an incident of their subject, and which end it. Pure.

A subject (``message/12345``, ``source``, ``receiver/crm``, ``number/7``, ``account``) has one incident at most.
Most end by an event of their own. A message that failed or expired is an incident until somebody acknowledges it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.domain.model import EventType

if TYPE_CHECKING:
    from collections.abc import Mapping

OPENS = frozenset(
    {
        EventType.MESSAGE_STUCK,
        EventType.MESSAGE_FAILED,
        EventType.MESSAGE_EXPIRED,
        EventType.SOURCE_DOWN,
        EventType.NUMBER_DISCONNECTED,
        EventType.RECEIVER_DOWN,
        EventType.ACCOUNT_FAILING,
    }
)
"""The types that open one."""

OPPOSITES: Mapping[EventType, EventType] = {
    EventType.SOURCE_UP: EventType.SOURCE_DOWN,
    EventType.NUMBER_CONNECTED: EventType.NUMBER_DISCONNECTED,
    EventType.RECEIVER_UP: EventType.RECEIVER_DOWN,
    EventType.ACCOUNT_RECOVERED: EventType.ACCOUNT_FAILING,
}
"""The types that do nothing but end one, each with the type that opened it."""


def ends(type_: EventType, opened_by: EventType) -> bool:
    """Tell whether an event ends the incident of its subject that an event of type ``opened_by`` opened.

    Whatever happens to a message next ends what was: one that was stuck is sent, fails, or is given up.
    """
    return OPPOSITES.get(type_) is opened_by or type_.startswith("message.")
