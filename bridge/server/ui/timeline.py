"""A message's story, and the titles of events. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.domain.events import SOURCE
from bridge.domain.model import UNSEEN, DeliveryState, EventType, Status
from bridge.domain.reasons import reason_of
from bridge.receivers.next_steps import step_of
from bridge.receivers.wording import WORDS, duration_of, error_of, name_of
from bridge.server.ui.formatting import address_of, upper_first

if TYPE_CHECKING:
    from bridge.domain.model import Event
    from bridge.domain.summary import WatchedMessage
    from bridge.store.history import Story, StoryEvent

_LOOKS = {
    EventType.MESSAGE_PENDING: ("info", "pending"),
    EventType.MESSAGE_SENT: ("good", "sent"),
    EventType.MESSAGE_FAILED: ("bad", "failed"),
    EventType.MESSAGE_CANCELLED: ("quiet", "cancelled"),
    EventType.MESSAGE_EXPIRED: ("warn", "expired"),
    EventType.MESSAGE_UNKNOWN: ("odd", "unknown"),
    EventType.MESSAGE_STUCK: ("warn", "stuck"),
    EventType.MESSAGE_ABANDONED: ("quiet", "abandoned"),
}
"""The tone and the sign of each type of event that a message can have."""

_PLAIN = ("quiet", UNSEEN)


@dataclass(frozen=True, slots=True)
class StoryPage:
    """All that is known of a message. ``whole`` says whether its beginning is shown, too.

    ``step`` is what a person can do about what happened last, ``alike`` the address of all that failed for the same
    reason; either is empty where there is none.
    """

    shown: WatchedMessage
    moments: tuple[StoryEvent, ...]
    whole: bool
    why_not_polled: str
    step: str = ""
    alike: str = ""

    @property
    def gave_up(self) -> bool:
        """Whether it was watched for so long without a final status that it is not polled any more."""
        state = self.shown.message.state
        return self.shown.due_at is None and not (state is not None and state.status.terminal)

    @property
    def can_go_again(self) -> bool:
        """Whether a delivery of it was made or given up, so that it can be sent again."""
        states = {each.delivery.state for moment in self.moments for each in moment.deliveries}
        return bool(states - {DeliveryState.QUEUED})


def story_page(story: Story) -> StoryPage:
    """Tell a story."""
    page = StoryPage(story.message, story.events, story.whole, why_not_polled(story.message))
    if not story.events:
        return page
    last = story.events[-1].event
    if last.type is EventType.MESSAGE_FAILED:
        asked = {"status": Status.FAILED, "reason": reason_of(error_of(last)).key}
        return replace(page, step=step_of(last), alike=address_of("messages", asked))
    return replace(page, step="" if last.type is EventType.MESSAGE_ABANDONED and not page.gave_up else step_of(last))


def look_of(event: Event) -> tuple[str, str]:
    """Return the tone and the sign of an event in a message's story."""
    return _LOOKS.get(event.type, _PLAIN)


def title_of(event: Event) -> str:
    """Say what happened: ``Failed``, ``Stuck, pending for 16 min``."""
    name = upper_first(WORDS[event.type].short)
    return f"{name}, {how_long}" if (how_long := duration_of(event)) else name


def about(event: Event) -> str:
    """Name what an event is about, for a list of several; empty for a summary, which is about all there is."""
    if event.type is EventType.SUMMARY:
        return ""
    return name_of(event) if event.subject != SOURCE else "WbizTool's API"


def why_not_polled(shown: WatchedMessage) -> str:
    """Say why a message is not polled any more, as far as that can be seen; empty where it is."""
    if shown.due_at is not None:
        return ""
    state = shown.message.state
    if state is not None and state.status.terminal:
        return "Its status is final."
    if not shown.watched:
        return "It is no longer on the watch list."
    return "It had no final status within poll.stop_after. Watch it again to continue."
