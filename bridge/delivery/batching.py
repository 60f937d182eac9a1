"""Which deliveries go together in one parcel: each by itself, all in one digest, or this many in a batch."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from bridge.domain.model import DeliveryState, EventType
from bridge.domain.outcome import Dead, Delivered, Retry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from bridge.domain.model import Attempt, Delivery
    from bridge.receivers.base_config import ReceiverConfig
    from bridge.store.deliveries import DeliveryQueue

MOST_IN_A_DIGEST = 5000
"""Events in one digest, at most: it names few and counts the rest, but each of them has to be read."""

HALVINGS = 3
"""Batches refused in a row after which no halves are tried: then it is rather the receiver that refuses whatever comes,
and the sooner single events are refused, the sooner its circuit breaker opens."""

Pack = tuple["Delivery", ...]


class Packer(Protocol):
    """Decides which deliveries to one receiver go together. Used by its dispatcher's own thread only.

    ``tells_together`` says whether one post tells people of several.
    """

    tells_together: bool

    def pack(self, queue: DeliveryQueue, now: datetime, room: int, busy: Collection[int]) -> Sequence[Pack]:
        """List what may be sent now, at most ``room`` packs, without the deliveries that are ``busy``."""
        ...

    def probe(self, queue: DeliveryQueue, now: datetime, refused: Collection[int]) -> Sequence[Pack]:
        """List what one probe may carry; what was ``refused`` for its own sake only when it is due."""
        ...

    def full_at(self) -> datetime | None:
        """Say when something may be sent that the latest look left waiting for company; None where nothing is."""
        ...

    def divides(self, attempt: Attempt, carried: int) -> bool:
        """Tell whether what the attempt carried, and was not taken, is to be sent again at once in smaller packs."""
        ...

    def learn(self, attempt: Attempt, carried: Pack) -> None:
        """Note what came of a pack; its deliveries are as they are from now on."""
        ...

    def forget(self, ids: Iterable[int] | None = None) -> None:
        """Forget what was noted about these deliveries, or all: these are over, or the receiver takes again."""
        ...


class IndividualPacker:
    """Each event by itself.

    Args:
        receiver: Whose deliveries.
    """

    tells_together = False

    def __init__(self, receiver: str) -> None:
        self._receiver = receiver

    def pack(self, queue: DeliveryQueue, now: datetime, room: int, busy: Collection[int]) -> Sequence[Pack]:
        """What is due, the longest due first."""
        return [(delivery,) for delivery in queue.due(self._receiver, now, room, busy)]

    def probe(self, queue: DeliveryQueue, now: datetime, refused: Collection[int]) -> Sequence[Pack]:
        """What was tried least often."""
        return [(delivery,) for delivery in queue.probes(self._receiver, now, 1, refused)]

    def full_at(self) -> datetime | None:
        """Nothing waits for company."""
        return None

    def divides(self, attempt: Attempt, carried: int) -> bool:  # noqa: ARG002 -- of the protocol
        """One event can't be divided."""
        return False

    def learn(self, attempt: Attempt, carried: Pack) -> None:
        """Nothing to note."""

    def forget(self, ids: Iterable[int] | None = None) -> None:
        """Nothing was noted."""


class DigestPacker(IndividualPacker):
    """All that is due in one post: the first event immediately, later ones together once ``wait`` has passed.

    A summary has a post of its own. The time of the last post is kept in memory only: after a restart, the first may go
    immediately.

    Args:
        receiver: Whose deliveries.
        wait: How long after a post the next one goes, at the earliest. What the receiver did not take is no post.
    """

    tells_together = True

    def __init__(self, receiver: str, wait: timedelta) -> None:
        super().__init__(receiver)
        self._wait = wait
        self._posted_at: datetime | None = None
        self._opens_at: datetime | None = None

    def pack(self, queue: DeliveryQueue, now: datetime, room: int, busy: Collection[int]) -> Sequence[Pack]:
        """All that is due, unless the last post was a moment ago. One post at a time."""
        self._opens_at = None
        if not room or busy:
            return ()
        opens_at = next_post(self._posted_at, self._wait, now)
        if opens_at > now:
            self._opens_at = opens_at if queue.due(self._receiver, now, 1, ()) else None
            return ()
        return one_post(queue.due_together(self._receiver, now, MOST_IN_A_DIGEST), now)

    def probe(self, queue: DeliveryQueue, now: datetime, refused: Collection[int]) -> Sequence[Pack]:
        """All that has been due."""
        return one_post(queue.probes(self._receiver, now, MOST_IN_A_DIGEST, refused, together=True), now)

    def full_at(self) -> datetime | None:
        """When what is due may follow the last post."""
        return self._opens_at

    def learn(self, attempt: Attempt, carried: Pack) -> None:  # noqa: ARG002 -- of the protocol
        """Note when the receiver took a post."""
        if isinstance(attempt.outcome, Delivered):
            self._posted_at = attempt.at


def one_post(found: Sequence[Delivery], now: datetime) -> Sequence[Pack]:
    """Choose what one post tells of: a summary by itself, which a digest would only count, or all but summaries. Pure.

    Args:
        found: The oldest first.
        now: What is due then goes first, unless something about the same subject must go before it.
    """
    heads: dict[str, Delivery] = {}
    for delivery in found:
        heads.setdefault(delivery.event.subject, delivery)
    if not heads:
        return ()
    first = next((delivery for delivery in heads.values() if delivery.due_at <= now), found[0])
    if _is_summary(first):
        return [(first,)]
    return [tuple(delivery for delivery in found if not _is_summary(delivery))]


