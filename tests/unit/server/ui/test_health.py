"""How each part does, in words: whoever reads that something is wrong reads what to do, too."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.domain.check import Check
from bridge.domain.health import Health
from bridge.domain.numbers import Known, Number
from bridge.server.ui.health import Component, parts
from tests.world.clock import START

NAMES = ("database", "scheduler", "configuration", "source", "polling", "deliveries", "receiver/crm")
WELL = Health({name: Check() for name in NAMES})


def told(health: Health, *numbers: Known, receivers: tuple[str, ...] = ("crm",)) -> dict[str, Component]:
    return {part.name: part for part in parts(health, receivers, numbers, START)}


def ill(name: str, why: str | None = "something is wrong") -> Health:
    return Health({**WELL.checks, name: Check(ok=False, why=why)})


def test_where_all_is_well_nothing_is_advised() -> None:
    shown = told(WELL)
    assert list(shown) == ["WbizTool's API", "Receiver crm", "Polling", "Configuration", "Database", "Daemon"]
    assert all(part.ok and part.advice is None and part.why is None and part.state for part in shown.values())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "deliveries"])
@pytest.mark.parametrize("why", ["it is so", None])
def test_whatever_is_wrong_comes_with_words_and_what_to_do(name: str, why: str | None) -> None:
    (wrong,) = [part for part in told(ill(name, why)).values() if not part.ok]
    assert wrong.why
    assert wrong.why[0].isupper() or not wrong.why[0].isalpha()
    assert wrong.advice
    assert wrong.state


def test_a_check_that_this_page_has_no_words_for_is_told_all_the_same() -> None:
    shown = told(Health({**ill("report", "the report cannot be read: HTTP 500").checks, "numbers": Check()}))
    assert shown["Report"].why == "The report cannot be read: HTTP 500"
    assert shown["Report"].advice
    assert "Numbers" not in shown


def test_a_receiver_that_left_the_configuration_needs_another_advice() -> None:
    assert "wbiz-bridge test crm" in (told(ill("receiver/crm"))["Receiver crm"].advice or "")
    assert "renamed" in (told(ill("receiver/crm"), receivers=())["Receiver crm"].advice or "")


def test_a_number_counts_as_lost_when_that_was_told() -> None:
    there = Known(Number(1, "+49 151 1", connected=True), START)
    flapping = Known(Number(2, "+49 151 2", connected=False), START)
    lost = Known(Number(3, "", connected=False), START - timedelta(hours=3), reported=False)
    shown = told(WELL, there, flapping, lost)
    assert shown["Number +49 151 1"].ok
    assert shown["Number +49 151 2"].ok
    assert not shown["Number 3"].ok
    assert "disconnected for 3 h" in (shown["Number 3"].why or "")


def test_messages_that_fail_too_often_are_shown_beside_what_is_wrong() -> None:
    failing = Check(why="messages of team billing have been failing for 5 min: 24% of 50 at first")
    shown = told(Health({**WELL.checks, "messages": failing}))["Messages"]
    assert (shown.ok, shown.state) == (False, "failing")
    assert (shown.why or "").startswith("Messages of team billing have been failing")
    assert shown.advice
    assert "Messages" not in told(Health({**WELL.checks, "messages": Check()}))


def test_receiver_says_when_its_next_summary_is_due() -> None:
    due = {"crm": START + timedelta(hours=14)}
    (shown,) = (part for part in parts(WELL, ["crm"], (), START, due) if part.name == "Receiver crm")
    assert (shown.state, shown.note) == ("ok", "next summary in 14 h")
