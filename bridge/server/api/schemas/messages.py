"""Messages: what is watched, and what is known of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, Tag

from bridge.domain.model import MOST_TAGS, Details, Status
from bridge.server.api.schemas.deliveries import ToldOut
from bridge.server.api.schemas.fields import MOST_AT_ONCE, GivenMoment, In, Key, Label, MessageId, Moment, Out, Value


class Watch(In):
    """A message to watch."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": 12346, "label": "Invoice 88", "tags": {"team": "billing"}}]}
    )

    id: MessageId
    label: Annotated[Label | None, Field(description="Words of your own, in every alert.")] = None
    tags: Annotated[dict[Key, Value], Field(max_length=MOST_TAGS, description="Receivers choose by tags.")] = {}
    expected_at: Annotated[GivenMoment | None, Field(description="When it is to be sent; few polls before.")] = None

    def details(self) -> Details:
        """What is said of it."""
        return Details(self.label, self.tags, self.expected_at)


class WatchMany(In):
    """Messages to watch, up to ten thousand in a call."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"messages": [{"id": 12346}, {"id": 12347}]}]})

    messages: Annotated[list[Watch], Field(min_length=1, max_length=MOST_AT_ONCE)]


def _form(value: Any) -> str:
    return "many" if isinstance(value, dict) and "messages" in value else "one"


Handed = Annotated[Annotated[Watch, Tag("one")] | Annotated[WatchMany, Tag("many")], Discriminator(_form)]


class Watched(Out):
    """Which of the messages were new. Watching one again is no error: what is given of it replaces what is known."""

    watched: list[int]
    already_watched: list[int]


class ChosenMessages(In):
    """Which messages."""

    ids: Annotated[list[MessageId], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Unwatched(Out):
    """Which messages are no longer watched, which still are because the configuration lists them, which never were."""

    unwatched: list[int]
    listed_in_configuration: list[int]
    not_watched: list[int]


class PolledNow(Out):
    """A message that is polled at once."""

    polling: int


class Noted(Out):
    """How many ids were found in a call of WbizTool's."""

    noted: int


class UnreadableOut(Out):
    """Since when WbizTool's answers about a message can't be read, and what is wrong with the latest."""

    since: Moment
    why: str


class MessageOut(Out):
    """A message: its status, null while no poll has seen it yet, and when it is polled next, null when no more.

    ``unreadable`` is null unless the latest answers about it could not be read.
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
    """A message with all that happened to it, oldest first. ``whole`` is false where only the latest is shown."""

    events: list[ToldOut]
    whole: bool
