"""Messages: what is watched, and what is known of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, Tag

from bridge.domain.model import MOST_TAGS, Details, Status
from bridge.server.api.schemas.deliveries import StoryEventOut
from bridge.server.api.schemas.fields import (
    MOST_IN_A_REQUEST,
    GivenMoment,
    In,
    Key,
    Label,
    MessageId,
    Moment,
    Out,
    Value,
)


class Watch(In):
    """A message to watch."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": 12346, "label": "Invoice 88", "tags": {"team": "billing"}}]}
    )

    id: MessageId
    label: Annotated[Label | None, Field(description="Your own text, shown in every alert.")] = None
    tags: Annotated[
        dict[Key, Value], Field(max_length=MOST_TAGS, description="Receivers can select messages by tag.")
    ] = {}
    expected_at: Annotated[
        GivenMoment | None, Field(description="When WbizTool is to send it. Polled rarely until then.")
    ] = None

    def details(self) -> Details:
        """What is said of it."""
        return Details(self.label, self.tags, self.expected_at)


class WatchMany(In):
    """Messages to watch, at most 10,000 per request."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"messages": [{"id": 12346}, {"id": 12347}]}]})

    messages: Annotated[list[Watch], Field(min_length=1, max_length=MOST_IN_A_REQUEST)]


def _form(value: Any) -> str:
    return "many" if isinstance(value, dict) and "messages" in value else "one"


Handed = Annotated[Annotated[Watch, Tag("one")] | Annotated[WatchMany, Tag("many")], Discriminator(_form)]


class Watched(Out):
    """Which messages were new. Watching a message again is not an error: the given details replace the old ones."""

    watched: list[int]
    already_watched: list[int]


class ChosenMessages(In):
    """The messages to change."""

    ids: Annotated[list[MessageId], Field(min_length=1, max_length=MOST_IN_A_REQUEST)]


class Unwatched(Out):
    """Messages no longer watched, still watched because the configuration lists them, and never watched."""

    unwatched: list[int]
    listed_in_configuration: list[int]
    not_watched: list[int]


class PolledNow(Out):
    """The message that is being polled."""

    polling: int


class Noted(Out):
    """The number of ids found in a request from WbizTool."""

    noted: int


class UnreadableOut(Out):
    """Since when WbizTool's responses about a message have been unreadable, and why the latest one is."""

    since: Moment
    why: str


class MessageOut(Out):
    """A message. ``status`` is null until the first poll, and ``due_at`` is null when there is no next poll.

    ``unreadable`` is null unless the latest responses about it could not be read.
    """

    id: int
    label: str | None
    tags: dict[str, str]
    status: Status | None
    since: Moment | None
    error: str | None
    unreadable: UnreadableOut | None
    sequence: int
    watched: bool
    watched_since: Moment | None
    expected_at: Moment | None
    polled_at: Moment | None
    due_at: Moment | None


class StoryOut(MessageOut):
    """A message with its events, oldest first. ``whole`` is false if only the latest events are included."""

    events: list[StoryEventOut]
    whole: bool
