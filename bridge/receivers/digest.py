"""Many events as one digest: a heading, groups, the first names of each. Pure; how it looks is drawn elsewhere.

The counts of a digest always add up, whatever does not fit: the names of a group and its ``more``, and the groups and
the ``other_events`` to the number of its events; the totals, and what its heading counts, to what they are about. A
message that was stuck and is sent by now is one in the heading, and in two groups.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from bridge.domain.event_data import RateData, SummaryData
from bridge.domain.incidents import latest_of_each
from bridge.domain.reasons import NONE_GIVEN, Reason, count_reasons, reason_of
from bridge.receivers.next_steps import steps_of
from bridge.receivers.rate_words import failures_of
from bridge.receivers.text import fit, size
from bridge.receivers.wording import WORDS, by_gravity, error_of, label_of, mark_of, name_of, sign_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.domain.model import Event, EventType

GroupKey = Literal["type", "error"]
GROUP_KEYS: Final[tuple[GroupKey, ...]] = ("type", "error")
"""What events can be grouped by."""

MOST_GROUPS: Final = 20
"""How many groups are shown."""

_NAME_SIZE: Final = 60
_RATE_SIZE: Final = 150
_NAMES_OF_A_GROUP: Final = 1_900  # in the units of bridge.receivers.text.size, for what Slack takes in 3,000
_NAMES_IN_ALL: Final = 15_000  # as above; it leaves more than half of 40,000 for the rest of the payload
_COMMA: Final = 2
_REASON_OF_A_GROUP: Final = 300
_REASON_IN_HEADING: Final = 60
_GROUP_IN_HEADING: Final = 40
_MOST_IN_HEADING: Final = 10


@dataclass(frozen=True, slots=True)
class Group:
    """Events of the same kind.

    ``type`` and ``reason`` are None where the digest is not grouped by them. ``names`` are those of the first events
    (message ids with labels; groups of messages with their rates of failures), each at most 212 long in the units of
    :func:`bridge.receivers.text.size`.
    """

    type: EventType | None
    reason: Reason | None
    count: int
    names: tuple[str, ...]

    @property
    def more(self) -> int:
        """How many events of the group are counted but not named."""
        return self.count - len(self.names)


@dataclass(frozen=True, slots=True)
class Digest:
    """Events, counted. ``totals``, ``reasons`` and ``groups`` are sorted by their counts, largest first.

    ``totals`` and ``reasons`` count only the latest event of each subject: what was over by then does not count.
    ``heading`` says what happened, ``steps`` what to do about it. ``rated`` names, by type, the groups of messages that
    rates of failures are about. ``other_groups`` did not fit; ``other_events`` is how many events are in them.
    """

    sign: str
    totals: tuple[tuple[EventType, int], ...]
    reasons: tuple[tuple[Reason, int], ...]
    groups: tuple[Group, ...]
    steps: tuple[str, ...] = ()
    rated: Mapping[EventType, tuple[str, ...]] = field(default_factory=dict)
    other_groups: int = 0
    other_events: int = 0

    def lines_of(self, group: Group) -> list[str]:
        """Write a group's title, unless the heading says as much, and whom it concerns."""
        reason = group.reason
        whole = reason is None or size(reason.words(group.count)) <= _REASON_IN_HEADING
        in_heading = whole and len(self.groups) == 1
        return [*([] if in_heading else [title_of(group)]), *([names_of(group)] if group.names else [])]

    def line_of(self, group: Group) -> str:
        """Write the same on one line."""
        return ": ".join(self.lines_of(group))

    def heading(self, room: int) -> str:
        """Say what happened: ``❌ 7 WhatsApp messages failed: 5 invalid numbers, 2 not on WhatsApp``.

        Several types are counted each: ``❌ 5 messages failed, 2 stuck``. Rates of failures say whose they are:
        ``📉 1 failure rate too high (team billing), 1 message failed``.

        Args:
            room: The longest that it may be, in the units of :func:`bridge.receivers.text.size`; at least 150.
        """
        if len(self.totals) > 1:
            counts = _enumerated(self._by_type(), room - size(self.sign) - 1, "more", "more")
            return f"{self.sign} {counts}"
        ((type_, count),) = self.totals
        said = f"{self.sign} {self._counted(type_, count, 'WhatsApp message')}"
        match [reason for reason, _ in self.reasons]:
            case [reason] if reason == NONE_GIVEN:
                return said
            case [reason]:
                return f"{said}: {fit(reason.words(count), _REASON_IN_HEADING)}"
        found = [(f"{n:,} {fit(reason.words(n), _REASON_IN_HEADING)}", n) for reason, n in self.reasons]
        reasons = _enumerated(found, room - size(said) - 2, "for another reason", "for other reasons")
        return f"{said}: {reasons}"

    def _by_type(self) -> list[tuple[str, int]]:
        """Count each type in words, the gravest first. Only the first about messages says what it is about."""
        totals = dict(self.totals)
        found: list[tuple[str, int]] = []
        noun = "message"
        for type_ in by_gravity(totals):
            found.append((self._counted(type_, totals[type_], noun), totals[type_]))
            noun = "" if type_.startswith("message.") else noun
        return found

    def _counted(self, type_: EventType, count: int, noun: str) -> str:
        """Write ``7 WhatsApp messages failed``, ``2 receivers down``, ``1 failure rate too high (team billing)``."""
        words = WORDS[type_].counted(count)
        if type_ in self.rated:
            first, *more = self.rated[type_]
            return f"{words} ({first}{f' and {len(more):,} more' if more else ''})"
        if not noun or not type_.startswith("message."):
            return words
        return words.replace(" ", f" {noun}{'' if count == 1 else 's'} ", 1)


