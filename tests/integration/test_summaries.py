"""Summaries: what they say, by a clock that tests set; and the real daemon, once, however it was interrupted."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from bridge.daemon import daemon
from bridge.daemon.housekeeping import follow_clock
from bridge.daemon.summary_watch import SummaryWatch
from bridge.domain.clock import SystemClock, isoformat
from bridge.domain.model import DeliveryState, Details, Event, EventType, Status
from bridge.domain.mute import Mute
from bridge.domain.numbers import Number
from bridge.domain.outcome import Dead
from bridge.domain.routing import Routes, Subscription
from bridge.domain.summary_marks import SUMMARIES, DueSummary, Mark, written
from bridge.domain.summary_schedule import SummaryRule, done, due_summary
from bridge.receivers.slack.config import SlackReceiverConfig
from bridge.receivers.summary import sentence_of
from bridge.simulator.slack import Slack
from bridge.store.event_log import EventLog
from bridge.store.store import Store
from tests.world import dispatching, listed
from tests.world.clock import FakeClock
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, command, write_config
from tests.world.heard import Heard
from tests.world.nodes import leases
from tests.world.records import due, fail_some, known, observe, polled, tried
from tests.world.slack import bot
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

KOLKATA = ZoneInfo("Asia/Kolkata")
NINE = datetime(2026, 11, 23, 9, 0, tzinfo=KOLKATA).astimezone(UTC)
"""A Monday."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPS = Subscription("ops", ("message.failed",), summary=True)
CRM = Subscription("crm", ("*",))


class World:
    """A bridge whose ops get a summary at nine, which looks when it is told to."""

    def __init__(self, store: Store, start: datetime = NINE - 18 * HOUR, **more: Any) -> None:
        self.store = store
        self.clock = FakeClock(start)
        self.rules = {"ops": SummaryRule(time(9), KOLKATA, **more)}
        self.routes = Routes((OPS, CRM))
        self.heard = Heard()
        self.watch = self.watcher()
        self.watch.look(self.rules)

    def watcher(self) -> SummaryWatch:
        """Another node, or the same after a restart."""
        return SummaryWatch(self.store, routes=self.routes, clock=self.clock, listener=self.heard)

    def at(self, moment: datetime) -> list[Event]:
        """Let time pass until then, look twice, and return what was told."""
        self.clock.advance((moment - self.clock.now()).total_seconds())
        self.heard.events.clear()
        for _ in range(2):
            self.watch.look(self.rules)
        return list(self.heard.events)

    def one(self, moment: datetime = NINE) -> Event:
        """The one summary of then."""
        (event,) = self.at(moment)
        assert event.type is EventType.SUMMARY
        return event

    def end(self, id_: int, status: Status, at: datetime) -> None:
        """Let a message that waited for a minute come to have a status."""
        self.store.messages.watch([id_], at - timedelta(minutes=1), Details(f"Invoice {id_}"))
        observe(self.store, id_, Status.PENDING, at - timedelta(seconds=50), to=())
        error = "Invalid phone number" if status is Status.FAILED else None
        self.store.record_polls([polled(known(self.store, id_), status, at, error=error)], self.routes.subscriptions)


