"""What goes in and out as JSON, as OpenAPI describes it. What is built by hand elsewhere is only described here."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from bridge.domain.model import (
    LARGEST_ID,
    LONGEST_LABEL,
    LONGEST_TAG,
    LONGEST_TAG_NAME,
    MOST_TAGS,
    DeliveryState,
    Details,
    EventType,
    Resent,
    Status,
)
from bridge.domain.redaction import clean_text
from bridge.domain.settings.units import parse_moment

MOST_AT_ONCE = 10_000

T = TypeVar("T")

_DIGITS = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


def _moment(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 -- pydantic takes ValueErrors only
    return parse_moment(value)


def _whole(value: object) -> object:
    """Take 5.0 for 5, as JSON Schema does, and "5" too; other text and true are no numbers."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(value: object) -> object:
    """Take a number and a boolean as text, as they are written. Not a fraction: 1.10 would become 1.1."""
    return json.dumps(value) if isinstance(value, bool | int) else value


_MOMENT = {"type": "string", "format": "date-time", "examples": ["2026-12-24T09:00:00+05:30"]}
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema(_MOMENT)]

_YEAR = r"(197[1-9]|19[89][0-9]|20[0-9][0-9]|21[0-8][0-9]|219[0-8])"
_LEAP_YEAR = r"(19(7[26]|8[048]|9[26])|20([02468][048]|[13579][26])|21(0[48]|[2468][048]|[13579][26]))"
_DAY = r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
_ZONE = r"(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|\+14:00)"
_GIVEN = {
    "type": "string",
    "format": "date-time",
    "description": "RFC 3339, in the years 1971 to 2198.",
    # The server takes most of 1970 and 2199 too; which moments of them depends on the zone, and no pattern can say it.
    "pattern": rf"^({_YEAR}-{_DAY}|{_LEAP_YEAR}-02-29)T{_TIME}{_ZONE}$",
    "examples": _MOMENT["examples"],
}
GivenMoment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema(_GIVEN)]
"""A moment in a request: its bounds are part of the description, so that no valid request is refused."""

MessageId = Annotated[
    int,
    Field(ge=1, le=LARGEST_ID, strict=True),
    BeforeValidator(_whole),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": LARGEST_ID},
                {"type": "string", "pattern": f"^{_DIGITS.pattern}$"},
            ],
            "examples": [12345],
        }
    ),
]
Label = Annotated[str, Field(max_length=LONGEST_LABEL), AfterValidator(clean_text)]
Name = Annotated[str, Field(max_length=64), AfterValidator(clean_text)]
Key = Annotated[str, Field(min_length=1, max_length=LONGEST_TAG_NAME), AfterValidator(clean_text)]
Value = Annotated[
    str,
    Field(max_length=LONGEST_TAG),
    BeforeValidator(_text),
    AfterValidator(clean_text),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "maxLength": LONGEST_TAG}, {"type": "boolean"}, {"type": "integer"}]},
    ),
]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class Watch(_In):
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


class WatchMany(_In):
    """Messages to watch, up to ten thousand in a call."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"messages": [{"id": 12346}, {"id": 12347}]}]})

    messages: Annotated[list[Watch], Field(min_length=1, max_length=MOST_AT_ONCE)]


def _form(value: Any) -> str:
    return "many" if isinstance(value, dict) and "messages" in value else "one"


Handed = Annotated[Annotated[Watch, Tag("one")] | Annotated[WatchMany, Tag("many")], Discriminator(_form)]


class Watched(_Out):
    """Which of the messages were new. Watching one again is no error: what is given of it replaces what is known."""

    watched: list[int]
    already_watched: list[int]


class UnreadableOut(_Out):
    """Since when WbizTool's answers about a message can't be read, and what is wrong with the latest."""

    since: Moment
    why: str


class MessageOut(_Out):
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


class EventOut(_Out):
    """An event, as webhooks get it."""

    id: str
    type: EventType
    timestamp: Moment
    data: dict[str, Any]


class AttemptOut(_Out):
    """One try of a delivery. ``answer`` is the beginning of what the receiver answered.

    ``probe`` says that it failed while the receiver was down, and was made to find out whether it takes anything again.
    """

    at: Moment
    seconds: float
    outcome: Literal["delivered", "failed", "refused"]
    http_status: int | None
    why: str | None
    answer: str
    probe: bool


class DeliveryOut(_Out):
    """One event queued for one receiver.

    ``attempts`` counts the rounds of its present schedule, ``probes`` the calls that failed while its receiver was
    down: they use up no step of the schedule.
    """

    id: int
    receiver: str
    state: DeliveryState
    attempts: int
    probes: int
    resent: Resent | None
    created_at: Moment
    due_at: Moment | None
    finished_at: Moment | None
    reason: str | None
    event: EventOut


class TriedOut(DeliveryOut):
    """A delivery with its attempts, oldest first; of failed probes, only the first and the last."""

    tries: list[AttemptOut]


class ListedOut(DeliveryOut):
    """A delivery in a list, with its attempts where they were asked for."""

    tries: list[AttemptOut] | None = None


class ToldOut(EventOut):
    """An event with what became of its deliveries."""

    deliveries: list[TriedOut]


class StoryOut(MessageOut):
    """A message with all that happened to it, oldest first. ``whole`` is false where only the latest is shown."""

    events: list[ToldOut]
    whole: bool


class PageOut(_Out, Generic[T]):
    """A part of a list. ``next`` is the cursor of the part after it, null at the end."""

    items: list[T]
    next: str | None


class PolledNow(_Out):
    """A message that is polled at once."""

    polling: int


def _left_out() -> Any:
    """Stand for what is not given; null cannot be."""
    return None


class Choice(_In):
    """Which dead letters to send again; what is given must all be true of them, and something must be."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "examples": [{"receiver": "crm"}]})

    ids: Annotated[
        list[MessageId], Field(min_length=1, max_length=MOST_AT_ONCE, description="Those with one of these ids.")
    ] = Field(default_factory=_left_out)
    receiver: Annotated[Name, Field(min_length=1, description="Those to this receiver.")] = Field(
        default_factory=_left_out
    )
    since: GivenMoment = Field(default_factory=_left_out, description="Those given up since then.")
    all: Annotated[Literal[True], Field(description="All of them.")] = Field(default_factory=_left_out)

    @model_validator(mode="after")
    def _says_which(self) -> Choice:
        if not self.model_fields_set:
            raise ValueError("say which: ids, receiver, since, or all")
        return self


