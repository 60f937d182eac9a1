"""Which messages a receiver hears of: conditions that must hold, and such that must not."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.matching import SEARCHED, Conditions, Match, Regex, refusal
from bridge.domain.model import Event, EventType, Status
from tests.unit.receivers.events import any_event, changed
from tests.world.clock import START

EVENT = changed(tags={"team": "billing", "country": "IN"})


def holds(event: Event = EVENT, **conditions: Any) -> bool:
    return refusal(Match(Conditions(**conditions)), event) is None


@pytest.mark.parametrize(
    ("tags", "held"),
    [
        ({"team": ("billing",)}, True),
        ({"team": ("sales", "billing")}, True),
        ({"team": ("billing",), "country": ("IN", "DE")}, True),
        ({"team": ("sales",)}, False),
        ({"team": ("billing",), "country": ("DE",)}, False),
        ({"team": ("bill*",)}, False),
        ({"floor": ("1",)}, False),
    ],
)
def test_every_tag_must_have_one_of_its_values(tags: dict[str, tuple[str, ...]], held: bool) -> None:
    assert holds(tags=tags) == held


@pytest.mark.parametrize(
    ("globs", "held"),
    [
        (("Invoice*",), True),
        (("Reminder*", "*88"), True),
        (("Invoice ??",), True),
        (("Invoice [0-9]*",), True),
        (("invoice*",), False),
        (("Invoice",), False),
    ],
)
def test_a_label_is_like_one_of_the_globs(globs: tuple[str, ...], held: bool) -> None:
    assert holds(labels=globs) == held


def test_no_glob_is_like_a_label_that_is_not_there() -> None:
    assert not holds(changed(label=None), labels=("*",))
    assert refusal(Match(none=Conditions(labels=("*",))), changed(label=None)) is None


@pytest.mark.parametrize(
    ("source", "held"),
    [("phone", True), ("^phone", False), ("(?i)PHONE number$", True), ("In.*id", True), (r"\bnumbers?\b", True)],
)
def test_an_error_is_searched_for_a_regular_expression(source: str, held: bool) -> None:
    assert holds(errors=(Regex(source),)) == held
    assert holds(errors=(Regex("nowhere"), Regex(source))) == held


def test_an_error_is_searched_no_further_than_a_page() -> None:
    assert holds(changed(error="x" * (SEARCHED - 1) + "y"), errors=(Regex("y"),))
    assert not holds(changed(error="x" * SEARCHED + "y"), errors=(Regex("y"),))


@pytest.mark.parametrize("source", ["(a+)+$", "(a|a)*$", "(.*.*.*.*.*=)", "(?:(?:a?){100}){100}$", "([a-z]+)*[0-9]"])
def test_no_expression_takes_long_whatever_the_error(source: str) -> None:
    regex = Regex(source)
    started = time.process_time()
    regex.found_in("a" * SEARCHED + "!")
    assert time.process_time() - started < 0.2, "with Python's re, these take longer than the universe"


def test_a_status_is_the_one_that_the_event_tells_of() -> None:
    assert holds(statuses=("failed",))
    assert not holds(statuses=("sent", "unknown"))
    stuck = Event("evt_a", EventType.MESSAGE_STUCK, START, "message/1", 2, {"current": {"status": "pending"}}, 1)
    assert holds(stuck, statuses=("pending",))


def test_who_is_unwanted_for_one_thing_is_unwanted() -> None:
    none = Conditions({"team": ("sales",)}, ("Invoice*",))
    why = 'match.not.label: the message has "Invoice 88" (unwanted: Invoice*)'
    assert refusal(Match(none=none), EVENT) == why
    assert refusal(Match(none=none), changed(label="Reminder")) is None
    assert refusal(Match(none=none), changed(label="Reminder", tags={"team": "sales"})) is not None


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        (Conditions({"floor": ("1", "2")}), "match.tags.floor: the message has none (wanted: 1 or 2)"),
        (Conditions(labels=("A*", "B*")), 'match.label: the message has "Invoice 88" (wanted: A* or B*)'),
        (Conditions(statuses=("sent",)), 'match.status: the message has "failed" (wanted: sent)'),
        (Conditions(errors=(Regex("^x"),)), 'match.error: the message has "Invalid phone number" (wanted: ^x)'),
    ],
)
def test_the_first_condition_that_does_not_hold_is_named(conditions: Conditions, why: str) -> None:
    assert refusal(Match(conditions), EVENT) == why


_words = st.sampled_from(["billing", "sales", "Invoice 88", "failed", "sent", ""])
_several = st.lists(_words, min_size=1, max_size=3).map(tuple)
_conditions = st.builds(
    Conditions,
    st.dictionaries(st.sampled_from(["team", "country"]), _several, max_size=2),
    st.lists(_words | st.sampled_from(["*", "I*", "[", "?"]), max_size=2).map(tuple),
    st.lists(st.sampled_from(list(Status)).map(str), max_size=2).map(tuple),
    st.lists(st.sampled_from(["phone", "^x", ".", "(?i)INVALID"]).map(Regex), max_size=2).map(tuple),
)
_events = any_event | st.builds(
    changed,
    status=st.sampled_from([Status.FAILED, Status.SENT]),
    error=st.none() | _words,
    label=st.none() | _words,
    tags=st.dictionaries(st.sampled_from(["team", "country"]), _words),
)


@pytest.mark.slow
@given(_events, _conditions, _conditions)
def test_a_match_holds_just_when_every_condition_does_and_no_unwanted_one(
    event: Event, every: Conditions, none: Conditions
) -> None:
    def each(conditions: Conditions) -> list[Conditions]:
        """Take conditions apart."""
        parts = [Conditions(tags={key: values}) for key, values in conditions.tags.items()]
        parts += [Conditions(labels=conditions.labels)] if conditions.labels else []
        parts += [Conditions(statuses=conditions.statuses)] if conditions.statuses else []
        return parts + ([Conditions(errors=conditions.errors)] if conditions.errors else [])

    wanted = all(refusal(Match(part), event) is None for part in each(every))
    unwanted = any(refusal(Match(part), event) is None for part in each(none))
    assert (refusal(Match(every, none), event) is None) == (wanted and not unwanted)


@given(_events, _conditions, _words)
def test_one_more_value_never_takes_an_event_away(event: Event, conditions: Conditions, more: str) -> None:
    if refusal(Match(conditions), event) is None:
        wider = {key: (*values, more) for key, values in conditions.tags.items()}
        assert (
            refusal(Match(Conditions(wider, conditions.labels, conditions.statuses, conditions.errors)), event) is None
        )


@given(st.text(max_size=40))
def test_any_text_is_an_expression_or_said_not_to_be(source: str) -> None:
    why = ""
    try:
        Regex(source).found_in("Invalid phone number")
    except ValueError as error:
        why = str(error) or "nothing"
    assert "\n" not in why