def digest(events: Sequence[Event], by: Sequence[str] = GROUP_KEYS, shown: int = 20) -> Digest:
    """Count events.

    Args:
        events: At least one, in the order in which they came; the names are those of the first.
        by: Some of :data:`GROUP_KEYS`; with none, all events are one group. By ``error`` means by its reason: texts
            that differ only in a number or a name are one group.
        shown: How many events are named, in all groups together. Each group gets its share in turn, the largest first.
    """
    grouped: defaultdict[tuple[EventType | None, str | None], list[Event]] = defaultdict(list)
    worded = {reason.key: reason for reason, _ in count_reasons(map(_error_of, events))}
    for event in events:
        key = reason_of(_error_of(event)).key if "error" in by else None
        grouped[event.type if "type" in by else None, key].append(event)
    ranked = sorted(grouped.items(), key=lambda item: -len(item[1]))  # a stable sort: ties as they came
    latest = latest_of_each(events)  # nothing is to be done about what is over by the end of the digest
    current = set(map(id, latest))
    fitting, others = ranked[:MOST_GROUPS], ranked[MOST_GROUPS:]
    names = _share_names([members for _, members in fitting], shown)
    groups = (
        Group(type_, None if key is None else worded[key], len(members), named)
        for ((type_, key), members), named in zip(fitting, names, strict=True)
    )
    return Digest(
        sign=f"{sign_of(events)} {mark_of(events)}".rstrip(),
        totals=tuple(Counter(event.type for event in latest).most_common()),
        reasons=tuple(count_reasons(map(_error_of, latest))),
        groups=tuple(groups),
        steps=tuple(steps_of(event for _, members in ranked for event in members if id(event) in current)),
        rated=_rated(latest),
        other_groups=len(others),
        other_events=sum(len(members) for _, members in others),
    )


def title_of(group: Group) -> str:
    """Write ``4,990 failed: invalid numbers``."""
    words = "" if group.type is None else WORDS[group.type].counted(group.count)
    if group.reason is None or (words and group.reason == NONE_GIVEN):
        return words or f"{group.count:,} events"
    reason = fit(group.reason.words(group.count), _REASON_OF_A_GROUP)
    return f"{words}: {reason}" if words else f"{group.count:,} {reason}"


def names_of(group: Group) -> str:
    """Write ``12346 (Invoice 88), 12347 and 4,980 more``; of rates, which have commas, ``team a: …; team b: …``."""
    names = ("; " if group.type and group.type.startswith("account.") else ", ").join(group.names)
    return f"{names} and {group.more:,} more" if group.more else names


def rest_of(groups: int, events: int) -> str:
    """Write ``and 12 more in 2 other groups``."""
    return f"and {events:,} more in {groups:,} other group{'' if groups == 1 else 's'}"


def _error_of(event: Event) -> str:
    """Return why it came so; nothing for a rate of failures and a summary, which have reasons of their own."""
    return "" if isinstance(event.data, RateData | SummaryData) else error_of(event)


def _rated(events: Sequence[Event]) -> dict[EventType, tuple[str, ...]]:
    """Name the groups of messages that rates of failures are about, each once for each type."""
    names: defaultdict[EventType, dict[str, None]] = defaultdict(dict)
    for event in events:
        if isinstance(event.data, RateData):
            names[event.type][fit(name_of(event), _GROUP_IN_HEADING)] = None
    return {type_: tuple(found) for type_, found in names.items()}


def _enumerated(found: Sequence[tuple[str, int]], room: int, one: str, many: str) -> str:
    """Write as many as fit, and count the rest: ``5 invalid numbers, 2 not on WhatsApp and 3 for other reasons``.

    The first always fits.
    """
    text = ""
    for shown in range(min(len(found), _MOST_IN_HEADING), 0, -1):
        rest = sum(count for _, count in found[shown:])
        text = ", ".join(words for words, _ in found[:shown])
        text = f"{text} and {rest:,} {one if rest == 1 else many}" if rest else text
        if size(text) <= room:
            break
    return text


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
    """Write ``12346 (Invoice 88)``; of a rate ``team billing: 12 of 50 failed (24%): 8 invalid numbers``."""
    name, label = fit(name_of(event), _NAME_SIZE), fit(label_of(event), _NAME_SIZE)
    if isinstance(event.data, RateData) and event.data.of:
        return f"{name}: {fit(failures_of(replace(event.data, reasons=event.data.reasons[:1])), _RATE_SIZE)}"
    return f"{name} ({label})" if label else name
