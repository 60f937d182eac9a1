"""What became of messages, in numbers: by command with and without a daemon, and over HTTP."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Details, Status
from bridge.server.auth import Access
from bridge.store.store import Store
from tests.world.api import TOKEN, Api
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, command, write_config
from tests.world.records import NOW, known, polled
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

MINUTE = timedelta(minutes=1)


def fill(store: Store, now: datetime) -> None:
    """Watch five messages an hour before: one was sent after 40 s, two failed, one expired, one waits."""
    begun = now - 60 * MINUTE
    store.messages.watch([1, 2, 3], begun, Details(None, {"team": "billing"}))
    store.messages.watch([4, 5], begun, Details(None, {"team": "sales"}))
    see(store, 1, Status.PENDING, begun)
    see(store, 5, Status.PENDING, begun, due_at=now)
    see(store, 1, Status.SENT, begun + timedelta(seconds=40))
    see(store, 2, Status.FAILED, begun, error="Invalid phone number")
    see(store, 3, Status.FAILED, begun, error="+49 151 is an invalid number")
    see(store, 4, Status.EXPIRED, begun)


def see(store: Store, id_: int, status: Status, at: datetime, **more: Any) -> None:
    store.record_polls([polled(known(store, id_), status, at, **more)], [])


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A folder with a configuration, and a database in which something happened."""
    config = {
        "wbiztool": {"client_id": 1, "api_key": "x", "base_url": "http://127.0.0.1:9/api"},
        "messages": [9],
        "receivers": [{"name": "crm", "webhook": "http://127.0.0.1:9/"}],
        "database": f"sqlite:///{tmp_path}/bridge.db",
    }
    write_config(tmp_path, config)
    with Store(f"sqlite:///{tmp_path}/bridge.db", exclusive=True) as store:
        fill(store, datetime.now(UTC))
    return tmp_path


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    done = command(folder, "report", *arguments)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def columns(shown: str) -> list[list[str]]:
    return [line.split() for line in shown.splitlines()]


def test_report_says_what_was_sent_what_failed_and_why(filled: Path) -> None:
    shown = columns(run(filled))
    for line in (["sent", "1"], ["failed", "2"], ["expired", "1"], ["failure", "rate", "75.0", "%"]):
        assert line in shown
    assert ["2", "invalid", "numbers"] in shown
    assert "half were sent within 41 s" in run(filled)


def test_report_has_groups(filled: Path) -> None:
    by_team = columns(run(filled, "--by", "tag.team"))
    assert ["1", "2", "0", "0", "0", "66.7", "%", "billing"] in by_team
    assert ["0", "0", "1", "0", "0", "100.0", "%", "sales"] in by_team
    assert ["2", "invalid", "numbers"] in columns(run(filled, "--by", "reason"))
    days = json.loads(run(filled, "--by", "day", "--since", "3d", "--json"))["groups"]
    assert len(days) == 4
    assert sum(day["sent"] for day in days) == 1
    hours = json.loads(run(filled, "--by", "hour", "--since", "1d", "--json"))["groups"]
    assert [hour["seconds_until_sent"] for hour in hours if hour["sent"]] == [{"messages": 1, "median": 41, "p95": 41}]


