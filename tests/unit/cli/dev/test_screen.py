import re
from datetime import UTC, datetime

import pytest

from bridge.cli.dev.screen import attempt_json, attempt_line
from bridge.domain.model import Attempt, EventType
from bridge.domain.outcome import Dead, Delivered, Outcome, Retry
from bridge.domain.samples import sample_event

AT = datetime(2026, 11, 23, 20, 11, 12, 345_000, tzinfo=UTC)
EVENT = sample_event(AT, EventType.SOURCE_DOWN)
FAILS = Retry("HTTP 500 Internal Server Error: the receiver's server fails")
REFUSES = Retry("localhost:3000 refuses connections")
GONE = Dead("HTTP 410 Gone: the receiver says that nothing is to be sent here any more")


def attempt(outcome: Outcome, status: int | None = None, answer: str = "") -> Attempt:
    return Attempt(AT, 0.0123, outcome, status, answer)


def behind_the_time(line: str) -> str:
    """What a line says, without its colours and its time of day."""
    return " ".join(re.sub(r"\[/?[a-z]*\]", "", line).split()[1:])


@pytest.mark.parametrize(
    ("made", "answer", "why"),
    [
        (attempt(Delivered(), 204), "204", ""),
        (attempt(FAILS, 500, "NameError: evnt"), "500", " · the receiver's server fails · NameError: evnt"),
        (attempt(FAILS, 500, "x" * 500), "500", f" · the receiver's server fails · {'x' * 200}"),
        (attempt(REFUSES), "no answer", " · localhost:3000 refuses connections"),
        (attempt(GONE, 410), "410", " · the receiver says that nothing is to be sent here any more"),
    ],
)
def test_line_says_what_the_answer_was(made: Attempt, answer: str, why: str) -> None:
    said = behind_the_time(attempt_line(EVENT, made))
    assert said == f"source.down source {answer} in 12 ms {EVENT.id} a test{why}"


@pytest.mark.parametrize(
    ("made", "outcome", "why"),
    [
        (attempt(Delivered(), 204), "delivered", None),
        (attempt(REFUSES), "failed", REFUSES.why),
        (attempt(GONE, 410), "refused", GONE.why),
    ],
)
def test_json_has_the_names_of_the_api(made: Attempt, outcome: str, why: str | None) -> None:
    assert attempt_json(EVENT, made) == {
        "at": "2026-11-23T20:11:12.345Z",
        "type": "source.down",
        "message_id": None,
        "event_id": EVENT.id,
        "test": True,
        "http_status": made.http_status,
        "seconds": 0.012,
        "outcome": outcome,
        "why": why,
        "answer": "",
    }
