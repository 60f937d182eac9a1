"""What may be said of a message that is watched, wherever it is said: the bounds of labels and tags. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.domain.model import LONGEST_TAG_NAME, MOST_TAGS, Details
from bridge.domain.redaction import clean_text
from bridge.domain.settings.units import parse_moment

if TYPE_CHECKING:
    from collections.abc import Mapping

TOO_MANY_TAGS: Final = f"too many tags (allowed: up to {MOST_TAGS})"


def read_text(text: str, longest: int) -> str:
    """Read a label, or the value of a tag.

    Raises:
        ValueError: It is too long; the text says what is allowed.
    """
    if len(text) > longest:
        raise ValueError(not_text(longest))
    return clean_text(text)


def not_text(longest: int) -> str:
    """Say that something is no text, or too long."""
    return f"must be text (allowed: up to {longest} characters)"


def read_tag_name(name: str) -> str:
    """Read the name of a tag; raises as :func:`read_text` does."""
    if not 0 < len(name) <= LONGEST_TAG_NAME:
        raise ValueError(f"the tag's name is too long or empty (allowed: 1 to {LONGEST_TAG_NAME} characters)")
    return clean_text(name)


def details_in(message: Mapping[str, Any]) -> Details:
    """Read what a message, as the API takes it in JSON, says of itself; it has been checked."""
    expected_at = message.get("expected_at")
    return Details(message.get("label"), message.get("tags", {}), expected_at and parse_moment(expected_at))
