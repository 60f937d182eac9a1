"""What `wbiz-bridge status` shows a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.cli.status import describe
from bridge.domain.check import Check
from bridge.domain.health import Health
from bridge.domain.json_views import status_json, summaries_json
from bridge.domain.model import DeliveryState, Status
from bridge.domain.summary import Summary
from tests.world.clock import START

if TYPE_CHECKING:
    import pytest

SUMMARY = Summary({Status.PENDING: 2, None: 1}, 3, None, {}, None, (), {})
WELL = Health({})


def shown(summary: Summary, capsys: pytest.CaptureFixture[str]) -> list[str]:
    describe(status_json(WELL, summary, START) | {"database": "bridge.db", "warnings": []}, START)
    *lines, database = capsys.readouterr().out.splitlines()
    assert database == "database   bridge.db"
    return lines


def test_messages_are_counted_by_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(SUMMARY, capsys) == ["all is well", "messages   1 not polled yet, 2 pending; 3 being polled"]


def test_how_late_polls_are_is_told_and_nothing_while_none_is(capsys: pytest.CaptureFixture[str]) -> None:
    late = replace(SUMMARY, oldest_due=START - timedelta(seconds=40))
    assert shown(late, capsys)[-1] == "due        the most overdue poll was due 40 s ago"
    assert len(shown(replace(SUMMARY, oldest_due=START + timedelta(seconds=40)), capsys)) == 2


def test_messages_that_fail_too_often_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    health = Health({"messages": Check(why="messages of team billing have been failing for 5 min")})
    describe(status_json(health, SUMMARY, START) | {"database": "bridge.db", "warnings": []}, START)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["the bridge works, but:", "  - messages of team billing have been failing for 5 min"]


def test_open_incidents_come_before_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(replace(SUMMARY, open_incidents=4, acknowledged_incidents=1), capsys)
    assert lines[0] == "the bridge works; 4 incidents are open (`wbiz-bridge incidents`)"
    assert "incidents  1 acknowledged, 4 open: see `wbiz-bridge incidents`, `wbiz-bridge ack`" in lines
    assert shown(replace(SUMMARY, open_incidents=1), capsys)[0].startswith("the bridge works; 1 incident is open")
    assert shown(replace(SUMMARY, acknowledged_incidents=1), capsys)[0] == "all is well"


def test_what_was_dropped_is_not_sent_as_everywhere_else(capsys: pytest.CaptureFixture[str]) -> None:
    deliveries = {"ops": {DeliveryState.DROPPED: 2, DeliveryState.DELIVERED: 1}}
    lines = shown(replace(SUMMARY, deliveries=deliveries), capsys)
    assert "receiver   ops: 1 delivered, 2 not sent (not in the configuration)" in lines


def test_next_summary_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    due = {"ops": START + timedelta(hours=14), "boss": START - timedelta(seconds=1)}
    status = status_json(WELL, SUMMARY, START) | {"database": "", "warnings": [], "summaries": summaries_json(due)}
    describe(status, START)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:-1] == ["summary    boss: due now", "summary    ops: next in 14 h"]
