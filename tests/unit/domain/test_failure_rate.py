"""When messages are told to fail too often, and to have recovered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.event_data import RateData, ReasonCount
from bridge.domain.failure_rate import (
    MOST_GROUPS,
    Alert,
    Counts,
    Failing,
    Group,
    Known,
    failing_groups,
    judge,
    look,
    next_digest,
    read,
    shifted,
    tag_of,
    written,
)
from bridge.domain.model import EventType
from bridge.domain.rate_window import SLICES, Final, Window
from tests.world.clock import START

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bridge.domain.events import HealthChange

MINUTE = timedelta(minutes=1)
ALERT = Alert(Decimal(20), of=50, within=15 * MINUTE)
FAILING = Failing(START, Counts(50, 10))


@dataclass
class Seen:
    """Counts as a test says."""

    found: Mapping[str | None, Counts]
    why: Sequence[tuple[str | None, int]] = ()
    asked: list[str | None] = field(default_factory=list)

    def counts(self, at: datetime) -> Mapping[str | None, Counts]:  # noqa: ARG002 -- as a Window has it
        return self.found

    def reasons(self, value: str | None, at: datetime) -> Sequence[tuple[str | None, int]]:  # noqa: ARG002
        self.asked.append(value)
        return self.why


def told(changes: Sequence[HealthChange]) -> list[tuple[EventType, str]]:
    return [(change.type, change.subject) for change in changes]


@pytest.mark.parametrize(
    ("finals", "failed", "fails"),
    [(50, 10, True), (50, 9, False), (49, 49, False), (1000, 199, False), (1000, 200, True), (0, 0, False)],
)
def test_a_group_fails_from_its_share_on_where_there_are_enough(finals: int, failed: int, *, fails: bool) -> None:
    assert (judge(ALERT, Counts(finals, failed), None, START) is not None) == fails


def test_shares_are_exact() -> None:
    alert = Alert(Decimal("0.1"), of=1, within=MINUTE)
    assert judge(alert, Counts(3000, 3), None, START) is not None
    assert judge(alert, Counts(3001, 3), None, START) is None


def test_recovered_is_what_stays_below_half_for_the_alerts_time() -> None:
    calm, low, at = Counts(100, 9), Counts(100, 10), START
    known = judge(ALERT, calm, FAILING, at)
    assert known == Failing(START, FAILING.counts, calm_since=at)
    known = judge(ALERT, calm, known, at + 14 * MINUTE)
    assert known is not None, "too soon"
    assert judge(ALERT, low, known, at + 14 * MINUTE) == FAILING, "half of it is not below half of it"
    assert judge(ALERT, calm, known, at + 15 * MINUTE) is None


def test_no_traffic_is_calm_and_few_messages_are_enough_to_recover() -> None:
    known = judge(ALERT, Counts(), FAILING, START)
    assert known is not None
    assert judge(ALERT, Counts(3, 0), known, START + ALERT.within) is None


def test_the_event_tells_how_many_whose_and_why() -> None:
    by_team = Alert(Decimal(20), of=50, within=15 * MINUTE, by="tags.team")
    why = [("Invalid phone number", 8), (None, 2), *((f"reason {n}", 1) for n in range(9))]
    seen = Seen({"billing": Counts(50, 12), "sales": Counts(900, 0), None: Counts(60, 1)}, why)
    known, (change,) = look({}, [(by_team, seen)], START)
    assert (change.type, change.subject) == (EventType.ACCOUNT_FAILING, "account/tags.team=billing")
    assert change.data == RateData(
        by="tags.team",
        group="billing",
        failed=12,
        of=50,
        share=24.0,
        within_seconds=900,
        since="2026-11-23T20:11:12.345Z",
        reasons=tuple(ReasonCount(reason=reason, count=count) for reason, count in why[:5]),
    )
    assert list(known) == [Group("tags.team", "billing")]
    assert seen.asked == ["billing"], "reasons are counted for what is told only"
    known, none = look(known, [(by_team, Seen({}))], START + MINUTE)
    assert none == []
    assert look(known, [(by_team, Seen({}))], START + 15 * MINUTE)[1] == [], "calm for fourteen minutes"
    known, (change,) = look(known, [(by_team, Seen({}))], START + 16 * MINUTE)
    assert known == {}
    assert change.type is EventType.ACCOUNT_RECOVERED
    assert isinstance(change.data, RateData)
    assert change.data.failing_since == "2026-11-23T20:11:12.345Z"
    assert change.data.since == "2026-11-23T20:12:12.345Z"
    assert (change.data.of, change.data.share) == (0, 0.0)


@pytest.mark.parametrize(
    ("alert", "value", "subject"),
    [
        (Alert(Decimal(1), 1, MINUTE), None, "account"),
        (Alert(Decimal(1), 1, MINUTE, "tags.team"), None, "account/tags.team"),
        (Alert(Decimal(1), 1, MINUTE, "tags.team"), "a=b/c", "account/tags.team=a=b/c"),
    ],
)
def test_each_group_has_a_subject_of_its_own(alert: Alert, value: str | None, subject: str) -> None:
    _, changes = look({}, [(alert, Seen({value: Counts(1, 1)}))], START)
    assert told(changes) == [(EventType.ACCOUNT_FAILING, subject)]


def test_groups_of_an_alert_that_is_gone_are_forgotten_without_a_word() -> None:
    team, shop = (Alert(Decimal(1), 1, MINUTE, by) for by in ("tags.team", "tags.shop"))
    known = {Group("tags.team", "billing"): FAILING, Group("tags.shop", "1"): FAILING, Group(): FAILING}
    after, changes = look(known, [(team, Seen({})), (shop, Seen({}))], START)
    assert (list(after), changes) == ([Group("tags.team", "billing"), Group("tags.shop", "1")], [])
    assert look(known, [], START) == ({}, [])


def test_changed_thresholds_judge_what_fails_already() -> None:
    known: Known = {Group(): Failing(START, Counts(50, 12), calm_since=START)}
    stricter = Alert(Decimal(2), of=50, within=15 * MINUTE)
    after, changes = look(known, [(stricter, Seen({None: Counts(100, 2)}))], START + 20 * MINUTE)
    assert (after, changes) == ({Group(): Failing(START, Counts(50, 12))}, [])


def test_no_more_groups_fail_at_once_than_are_bounded() -> None:
    alert = Alert(Decimal(1), 1, MINUTE, "tags.customer")
    many: dict[str | None, Counts] = {str(number): Counts(1, 1) for number in range(MOST_GROUPS + 20)}
    known, changes = look({}, [(alert, Seen(many))], START)
    assert len(known) == len(changes) == MOST_GROUPS
    again, changes = look(known, [(alert, Seen(many))], START)
    assert (again, changes) == (known, [])
    del known[Group("tags.customer", "3")]
    _, changes = look(known, [(alert, Seen({**many, "3": Counts()}))], START)
    assert told(changes) == [(EventType.ACCOUNT_FAILING, f"account/tags.customer={MOST_GROUPS}")]


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 80), st.integers(0, 100)), max_size=60))
def test_failing_and_recovered_take_turns_and_never_flap(steps: list[tuple[int, int, int]]) -> None:
    """Whatever is counted, and whenever somebody looks."""
    known: Known = {}
    at, events = START, []
    for seconds, finals, percent in steps:
        at += timedelta(seconds=10 * seconds)
        counts = Counts(finals, finals * percent // 100)
        known, changes = look(known, [(ALERT, Seen({None: counts}))], at)
        known = read(written(known))  # as between two looks
        events += [(at, change.type) for change in changes]
    types = [type_ for _, type_ in events]
    assert types == [EventType.ACCOUNT_FAILING, EventType.ACCOUNT_RECOVERED] * (len(types) // 2) + types[-1:] * (
        len(types) % 2
    )
    assert types[:1] in ([], [EventType.ACCOUNT_FAILING])
    for (before, type_), (after, _) in pairwise(events):
        assert type_ is EventType.ACCOUNT_RECOVERED or after - before >= ALERT.within


def test_the_fact_survives_and_one_that_is_damaged_says_nothing() -> None:
    known = {Group("tags.team", "ä"): FAILING, Group(): Failing(START, Counts(1, 1), START + MINUTE)}
    assert read(written(known)) == known
    hour = timedelta(hours=1)
    assert read(shifted(written(known), hour)) == {
        Group("tags.team", "ä"): Failing(START + hour, FAILING.counts),
        Group(): Failing(START + hour, Counts(1, 1), START + hour + MINUTE),
    }
    damaged: list[Any] = [None, "", "{", "[1]", "{}", '[{"by": 1}]', '[{"by": null, "value": [], "since": 5}]', '"x"']
    assert [read(fact) for fact in damaged] == [{}] * len(damaged)


@pytest.mark.parametrize(
    ("tags", "groups"),
    [
        ({"team": "billing"}, [Group(), Group("tags.team", "billing")]),
        ({"team": "sales"}, [Group()]),
        ({}, [Group(), Group("tags.team")]),
    ],
)
def test_a_message_belongs_to_all_and_to_the_group_of_its_tag(tags: dict[str, str], groups: list[Group]) -> None:
    known = {Group(): FAILING, Group("tags.team", "billing"): FAILING, Group("tags.team"): FAILING}
    assert [group for group, _ in failing_groups(known, tags)] == groups


@given(st.integers(-100, 100_000), st.integers(1, 5000))
def test_the_next_digest_is_always_later_and_never_more_than_one_interval(passed: int, every: int) -> None:
    at, interval = START + timedelta(seconds=passed), timedelta(seconds=every)
    due = next_digest(START, interval, at)
    assert due > at
    assert (due - START) % interval == timedelta(0)
    assert due - max(at, START) <= interval


# The window


def final(seconds: float, status: str = "failed", error: str | None = "x", **tags: str) -> Final:
    return Final(1, START + timedelta(seconds=seconds), status, tags, error)


def test_the_window_counts_final_statuses_and_their_reasons() -> None:
    window = Window(ALERT)
    for each in (final(0), final(1, error="y"), final(2), final(3, "expired", None), final(3, error=None)):
        window.add(each)
    for status in ("sent", "cancelled"):
        window.add(final(4, status, None))
    at = START + MINUTE
    assert window.counts(at) == {None: Counts(7, 5)}
    assert window.reasons(None, at) == [("x", 2), ("y", 1), ("expired", 1), (None, 1)]
    assert window.reasons("nobody", at) == []


def test_each_value_of_the_tag_is_counted_by_itself() -> None:
    window = Window(Alert(Decimal(1), 1, MINUTE, "tags.team"))
    for each in (final(0, team="a"), final(0, "sent", team="a"), final(0, team="b"), final(0, shop="a")):
        window.add(each)
    assert window.counts(START) == {"a": Counts(2, 1), "b": Counts(1, 1), None: Counts(1, 1)}
    assert tag_of("tags.a.b", {"a.b": "x"}) == "x", "a name may have full stops"


@given(st.lists(st.floats(-2000, 2000), max_size=40), st.floats(0, 1000))
def test_the_window_counts_all_but_a_slice_of_the_alerts_time_and_nothing_older(ages: list[float], now: float) -> None:
    window, within = Window(ALERT), ALERT.within.total_seconds()
    at = START + timedelta(seconds=now)
    window.counts(START)
    for age in ages:
        window.add(final(now - age))
    counted = window.counts(at).get(None, Counts()).finals
    assert counted <= sum(-within / SLICES <= age <= within for age in ages)
    assert counted >= sum(0 <= age < within * (1 - 1 / SLICES) - 0.001 for age in ages)


def test_what_lies_ahead_counts_when_its_time_has_come() -> None:
    """The clock was set back by an hour."""
    window = Window(ALERT)
    window.add(final(3600))
    assert window.counts(START) == {}
    assert window.counts(START + timedelta(hours=1)) == {None: Counts(1, 1)}
    assert window.counts(START + timedelta(hours=2)) == {}


def test_the_memory_of_a_window_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.domain.rate_window.MOST_VALUES", 3)
    monkeypatch.setattr("bridge.domain.rate_window.MOST_REASONS_COUNTED", 2)
    window = Window(Alert(Decimal(1), 1, 60 * MINUTE, "tags.customer"))
    for number in range(9):
        window.add(final(0, error="y" * 999 if number else "x", customer=str(number)))
        window.add(final(0, error=f"reason {number}", customer="0"))
    assert {value: counts.failed for value, counts in window.counts(START).items()} == {"0": 10, "1": 1, "2": 1}
    assert len(window.reasons("0", START)) == 2
    assert [len(reason or "") for reason, _ in window.reasons("1", START)] == [300]
    window.add(final(120, customer="9"))
    assert "9" in window.counts(START + 2 * MINUTE), "each slice begins anew"