def test_summary_says_what_happened_to_its_receiver_alone(store: Store) -> None:
    world = World(store, NINE - 3 * DAY)
    world.end(1, Status.SENT, NINE - 50 * HOUR)
    world.end(3, Status.SENT, NINE - 40 * HOUR)
    world.end(2, Status.FAILED, NINE - 39 * HOUR)
    world.at(NINE - DAY)
    for id_, status in ((11, Status.SENT), (12, Status.SENT), (13, Status.SENT), (14, Status.FAILED)):
        world.end(id_, status, NINE - 5 * HOUR)
    store.messages.watch([15, 16], NINE - 2 * HOUR)
    store.messages.watch([17], NINE - 2 * HOUR, Details(expected_at=NINE + HOUR))
    observe(store, 15, Status.PENDING, NINE - HOUR, to=())
    lost = [Number(7, "+4915112345678", connected=False), Number(8, "", connected=True)]
    for at in (NINE - 2 * HOUR, NINE - HOUR):
        store.health_events.record_numbers(lost, at, timedelta(0), NINE + HOUR, ())
    (delivery,) = [each for each in due(store, NINE, receiver="ops") if each.event.message_id == 14]
    tried(store, delivery, Dead("gone"), NINE - HOUR)

    event = world.one()
    data = {key: value for key, value in event.json.items() if key not in {"slowest", "before"}}
    assert data == {
        "receiver": "ops",
        "period": "Since yesterday 09:00",
        "since": "2026-11-22T03:30:00.000Z",
        "until": "2026-11-23T03:30:00.000Z",
        "due": "2026-11-23T03:30:00.000Z",
        "late": False,
        "timezone": "Asia/Kolkata",
        "sent": 3,
        "failed": 1,
        "expired": 0,
        "cancelled": 0,
        "unknown": 0,
        "failure_share": 25.0,
        "waiting": 2,
        "reasons": [{"reason": "invalid_number", "count": 1}],
        "median_wait_seconds": 59,
        "p95_wait_seconds": 59,
        "numbers": [{"number": "+4915112345678", "connected": False}],
        "dead_letters": 1,
        "sequence": 2,
    }
    assert event.json["before"]["failed"] == 1
    assert event.json["before"]["failure_share"] == 50.0
    assert event.json["slowest"] == [
        {"message_id": id_, "label": f"Invoice {id_}", "waited_seconds": 60} for id_ in (11, 12, 13)
    ]
    assert sentence_of(event) == (
        "📋 Since yesterday 09:00: 3 messages sent, 1 failed (25%, the day before 50%): 1 invalid number · "
        "+4915112345678 is disconnected · 1 dead letter · half within 59 s · 2 still waiting"
    )
    told = [(each.receiver, each.event.sequence) for each in listed.deliveries(store) if each.event.id == event.id]
    assert told == [("ops", 2)], "whatever events it asked for, and nobody else"


def test_sign_of_life_is_sent_where_nothing_happened(store: Store) -> None:
    world = World(store)
    event = world.one()
    assert sentence_of(event) == "☀️ Since yesterday 15:00: all well, no message sent"
    assert world.at(NINE + DAY - timedelta(seconds=1)) == []
    assert sentence_of(world.one(NINE + DAY)) == "☀️ Since yesterday 09:00: all well, no message sent"


def test_late_summary_says_which_time_it_covers(store: Store) -> None:
    """Of three that were missed, one is sent, over the whole time."""
    world = World(store, NINE - HOUR)
    world.end(1, Status.SENT, NINE + DAY)
    event = world.one(NINE + 2 * DAY + 4 * HOUR)
    assert sentence_of(event).startswith("☀️ 23 Nov 08:00 to 25 Nov 09:00: all well, 1 message sent")
    assert event.json["late"] is True
    assert world.at(NINE + 3 * DAY - HOUR) == []
    assert world.one(NINE + 3 * DAY).json["since"] == event.json["until"]


def test_friday_to_monday_is_one_time(store: Store) -> None:
    world = World(store, NINE - 3 * DAY, days=frozenset(range(5)))
    assert world.at(NINE - 2 * DAY) == []
    assert world.one().json["period"] == "Since Friday 09:00"


