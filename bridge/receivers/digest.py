"""Many events as one digest: totals by type, groups, the first names of each. Pure; how it looks is drawn elsewhere.

The counts of a digest always add up to the number of its events, whatever does not fit: the names of a group and its
``more``, the groups and the ``other_events``, the totals.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from bridge.receivers.text import fit, size
from bridge.receivers.wording import WORDS, error_of, label_of, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.domain.model import Event, EventType

GroupKey = Literal["type", "error"]
GROUP_KEYS: Final[tuple[GroupKey, ...]] = ("type", "error")
"""What events can be grouped by."""

MOST_GROUPS: Final = 20
"""How many groups are shown, two blocks each; Slack takes 50 blocks in all."""

_NAME_SIZE: Final = 60
_NAMES_OF_A_GROUP: Final = 1_900  # in the units of slack_text.size, for what Slack takes in 2,000
_NAMES_IN_ALL: Final = 15_000  # as above; it leaves more than half of 40,000 for the rest of the payload
_COMMA: Final = 2
_ERROR_OF_A_GROUP: Final = 300


@dataclass(frozen=True, slots=True)
class Group:
    """Events of the same kind.

    ``type`` and ``error`` are None where the digest is not grouped by them; ``error`` is empty where the events have
    none. ``names`` are those of the first events (message ids with labels), each at most 123 long in the units of
    :func:`bridge.receivers.text.size`.
    """

    type: EventType | None
    error: str | None
    count: int
    names: tuple[str, ...]

    @property
    def more(self) -> int:
        """How many events of the group are counted but not named."""
        return self.count - len(self.names)


@dataclass(frozen=True, slots=True)
class Digest:
    """Events, counted. ``totals`` and ``groups`` are sorted by their counts, largest first.

    ``other_groups`` did not fit; ``other_events`` is how many events are in them.
    """

    count: int
    totals: tuple[tuple[EventType, int], ...]
    groups: tuple[Group, ...]
    other_groups: int = 0
    other_events: int = 0


def digest(events: Sequence[Event], by: Sequence[str] = GROUP_KEYS, shown: int = 20) -> Digest:
    """Count events.

    Args:
        events: In the order in which they came; the names are those of the first.
        by: Some of :data:`GROUP_KEYS`; with none, all events are one group.
        shown: How many events are named, in all groups together. Each group gets its share in turn, the largest first.
    """
    grouped: defaultdict[tuple[EventType | None, str | None], list[Event]] = defaultdict(list)
    for event in events:
        grouped[event.type if "type" in by else None, error_of(event) if "error" in by else None].append(event)
    ranked = sorted(grouped.items(), key=lambda item: -len(item[1]))  # a stable sort: ties as they came
    fitting, others = ranked[:MOST_GROUPS], ranked[MOST_GROUPS:]
    names = _share_names([members for _, members in fitting], shown)
    groups = (
        Group(type_, error, len(members), named)
        for ((type_, error), members), named in zip(fitting, names, strict=True)
    )
    return Digest(
        count=len(events),
        totals=tuple(Counter(event.type for event in events).most_common()),
        groups=tuple(groups),
        other_groups=len(others),
        other_events=sum(len(members) for _, members in others),
    )


def title_of(group: Group) -> str:
    """Write ``4,990 x failed: Invalid phone number``."""
    words = "" if group.type is None else WORDS[group.type].short
    error = "" if group.error is None else fit(group.error, _ERROR_OF_A_GROUP)
    what = ": ".join(filter(None, [words, error]))
    return f"{group.count:,} \N{MULTIPLICATION SIGN} {what or ('events' if group.error is None else 'no error given')}"


def names_of(group: Group) -> str:
    """Write ``12346 (Invoice 88), 12347 and 4,980 more``."""
    names = ", ".join(group.names)
    return f"{names} and {group.more:,} more" if group.more else names


def rest_of(groups: int, events: int) -> str:
    """Write ``and 12 more in 2 other groups``."""
    return f"and {events:,} more in {groups:,} other group{'' if groups == 1 else 's'}"


def _share_names(groups: Sequence[Sequence[Event]], shown: int) -> list[tuple[str, ...]]:
    """Choose whom to name: the first of each group, then the second of each, as long as there is room."""
    names: list[list[str]] = [[] for _ in groups]
    taken = [0] * len(groups)
    open_ = [index for index, members in enumerate(groups) if members]
    left = shown
    while open_ and left > 0:
        still_open = []
        for index in open_[:left]:
            name = _named(groups[index][len(names[index])])
            taken[index] += size(name) + _COMMA
            if taken[index] > _NAMES_OF_A_GROUP or sum(taken) > _NAMES_IN_ALL:
                taken[index] -= size(name) + _COMMA
                continue  # this group is full: the rest of it is counted
            names[index].append(name)
            left -= 1
            if len(names[index]) < len(groups[index]):
                still_open.append(index)
        open_ = still_open if left > 0 else []
    return [tuple(each) for each in names]


def _named(event: Event) -> str:
    """Write ``12346 (Invoice 88)``."""
    name, label = fit(name_of(event), _NAME_SIZE), fit(label_of(event), _NAME_SIZE)
    return f"{name} ({label})" if label else name
