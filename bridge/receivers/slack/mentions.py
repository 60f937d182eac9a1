"""Mentions in Slack messages: whom, of which types of events, and how Slack wants them written. Pure.

Slack finds people and groups by their ids only, in a form of its own; a name after an @ stays plain text. Sources:
https://docs.slack.dev/messaging/formatting-message-text ("Mentioning users", "Mentioning groups", "Special mentions"),
https://api.slack.com/changelog/2017-09-the-one-about-usernames.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.domain.model import EventType

_EVERYBODY: Final = ("here", "channel", "everyone")
_SUMMARY: Final = "summary"
_ALLOWED: Final = (
    "allowed: @here, @channel, @everyone, a person's id like U012AB3CD (in the profile: Copy member ID), "
    "a group's id like S012AB3CD (in the group's menu: Copy group ID)"
)
_PERSON = re.compile(r"<?@?([UW][A-Z0-9]{5,20})(?:\|[^<>|]*)?>?")
_GROUP = re.compile(r"(?:<!subteam\^|@)?(S[A-Z0-9]{5,20})(?:\|[^<>|]*)?>?")
_SPECIAL = re.compile(rf"(?:<!|@)?({'|'.join(_EVERYBODY)})(?:\|[^<>|]*)?>?")


@dataclass(frozen=True, slots=True)
class Mention:
    """Whom to mention, as Slack writes it, and of which types of events (globs); None of all but summaries."""

    who: tuple[str, ...] = ()
    events: tuple[str, ...] | None = None

    def of(self, types: Iterable[EventType]) -> str:
        """Write the mention for a message about events of these types; empty where none of them asks for it."""
        globs = self.events
        if any(type_ != _SUMMARY if globs is None else any(map(partial(fnmatchcase, type_), globs)) for type_ in types):
            return " ".join(self.who)
        return ""


NOBODY: Final = Mention()


def slack_mention(text: str) -> str:
    """Write a mention as Slack wants it: ``<@U012AB3CD>``, ``<!subteam^S012AB3CD>``, ``<!here>``.

    Args:
        text: That, or the id alone, or the name of one of Slack's special mentions, with or without an @.

    Raises:
        ValueError: Slack would not know who is meant.
    """
    if match := _SPECIAL.fullmatch(text):
        return f"<!{match[1]}>"
    if match := _PERSON.fullmatch(text):
        return f"<@{match[1]}>"
    if match := _GROUP.fullmatch(text):
        return f"<!subteam^{match[1]}>"
    raise ValueError(f"Slack finds nobody by this name, only by an id ({_ALLOWED})")