class ResendIn(_In):
    """What to send again of what was delivered, or, with ``backfill``, of what happened before a receiver was there."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "examples": [{"receiver": "crm", "since": "2026-12-24T09:00:00Z"}]}
    )

    event_ids: Annotated[
        list[Annotated[str, Field(pattern=r"^evt_[a-z2-7]{24}$", examples=["evt_2pgyxq3i5f6n7e4kd2ab5cqx"])]],
        Field(min_length=1, max_length=MOST_AT_ONCE, description="These events."),
    ] = Field(default_factory=_left_out)
    receiver: Annotated[Name, Field(min_length=1, description="To this receiver; left out, to whoever had it.")] = (
        Field(default_factory=_left_out)
    )
    type: Annotated[list[EventType], Field(min_length=1, description="Only events of these types.")] = Field(
        default_factory=_left_out
    )
    since: GivenMoment = Field(default_factory=_left_out, description="Only what happened from then on.")
    until: GivenMoment = Field(default_factory=_left_out, description="Only what happened before then.")
    backfill: Annotated[bool, Field(description="What the receiver asked for and never had.")] = False
    new_id: Annotated[bool, Field(description="With new ids, for receivers that drop what they had before.")] = False
    dry_run: Annotated[bool, Field(description="Only count.")] = False

    @model_validator(mode="after")
    def _says_which(self) -> ResendIn:
        if not self.model_fields_set & {"event_ids", "receiver", "since"}:
            raise ValueError("say what: event_ids, receiver, or since")
        if self.backfill and (self.receiver is None or self.event_ids is not None):
            raise ValueError("backfill needs a receiver, and takes no event_ids")
        return self


class ResentOut(_Out):
    """How many deliveries are queued; where it was only counted, would be."""

    resent: int


class Noted(_Out):
    """How many ids were found in a call of WbizTool's."""

    noted: int


class Retried(_Out):
    """How many dead letters are sent again."""

    retried: int


class ChosenMessages(_In):
    """Which messages."""

    ids: Annotated[list[MessageId], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Unwatched(_Out):
    """Which messages are no longer watched, which still are because the configuration lists them, which never were."""

    unwatched: list[int]
    listed_in_configuration: list[int]
    not_watched: list[int]


class TestIn(_In):
    """What a receiver is tried with."""

    type: EventType = EventType.MESSAGE_FAILED


class TestOut(_Out):
    """What came of a test event. ``subscribed`` says whether other events of its type reach the receiver, too."""

    receiver: str
    subscribed: bool
    outcome: Literal["delivered", "not delivered", "refused for good"]
    why: str | None
    http_status: int | None
    seconds: float
    answer: str


class PreviewIn(_In):
    """An event: one that happened, one that is given as webhooks get it, or a sample of a type. Just one of them."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "maxProperties": 1, "examples": [{"type": "message.failed"}]}
    )

    event_id: Annotated[str, Field(max_length=64, description="One that happened.")] = Field(default_factory=_left_out)
    event: Annotated[dict[str, Any], Field(description="As webhooks get it (`format: standard`).")] = Field(
        default_factory=_left_out
    )
    type: EventType = Field(default_factory=_left_out, description="A sample of this type.")

    @model_validator(mode="after")
    def _says_which(self) -> PreviewIn:
        if len(self.model_fields_set) != 1:
            raise ValueError("say which: event_id, event, or type")
        return self


class PreviewOut(_Out):
    """What a receiver would be sent, without secrets; which keys there are depends on its kind."""

    receiver: str
    url: str | None = None
    method: str | None = None
    headers: dict[str, str] | None = None
    body: str | None = None
    command: list[str] | None = None
    environment: dict[str, str] | None = None
    input: str | None = None
    title: str | None = None
    kind: str | None = None


class CheckOut(_Out):
    """How one part does."""

    ok: bool
    why: str | None
    since: Moment | None


class StatusOut(_Out):
    """How the bridge does. Some keys are missing where the database can't be read; more may come."""

    ok: bool
    faults: list[str]
    checks: dict[str, CheckOut]
    version: str
    configuration: str
    database: str
    warnings: list[str]
    daemon: dict[str, Any]
    messages: dict[str, Any]
    oldest_due: Moment | None
    oldest_queued: Moment | None
    receivers: dict[str, dict[DeliveryState, int]]
    breakers: dict[str, dict[str, Any]]
    internal_errors: list[dict[str, Any]]
    nodes: list[dict[str, Any]]


class FaultOut(_Out):
    """One thing that is wrong, and its place: a JSON Pointer into the body, or the name of a parameter."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None


class Problem(_Out):
    """What is wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[FaultOut] | None = None
