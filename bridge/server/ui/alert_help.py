"""What each alert for Prometheus means, and what to do: ``alerts.md``, which documentation and page share."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@cache
def alert_help() -> Mapping[str, str]:
    """Read the text about each alert, by the alert's name; what is between backticks is code."""
    text = resources.files("bridge.server.ui").joinpath("alerts.md").read_text(encoding="utf-8")
    _, *sections = text.split("\n## ")
    return {name: words.strip() for name, _, words in (section.partition("\n") for section in sections)}