def test_report_is_a_table_for_spreadsheets(filled: Path) -> None:
    assert run(filled, "--csv").splitlines() == [
        "name,start,sent,failed,expired,cancelled,unknown,failure_percent,median_seconds,p95_seconds",
        "all,,1,2,1,0,0,75.0,41.0,41.0",
    ]
    assert run(filled, "--by", "tag.team", "--csv").splitlines()[1:] == [
        "billing,,1,2,0,0,0,66.7,,",
        "sales,,0,0,1,0,0,100.0,,",
    ]
    *_, day = run(filled, "--by", "day", "--since", "1m", "--csv", "--raw").splitlines()
    assert re.match(r"\d{4}-\d\d-\d\d,\d{4}-\d\d-\d\dT\d\d:\d\d:00.000Z,0,", day)
    assert "--csv and --json do not go together" in run(filled, "--csv", "--json", code=2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "yesterday"), "--since yesterday: not a duration"),
        (("--since", "1d", "--until", "2d"), "the period ends before it begins"),
        (("--since", "2198-01-01T00:00Z"), "the period begins in the future"),
        (("--since", "1971-01-01T00:00Z"), "the period is too long (allowed: up to 3660 days)"),
        (("--by", "hour", "--since", "100d"), "too long by hour (allowed: up to 93 days)"),
        (("--by", "days"), "--by: unknown: 'days' (did you mean `day`?)"),
        (("--by", "tag."), "--by: unknown: 'tag.'"),
        (("--by", "tag.teem"), "no message in this period has a tag `teem` (did you mean `team`?)"),
        (("--by", "number"), "no message in this period has a tag `number` (allowed: team)"),
    ],
)
def test_what_cannot_be_reported_is_a_usage_error(filled: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in run(filled, *arguments, code=2)


def test_report_of_nothing(filled: Path, tmp_path: Path) -> None:
    (filled / "bridge.db").unlink()
    Store(f"sqlite:///{tmp_path}/bridge.db", exclusive=True).close()
    assert ["sent", "0"] in columns(run(tmp_path))
    assert "No message failed." in run(tmp_path, "--by", "reason")
    assert "(none has any)" in run(tmp_path, "--by", "tag.team", code=2)


@pytest.fixture
def api(sqlite_store: Store) -> Iterator[Api]:
    fill(sqlite_store, NOW)
    with Api(sqlite_store, Access(token=TOKEN)).running() as running:
        yield running


def test_api_reports(api: Api) -> None:
    found = api.get("/v1/report", since="2026-11-23T18:00:00Z", until="2026-11-23T19:30:00Z", by="tag.team")
    assert {key: found[key] for key in ("since", "until", "by", "sent", "failed", "waiting_now", "before")} == {
        "since": "2026-11-23T18:00:00.000Z",
        "until": "2026-11-23T19:30:00.000Z",
        "by": "tags.team",
        "sent": 1,
        "failed": 2,
        "waiting_now": 1,
        "before": None,
    }
    assert found["reasons"] == [{"reason": "invalid_number", "words": "invalid numbers", "count": 2}]
    assert [(group["value"], group["sent"], group["failure_percent"]) for group in found["groups"]] == [
        ("billing", 1, 66.7),
        ("sales", 0, 100.0),
    ]
    listed = api.get("/v1/messages", reason="invalid_number")["items"]
    assert sorted(each["id"] for each in listed) == [2, 3]


def test_days_of_the_api_begin_in_the_time_zone_that_is_asked_for(api: Api) -> None:
    found = api.get("/v1/report", since="2026-11-22T18:30:00Z", by="day", timezone="Asia/Kolkata")
    assert [(day["name"], day["start"], day["failed"]) for day in found["groups"]] == [
        ("2026-11-23", "2026-11-22T18:30:00.000Z", 0),
        ("2026-11-24", "2026-11-23T18:30:00.000Z", 2),
    ]


@pytest.mark.parametrize(
    ("params", "status", "words"),
    [
        ({"since": "2026-11-23T18:00:00Z", "until": "2026-11-23T17:00:00Z"}, 409, "ends before it begins"),
        ({"by": "tag.teem"}, 404, "did you mean `team`?"),
        ({"by": "week"}, 422, "by"),
        ({"timezone": "Asia/Kolkatta"}, 409, "unknown time zone (did you mean `Asia/Kolkata`?)"),
        ({"since": "yesterday"}, 422, "since"),
        ({"per": "day"}, 422, "per"),
    ],
)
def test_api_refuses_what_cannot_be_reported(api: Api, params: dict[str, str], status: int, words: str) -> None:
    answer = api.ask("GET", "/v1/report", params=params)
    assert answer.status_code == status
    assert words in answer.text


@pytest.mark.slow
def test_running_daemon_counts_what_it_sees(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    simulator.account.put(1, Status.SENT)
    simulator.account.put(2, Status.FAILED, "Invalid phone number")
    write_config(tmp_path, bridge_config(simulator, sink, [1, 2]))

    def found() -> dict[str, Any]:
        return dict(json.loads(run(tmp_path, "--json")))

    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: (found()["sent"], found()["failed"]) == (1, 1))
        assert found()["reasons"] == [{"reason": "invalid_number", "words": "invalid number", "count": 1}]
        assert "(none has any)" in run(tmp_path, "--by", "tag.team", code=2)
    assert found()["failed"] == 1
