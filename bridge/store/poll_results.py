"""What polls found, written to the table ``messages``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.domain.model import EventType
from bridge.domain.reasons import reason_of
from bridge.store.due_messages import IS_WATCHED
from bridge.store.tables import messages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.domain.model import Message
    from bridge.domain.transition_detector import Verdict


@dataclass(frozen=True, slots=True)
class PollResult:
    """One poll to be recorded: the message as it was, what follows, when it was polled and is due again.

    ``verdict`` is None where the poll brought no observation: then only the times change.
    """

    message: Message
    verdict: Verdict | None
    at: datetime
    due_at: datetime | None


def record(connection: sa.Connection, polls: Sequence[PollResult], holder: int | None) -> list[PollResult]:
    """Write what polls found, within a transaction; return those whose transition is new.

    A message whose ``sequence`` has moved on since it was read was recorded by somebody else: it is left alone, so
    that a transition is never reported twice. One that is another node's by now is, too: that one polls it again.

    Args:
        connection: The transaction's.
        polls: What they found.
        holder: This node's number.
    """
    mine = {"me": holder}
    quiet = [poll for poll in polls if poll.verdict is None or poll.verdict.event is None]
    if quiet:
        connection.execute(_QUIET, [_parameters(poll) | mine for poll in quiet])
    moved = (poll for poll in polls if poll.verdict is not None and poll.verdict.event is not None)
    return [poll for poll in moved if connection.execute(_MOVED, _parameters(poll) | mine).rowcount]


_AS_READ = (
    (messages.c.id == sa.bindparam("message"))
    & (messages.c.sequence == sa.bindparam("known_sequence"))
    & messages.c.holder.is_not_distinct_from(sa.bindparam("me", type_=sa.BigInteger))
)
_NEXT_DUE = sa.bindparam("next_due", type_=messages.c.due_at.type)
_HINTED_MEANWHILE = messages.c.hinted_at.is_distinct_from(sa.bindparam("known_hint", type_=messages.c.due_at.type))
_POKED_MEANWHILE = messages.c.due_at > sa.bindparam("known_due", type_=messages.c.due_at.type)
_SOONER = _NEXT_DUE.is_(None) | (messages.c.due_at < _NEXT_DUE)
_TIMES: dict[str, Any] = {
    "holder": None,
    "polled_at": sa.bindparam("at"),
    # Meanwhile, somebody may have unwatched it or asked for a poll, and the report may have shown a change.
    "due_at": sa.case(
        (~IS_WATCHED, None),
        (_POKED_MEANWHILE & _SOONER, messages.c.due_at),
        (_NEXT_DUE.is_(None), None),
        (_HINTED_MEANWHILE & (messages.c.due_at < _NEXT_DUE), messages.c.due_at),
        else_=_NEXT_DUE,
    ),
    "seen": messages.c.seen + sa.bindparam("new_seen", type_=sa.Integer),
    "unknown_since": sa.bindparam("unknown"),
    "unread_since": sa.bindparam("new_unread_since"),
    "unread_why": sa.bindparam("new_unread_why"),
    "unread_told": sa.bindparam("new_unread_told"),
}
_QUIET = sa.update(messages).where(_AS_READ).values(_TIMES)
_MOVED = (
    sa.update(messages)
    .where(_AS_READ)
    .values(
        **_TIMES,
        status=sa.bindparam("new_status"),
        since=sa.bindparam("new_since"),
        error=sa.bindparam("new_error"),
        reason=sa.bindparam("new_reason"),
        stuck=sa.bindparam("told_stuck"),
        sequence=messages.c.sequence + 1,
    )
)


def _parameters(poll: PollResult) -> dict[str, Any]:
    message, verdict = poll.message, poll.verdict
    parameters: dict[str, Any] = {
        "message": message.id,
        "known_sequence": message.sequence,
        "at": poll.at,
        "next_due": poll.due_at,
        "unknown": message.unknown_since if verdict is None else verdict.unknown_since,
        "known_hint": message.hinted_at,
        "known_due": message.due_at,
        "new_seen": int(verdict is not None and verdict.unread is None),
    }
    unread = message.unread if verdict is None else verdict.unread
    parameters |= {
        "new_unread_since": unread and unread.since,
        "new_unread_why": unread and unread.why,
        "new_unread_told": unread is not None and unread.reported,
    }
    if verdict is not None and verdict.event is not None:
        state = verdict.state
        parameters |= {"new_status": state and str(state.status), "new_since": state and state.since}
        parameters |= {"new_error": state and state.error, "told_stuck": verdict.stuck}
        failed = verdict.event is EventType.MESSAGE_FAILED
        parameters["new_reason"] = reason_of((state and state.error) or "").key if failed else None
    return parameters
