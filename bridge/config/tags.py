"""Tags, as messages have them and receivers ask for them: text by text, the same on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.yaml_reader import BROKEN, Value
from bridge.domain import message_details
from bridge.domain.model import LONGEST_TAG, MOST_TAGS

if TYPE_CHECKING:
    from bridge.config.errors import Faults


def read_tags(value: Value, faults: Faults) -> dict[str, str]:
    """Read a mapping of tags; those that are wrong are noted and left out."""
    if not isinstance(value.data, dict):
        if value.data is not BROKEN:
            faults.add(value.place, "must be tags of the form {team: billing}")
        return {}
    if len(value.data) > MOST_TAGS:
        faults.add(value.place, message_details.TOO_MANY_TAGS)
        return {}
    tags = {}
    for key, item in value.data.items():
        try:
            name = message_details.read_tag_name(key)
        except ValueError as error:
            faults.add(item.place, str(error))
            continue
        if (text := read_text(item, LONGEST_TAG, faults)) is not None:
            tags[name] = text
    return tags


def read_text(value: Value, longest: int, faults: Faults) -> str | None:
    """Read a label or a tag; a number is taken as it was written. None where it is wrong, which is noted."""
    if value.data is BROKEN:
        return None
    if not isinstance(value.data, str | int | float):
        faults.add(value.place, message_details.not_text(longest))
        return None
    try:
        return message_details.read_text(value.text, longest)
    except ValueError as error:
        faults.add(value.place, str(error))
        return None
