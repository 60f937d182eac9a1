"""Tags, as messages have them and receivers ask for them: text by text, the same on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.yaml_reader import BROKEN, Value
from bridge.domain.model import LONGEST_TAG, LONGEST_TAG_NAME, MOST_TAGS
from bridge.domain.redaction import clean_text

if TYPE_CHECKING:
    from bridge.config.errors import Faults


def read_tags(value: Value, faults: Faults) -> dict[str, str]:
    """Read a mapping of tags; those that are wrong are noted and left out."""
    if not isinstance(value.data, dict):
        if value.data is not BROKEN:
            faults.add(value.place, "must be tags of the form {team: billing}")
        return {}
    if len(value.data) > MOST_TAGS:
        faults.add(value.place, f"too many tags (allowed: up to {MOST_TAGS})")
        return {}
    tags = {}
    for key, item in value.data.items():
        if not 0 < len(key) <= LONGEST_TAG_NAME:
            faults.add(item.place, f"the tag's name is too long or empty (allowed: 1 to {LONGEST_TAG_NAME} characters)")
        elif (text := read_text(item, LONGEST_TAG, faults)) is not None:
            tags[clean_text(key)] = text
    return tags


def read_text(value: Value, longest: int, faults: Faults) -> str | None:
    """Read a label or a tag; a number is taken as it was written. None where it is wrong, which is noted."""
    if value.data is BROKEN:
        return None
    if not isinstance(value.data, str | int | float) or len(value.text) > longest:
        faults.add(value.place, f"must be text (allowed: up to {longest} characters)")
        return None
    return clean_text(value.text)