def _is_summary(delivery: Delivery) -> bool:
    return delivery.event.type is EventType.SUMMARY


def next_post(last: datetime | None, wait: timedelta, now: datetime) -> datetime:
    """Return when the next post may go: ``wait`` after the last, else now. Pure.

    A last post that lies ahead says that the clock was set back; nothing waits for that.
    """
    return now if last is None or last > now else max(now, last + wait)


class BatchPacker(IndividualPacker):
    """This many in one. A batch that is refused is sent again in halves, until those that are refused are alone.

    What it knows of them is kept in memory only: after a restart they are refused, and divided, once more.

    Args:
        receiver: Whose deliveries.
        most: Events in a batch.
        wait: How long an event that is due waits for others, at most.
    """

    def __init__(self, receiver: str, most: int, wait: timedelta) -> None:
        super().__init__(receiver)
        self._most = most
        self._wait = wait
        self._portions: dict[int, int] = {}
        self._refused = 0
        self._full_at: datetime | None = None

    def pack(self, queue: DeliveryQueue, now: datetime, room: int, busy: Collection[int]) -> Sequence[Pack]:
        """What is due: full batches at once, others when their first event has waited long enough."""
        few = max(room, self._most)
        found = queue.due(self._receiver, now, few, busy)
        # Small packs need few deliveries: reading many for each look would take longer the more there are.
        if len(found) == few and self._portions.keys().isdisjoint(delivery.id for delivery in found):
            found = queue.due(self._receiver, now, room * self._most, busy)
        packs, waiting = cut(found, self._most, self._portions, now - self._wait)
        self._full_at = min((each.first_due_at + self._wait for pack in waiting for each in pack), default=None)
        return packs[:room]

    def full_at(self) -> datetime | None:
        """When the first that waits for company has waited long enough."""
        return self._full_at

    def divides(self, attempt: Attempt, carried: int) -> bool:
        """Whether it may be for one of them that all were refused.

        Not where the receiver only asked for a pause, and not where nothing was answered: that is rarely an event's
        fault, and these wait for the schedule's first step before each of them is tried alone.
        """
        return carried > 1 and _refused(attempt)

    def learn(self, attempt: Attempt, carried: Pack) -> None:
        """Note in packs of which size these may go from now on."""
        if isinstance(attempt.outcome, Delivered):
            self._refused = 0
        elif len(carried) > 1 and _refused(attempt):
            self._refused += 1
        portion = 1 if self._refused >= HALVINGS or not _refused(attempt) else (len(carried) + 1) // 2
        for delivery in carried:
            if delivery.state is not DeliveryState.QUEUED:
                self._portions.pop(delivery.id, None)
            elif not _asks_for_a_pause(attempt):
                self._portions[delivery.id] = portion

    def forget(self, ids: Iterable[int] | None = None) -> None:
        """These are over, or all may go in batches again: it was not for one of them that they were refused."""
        for id_ in list(self._portions) if ids is None else ids:
            self._portions.pop(id_, None)


def cut(
    found: Sequence[Delivery], most: int, portions: Mapping[int, int], since: datetime
) -> tuple[list[Pack], list[Pack]]:
    """Cut what was found into packs: those to send now, and those that still wait for company. Pure.

    Args:
        found: The longest due first.
        most: Deliveries in a pack.
        portions: Those that must go in smaller packs, and in which, by id.
        since: A pack that is not full goes only when a delivery in it was first due then or before.
    """
    packs: list[list[Delivery]] = []
    filling: dict[int, list[Delivery]] = {}
    for delivery in found:
        portion = portions.get(delivery.id, most)
        pack = filling.get(portion)
        if pack is None or len(pack) >= portion:
            pack = filling[portion] = []
            packs.append(pack)
        pack.append(delivery)
    open_ = {
        id(pack)
        for portion, pack in filling.items()
        if len(pack) < portion and all(each.first_due_at > since for each in pack)
    }
    ready = [tuple(pack) for pack in packs if id(pack) not in open_]
    return ready, [tuple(pack) for pack in packs if id(pack) in open_]


def _refused(attempt: Attempt) -> bool:
    """Tell whether an answer (or a fault of our own) turned down what was sent."""
    match attempt.outcome:
        case Dead():
            return True
        case Retry():
            return attempt.http_status is not None and not _asks_for_a_pause(attempt)
        case _:
            return False


def _asks_for_a_pause(attempt: Attempt) -> bool:
    """Tell whether the receiver wants fewer calls, be it that it does not say for how long: halves would be more."""
    asked = attempt.http_status == HTTPStatus.TOO_MANY_REQUESTS
    return isinstance(attempt.outcome, Retry) and (asked or attempt.outcome.after is not None)


def packer_for(settings: ReceiverConfig, *, gather: bool = True) -> Packer:
    """Build what decides which events go together to a receiver. Without ``gather``, none waits for others."""
    if settings.batch_limits is not None:
        most, wait = settings.batch_limits
        return BatchPacker(settings.name, most, wait if gather else timedelta(0))
    if settings.grouped:
        return DigestPacker(settings.name, settings.gathers_for if gather else timedelta(0))
    return IndividualPacker(settings.name)