def test_nothing_is_lost_or_told_twice_where_the_end_was_cut_off(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(store)
    world.end(1, Status.FAILED, NINE - HOUR)
    before = store.fact(SUMMARIES)

    def cut_off(*_: object) -> None:
        raise RuntimeError("as a power cut would, before the commit")

    with monkeypatch.context() as patch:
        patch.setattr(EventLog, "note_queued", cut_off)
        with pytest.raises(RuntimeError):
            world.at(NINE)
    assert store.fact(SUMMARIES) == before
    assert [each.event.type for each in listed.deliveries(store)] == [EventType.MESSAGE_FAILED] * 2
    world.watch = world.watcher()
    assert world.one(NINE + timedelta(minutes=1)).json["failed"] == 1
    world.watch = world.watcher()
    assert world.at(NINE + HOUR) == []


def test_what_is_recorded_late_counts_for_the_next_one(store: Store) -> None:
    """A poll that saw it before nine is recorded after the summary of nine; and so is what a clock set back sees."""
    world = World(store)
    assert world.one().json["sent"] == 0
    world.end(1, Status.SENT, NINE - timedelta(seconds=1))
    world.end(2, Status.SENT, NINE - 3 * HOUR)
    assert world.one(NINE + DAY).json["sent"] == 2


@pytest.mark.slow
def test_each_message_is_in_one_summary_while_others_are_recorded(own_store: Store, database_url: str) -> None:
    """What is recorded is of the last quarter of an hour, or earlier, while one is summed up after the other."""
    many, slots = 120, 40
    world = World(own_store, NINE)
    own_store.messages.watch(range(1, many + 1), NINE - DAY)
    polls = [
        polled(known(own_store, id_), Status.SENT, NINE + (id_ * slots // many - id_ % 3) * timedelta(minutes=15))
        for id_ in range(1, many + 1)
    ]

    def record(part: int) -> None:
        with Store(database_url) as other:
            for poll in polls[part::4]:
                other.record_polls([poll], world.routes.subscriptions)

    writers = [threading.Thread(target=record, args=(part,)) for part in range(4)]
    for writer in writers:
        writer.start()
    found, rule = [], world.rules["ops"]
    for slot in range(1, slots + 30):
        since = own_store.summary_events.marks()["ops"].until
        until = NINE + slot * timedelta(minutes=15)
        wanted = DueSummary("ops", since, until, until)
        found.append(own_store.summary_events.record(wanted, done(wanted, rule), KOLKATA, until, [OPS]))
        if slot == slots:
            for writer in writers:
                writer.join()
    assert sum(each.json["sent"] for each in found if each is not None) == many
    assert len(found) == slots + 29


def test_clock_that_is_set_brings_it_once_and_counts_each_message_once(store: Store) -> None:
    """Back by two hours after it was made, and forward over the next one."""
    world = World(store)
    assert world.one().json["sent"] == 0
    world.clock.jump_wall(-2 * HOUR)
    assert follow_clock(world.clock, store)
    world.end(1, Status.SENT, world.clock.now())
    assert world.at(NINE) == []
    world.end(2, Status.SENT, NINE + HOUR)
    assert world.at(NINE + 22 * HOUR) == []
    world.clock.jump_wall(4 * HOUR)
    assert follow_clock(world.clock, store)
    event = world.one(NINE + 26 * HOUR)
    assert (event.json["sent"], event.json["late"]) == (2, True)
    assert event.json["until"] == isoformat(NINE + DAY)


@pytest.mark.slow
@pytest.mark.postgres
def test_of_two_nodes_one_makes_it(postgres_url: str) -> None:
    with Store(postgres_url, node=True) as one, Store(postgres_url, node=True) as other:
        world = World(one)
        other_watch = SummaryWatch(other, routes=world.routes, clock=world.clock, listener=world.heard)
        world.clock.advance((NINE - world.clock.now()).total_seconds())
        mark, rule = one.summary_events.marks()["ops"], world.rules["ops"]
        wanted = due_summary("ops", mark, rule, NINE)
        assert wanted is not None
        for watch in (world.watch, other_watch):
            watch.look(world.rules)
        assert len(world.heard.events) == 1
        late = other.summary_events.record(wanted, done(wanted, rule), KOLKATA, NINE, [OPS])
        assert late is None, "one that saw what was due before"


def test_damaged_fact_begins_anew(store: Store) -> None:
    world = World(store)
    store.set_fact(SUMMARIES, '{"ops": {"until": "yesterday"}}')
    world.end(1, Status.SENT, NINE - HOUR)
    assert world.at(NINE) == []
    assert world.one(NINE + DAY).json["period"] == "Since yesterday 09:00"


def test_slack_gets_a_post_of_its_own_for_it_even_after_a_mute(store: Store, sink: Sink) -> None:
    world = World(store)
    settings = SlackReceiverConfig.model_validate({"name": "ops", "slack": sink.url, "group": {"wait": "0s"}})
    bench = dispatching.Bench(store, settings, world.clock)
    store.mutes.mute(Mute("ops", world.clock.now(), NINE + 2 * DAY))
    for day in range(2):
        fail_some(store, [10 + day, 20 + day], NINE + day * DAY - HOUR, to=["ops"])
        world.one(NINE + day * DAY)
        bench.work()
    assert sink.records() == []
    world.clock.advance(DAY.total_seconds())
    for _ in range(4):
        bench.work()
    texts = [json.loads(record.body)["text"].replace("\N{WORD JOINER}", "") for record in sink.records()]
    assert [text[:40].split(":")[0] for text in texts] == [
        "❌ 4 WhatsApp messages failed",
        "📋 Since yesterday 15",
        "📋 Since yesterday 09",
    ]
    assert {each.state for each in listed.deliveries(store)} == {DeliveryState.DELIVERED}


def in_another_time(folder: Path, lease: float = 30.0) -> None:
    """Let a daemon's clock, which nobody has set, be as far ahead as a file says, and let it look often."""

    def ahead(_: object) -> timedelta:
        return timedelta(seconds=float((folder / "ahead").read_text()))

    now = SystemClock.now
    SystemClock.now = lambda self: now(self) + ahead(self)  # type: ignore[method-assign] # in a process of its own
    SystemClock.wall = SystemClock.now  # type: ignore[method-assign] # as above
    daemon.WATCH_EVERY = timedelta(seconds=0.2)
    leases(lease)()


class Time:
    """The time of daemons that read it from a file."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ahead"

    def set(self, moment: datetime) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(str((moment - datetime.now(UTC)).total_seconds()))
        new.rename(self._file)


def fact(folder: Path) -> str:
    """What a daemon knows of its summaries."""
    with closing(sqlite3.connect(folder / "bridge.db")) as connection:
        (value,) = connection.execute("SELECT value FROM meta WHERE key = 'summaries'").fetchone()
        return str(value)


def summaries(sink: Sink) -> list[dict[str, Any]]:
    """What a program got of summaries, each once."""
    bodies = [json.loads(record.body) for record in sink.records()]
    return list({each["id"]: each for each in bodies if each["type"] == "summary"}.values())


_SUMMARY = {"at": "09:00", "timezone": "Asia/Kolkata"}


@pytest.mark.slow
def test_daemon_sends_it_on_time_and_late_after_a_crash(simulator: Simulator, sink: Sink, tmp_path: Path) -> None:
    """The morning, then SIGKILL, a weekend without a daemon, and a reload to another time of day."""
    simulator.account.put(1)
    receivers = [webhook(sink, "ops", summary=_SUMMARY, events=["source.*"]), webhook(sink, "crm", events=["source.*"])]
    config = bridge_config(simulator, receivers, [1], poll={"every": "250ms"})
    write_config(tmp_path, config)
    time_ = Time(tmp_path)
    time_.set(NINE - timedelta(minutes=20))
    with Daemon(tmp_path, first=partial(in_another_time, tmp_path)) as first:
        first.wait_until_ready()
        simulator.account.put(1, Status.FAILED, "Invalid phone number")
        until(lambda: '"message.failed"' in first.log())
        assert summaries(sink) == []
        time_.set(NINE + timedelta(seconds=1))
        until(lambda: len(summaries(sink)) == 1)
        first.kill()
    (morning,) = summaries(sink)
    assert (morning["data"]["failed"], morning["data"]["late"]) == (1, False)

    time_.set(NINE + 3 * DAY + HOUR)
    with Daemon(tmp_path, first=partial(in_another_time, tmp_path)) as second:
        second.wait_until_ready()
        until(lambda: len(summaries(sink)) == 2)
        shown = json.loads(command(tmp_path, "status", "--json").stdout)
        assert shown["summaries"] == {"ops": {"next_due": "2026-11-27T03:30:00.000Z"}}
        assert "summary    ops: " in command(tmp_path, "status").stdout
        receivers[0]["summary"] = {"at": "08:00", "timezone": "Asia/Kolkata"}
        write_config(tmp_path, bridge_config(simulator, receivers, [1], poll={"every": "250ms"}))
        until(lambda: "08:00" in fact(tmp_path), 40)
        time_.set(NINE + 3 * DAY + 23 * HOUR)
        until(lambda: len(summaries(sink)) == 3)
        assert second.stop()[0] == 0
    late, other = (each["data"] for each in summaries(sink)[1:])
    assert (late["late"], late["since"], late["until"]) == (
        True,
        morning["data"]["until"],
        "2026-11-26T03:30:00.000Z",
    )
    assert (other["since"], other["until"]) == (late["until"], "2026-11-27T02:30:00.000Z")
    assert all("crm" not in json.dumps(each) for each in summaries(sink))


@pytest.mark.slow
def test_bot_posts_each_summary_anew(simulator: Simulator, tmp_path: Path) -> None:
    """A reply under yesterday's would not be seen."""
    simulator.account.put(1)
    time_ = Time(tmp_path)
    time_.set(NINE - timedelta(minutes=20))
    with Slack() as slack:
        boss = bot(slack, "boss", summary=_SUMMARY, events=["summary"])
        write_config(tmp_path, bridge_config(simulator, [boss], [1]))
        with Daemon(tmp_path, first=partial(in_another_time, tmp_path)) as running:
            running.wait_until_ready()
            for day in range(2):
                time_.set(NINE + day * DAY + timedelta(seconds=1))
                until(lambda day=day: len(slack.posts) == day + 1)  # type: ignore[misc]
    assert [post.thread_ts for post in slack.posts] == [None, None]
    assert [post.content["text"].split(":")[0] for post in slack.posts][1:] == ["☀️ Since yesterday 09"]


def test_single_pass_by_cron_makes_what_was_missed_and_delivers_it(
    simulator: Simulator, sink: Sink, tmp_path: Path
) -> None:
    simulator.account.put(1, Status.FAILED, "Invalid phone number")
    write_config(tmp_path, bridge_config(simulator, [webhook(sink, "ops", summary=_SUMMARY)], [1]))
    assert command(tmp_path, "poll").returncode == 0
    assert summaries(sink) == []
    with Store(f"sqlite:///{tmp_path}/bridge.db") as store:
        mark = store.summary_events.marks()["ops"]
        earlier = {"ops": Mark(mark.until - 2 * DAY, mark.after - 2 * DAY, mark.rule)}
        store.set_fact(SUMMARIES, written(earlier))
    for _ in range(2):
        assert command(tmp_path, "poll").returncode == 0
    (told,) = summaries(sink)
    assert told["data"]["since"] == isoformat(mark.until - 2 * DAY)


@pytest.mark.waits
@pytest.mark.postgres
def test_two_daemons_send_it_once(simulator: Simulator, sink: Sink, postgres_url: str, tmp_path: Path) -> None:
    """The one that leads makes the first; it is killed, and the other one makes the next."""
    time_ = Time(tmp_path)
    time_.set(NINE - timedelta(minutes=20))
    nodes = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        ops = webhook(sink, "ops", summary=_SUMMARY)
        write_config(tmp_path / name, bridge_config(simulator, [ops], [1], database=postgres_url))
        nodes.append(Daemon(tmp_path / name, first=partial(in_another_time, tmp_path, 3.0)))
        nodes[-1].wait_until_ready()
    one, other = nodes
    with one, other:
        time_.set(NINE + timedelta(seconds=1))
        until(lambda: len(summaries(sink)) == 1)
        one.kill()
        time_.set(NINE + DAY + timedelta(seconds=1))
        until(lambda: len(summaries(sink)) == 2, 30)
    periods = [(each["data"]["since"], each["data"]["until"]) for each in summaries(sink)]
    assert periods[0][1] == periods[1][0]


def test_test_and_render_show_what_it_looks_like(simulator: Simulator, sink: Sink, tmp_path: Path) -> None:
    """A receiver without summaries can be tried with one, too, and is told that it gets none."""
    receivers = [webhook(sink, "ops", summary=_SUMMARY), webhook(sink, "crm")]
    write_config(tmp_path, bridge_config(simulator, receivers, [1]))
    done_ = command(tmp_path, "test", "ops", "--type", "summary")
    assert done_.returncode == 0, done_.stderr
    assert "not subscribed" not in done_.stderr
    (record,) = sink.records()
    body = json.loads(record.body)
    assert (body["type"], body["test"]) == ("summary", True)
    assert "not subscribed to summary" in command(tmp_path, "test", "crm", "--type", "summary").stderr
    (tmp_path / "event.json").write_text(json.dumps(body))
    assert "it is the summary of another receiver" in command(tmp_path, "route", "event.json").stdout
    (tmp_path / "event.json").write_text(json.dumps(body | {"data": body["data"] | {"receiver": "ops"}}))
    routed = command(tmp_path, "route", "event.json", "--expect", "ops")
    assert routed.returncode == 0, routed.stderr
    assert "it has no `summary`" in routed.stdout
