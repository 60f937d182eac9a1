"""Somebody has seen to it: on both databases, by command with and without a daemon, over HTTP."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import pytest
import requests

from bridge.domain.health import look
from bridge.domain.incidents import Acknowledged
from bridge.domain.model import DeliveryState, EventType, Status
from bridge.domain.numbers import Number
from bridge.domain.routing import Subscription
from bridge.domain.samples import sample_event, samples
from bridge.domain.watchlist import Watchlist
from bridge.server.auth import Access
from bridge.store.store import Store
from tests.world import listed
from tests.world.api import TOKEN, Api
from tests.world.daemon import command, write_config
from tests.world.records import NOW, OK, SINCE, after, due, fail_some, known, polled, record_health, tried, values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

pytestmark = pytest.mark.slow

CRM, LATER = Subscription("crm", ("*",)), Subscription("later", ("*",), hold=timedelta(minutes=30))
ANNA = Acknowledged(after(60), "Anna", "told the customer")


def subjects(store: Store, *, acknowledged: bool = False) -> list[str]:
    return [each.subject for each in store.incidents.listed(acknowledged=acknowledged).items]


def watchlist(*ids: int) -> Watchlist:
    listed = Watchlist()
    for id_ in ids:
        listed.add(id_)
    return listed


def tell(store: Store, type_: EventType, subject: str, at: datetime = NOW, *to: Subscription) -> None:
    record_health(store, type_, sample_event(at, type_).data, at, to, subject=subject)


def test_list_of_what_is_open_shrinks(store: Store) -> None:
    fail_some(store, [1, 2], NOW)
    record_health(store, EventType.SOURCE_DOWN, SINCE, after(1))
    assert subjects(store) == ["source", "message/2", "message/1"]
    found = store.incidents.acknowledge(["message/1", "message/3", "message/1"], ANNA)
    assert (found.acknowledged, found.already, found.not_open) == (("message/1",), (), ("message/3",))
    again = store.incidents.acknowledge(["message/1"], Acknowledged(after(61), "Bob"))
    assert (again.updated, again.already) == ((), ("message/1",))
    assert subjects(store) == ["source", "message/2"]
    assert subjects(store, acknowledged=True) == ["source", "message/2", "message/1"]
    seen = store.incidents.of("message/1")
    assert seen is not None
    assert seen.acknowledged == ANNA
    record_health(store, EventType.SOURCE_UP, SINCE, after(2))
    assert subjects(store) == ["message/2"]
    summary = store.summaries.summary()
    assert (summary.open_incidents, summary.acknowledged_incidents) == (1, 1)


def test_latest_note_counts(store: Store) -> None:
    fail_some(store, [1, 2], NOW)
    store.incidents.acknowledge(["message/1"], Acknowledged(after(60), "Anna"))
    later = Acknowledged(after(120), "Bob", "told the customer")
    found = store.incidents.acknowledge(["message/1", "message/2"], later)
    assert (found.acknowledged, found.updated, found.already) == (("message/2",), ("message/1",), ())
    seen = store.incidents.of("message/1")
    assert seen is not None
    assert seen.acknowledged == later


def test_incidents_are_listed_in_pages(store: Store) -> None:
    fail_some(store, range(1, 6), NOW)
    first = store.incidents.listed(most=3)
    rest = store.incidents.listed(most=3, cursor=first.next)
    assert [each.subject for each in (*first.items, *rest.items)] == [f"message/{id_}" for id_ in range(5, 0, -1)]
    assert rest.next is None


def test_acknowledged_in_time_is_not_told_to_the_second_person(store: Store) -> None:
    store.messages.watch([1], NOW)
    store.record_polls([polled(known(store, 1), Status.FAILED, NOW)], [CRM, LATER])
    dropped: list[tuple[str, int]] = []
    store.when_dropped(lambda receiver, count: dropped.append((receiver, count)))
    store.incidents.acknowledge(["message/1"], ANNA)
    (held,) = (each for each in listed.deliveries(store) if each.receiver == "later")
    assert (held.state, held.finished_at) == (DeliveryState.DROPPED, after(60))
    assert held.reason == "acknowledged by Anna: told the customer"
    assert dropped == [("later", 1)]
    store.record_polls([polled(known(store, 1), Status.SENT, after(120))], [CRM, LATER])
    assert [each.state for each in listed.deliveries(store) if each.receiver == "later"] == [DeliveryState.DROPPED] * 2


def test_new_failure_after_an_acknowledged_one_is_open_again(store: Store) -> None:
    store.messages.watch([1], NOW)
    for second, status in enumerate((Status.FAILED, Status.SENT, Status.FAILED)):
        store.record_polls([polled(known(store, 1), status, after(second))], [CRM])
        if not second:
            store.incidents.acknowledge(["message/1"], ANNA)
    incident = store.incidents.of("message/1")
    assert incident is not None
    assert incident.acknowledged is None
    assert incident.event.sequence == 3


def test_nobody_is_reminded_of_what_is_acknowledged(store: Store) -> None:
    fail_some(store, [1], NOW)
    (delivery,) = due(store)
    store.incidents.acknowledge(["message/1"], ANNA)
    tried(store, delivery, OK, after(61))
    assert list(values(store, "SELECT count(*) FROM reminders")) == [(0,)]


def test_stuck_message_that_is_not_watched_any_longer_is_no_incident(store: Store) -> None:
    store.messages.watch([1, 2, 3], NOW)
    store.configure(watchlist(1, 4, 5), NOW, {})
    fail_some(store, [6, 7], NOW)
    for id_ in range(1, 6):
        tell(store, EventType.MESSAGE_STUCK, f"message/{id_}", after(1))
    store.configure(watchlist(5), NOW, {})
    assert subjects(store) == [f"message/{id_}" for id_ in (5, 3, 2, 1, 7, 6)], "1 is watched by command, too"
    store.messages.unwatch([1, 2, 5, 6])
    assert subjects(store) == [f"message/{id_}" for id_ in (5, 3, 7, 6)], "that a message failed is no less true"


def test_receiver_or_number_that_is_no_more_is_no_incident(store: Store) -> None:
    for name in ("crm", "ops"):
        tell(store, EventType.RECEIVER_DOWN, f"receiver/{name}")
    seen = [Number(id_, "", connected=False) for id_ in (1, 2, 3)]
    for numbers in (seen, seen[:2]):
        store.health_events.record_numbers(numbers, NOW, timedelta(0), after(60), ())
    assert subjects(store) == ["number/2", "number/1", "receiver/ops", "receiver/crm"]
    store.incidents.forget_unwatched(["ops", "new"], numbers_watched=True)
    assert subjects(store) == ["number/2", "number/1", "receiver/ops"]
    store.incidents.forget_unwatched(["ops"], numbers_watched=False)
    assert subjects(store) == ["receiver/ops"]
    assert look(store.summaries.summary, (), NOW, UTC).checks["connections"].why is None
    (again, _) = store.health_events.record_numbers(seen[:2], NOW, timedelta(0), after(60), ())
    assert (again.type, again.sequence) == (EventType.NUMBER_DISCONNECTED, 2)


def test_what_is_held_back_of_an_incident_that_nothing_watches_is_not_sent(store: Store) -> None:
    tell(store, EventType.RECEIVER_DOWN, "receiver/crm", NOW, LATER)
    store.incidents.forget_unwatched([], numbers_watched=True)
    (delivery,) = due(store, after(1801), receiver="later")
    assert store.reminders.drop_over("later", [delivery.id], after(1801)) == {delivery.id}


def test_incident_is_forgotten_with_its_event(store: Store) -> None:
    fail_some(store, [1], NOW, to=())
    store.prune(after(3600))
    assert subjects(store) == []


@pytest.fixture
def failed(tmp_path: Path) -> Path:
    """A folder with a configuration, and a database in which messages 1 to 3 have failed."""
    config = {
        "wbiztool": {"client_id": 1, "api_key": "x", "base_url": "http://127.0.0.1:9/api"},
        "messages": [1, 2, 3],
        "receivers": [{"name": "crm", "webhook": "http://127.0.0.1:9/"}],
        "database": f"sqlite:///{tmp_path}/bridge.db",
    }
    write_config(tmp_path, config)
    with Store(f"sqlite:///{tmp_path}/bridge.db", exclusive=True) as store:
        fail_some(store, [1, 2, 3])
    return tmp_path


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    done = command(folder, *arguments)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_commands_without_a_daemon(failed: Path) -> None:
    shown = run(failed, "incidents")
    assert "Invalid phone number" in shown
    assert shown.index("\n3 ") < shown.index("\n1 ")
    assert "acknowledged: 1, 2" in run(failed, "ack", "1", "2", "--by", "Anna", "--note", "told the customer")
    assert "by Anna · told the customer" in run(failed, "incidents", "--all")
    assert [each["subject"] for each in json.loads(run(failed, "incidents", "--json").split("note:")[0])] == [
        "message/3"
    ]
    assert "already acknowledged, nothing changed: 1" in run(failed, "ack", "1", "--by", "Bob")
    assert "by Anna · told the customer" in run(failed, "incidents", "--all")
    replaced = run(failed, "ack", "1", "--by", "Bob", "--note", "called back")
    assert "already acknowledged, the note is replaced: 1" in replaced
    assert "by Bob · called back" in run(failed, "incidents", "--all")
    assert "not open: source" in run(failed, "ack", "source", code=1)
    assert "this would acknowledge 1 incident: confirm with --yes" in run(failed, "ack", "--all", code=2)
    assert "acknowledged: 3" in run(failed, "ack", "--all", "--yes")
    assert "nothing is open" in run(failed, "ack", "--all", "--yes")
    assert "Nothing is open. 3 are acknowledged: `wbiz-bridge incidents --all`." in run(failed, "incidents")


@pytest.fixture
def many(failed: Path) -> Path:
    """The same, and a number, a receiver and a group of messages are down, too."""
    down = {"number/7": EventType.NUMBER_DISCONNECTED, "receiver/crm": EventType.RECEIVER_DOWN}
    down["account/tags.team=billing"] = EventType.ACCOUNT_FAILING
    with Store(f"sqlite:///{failed}/bridge.db", exclusive=True) as store:
        for subject, type_ in down.items():
            sample = next(each for each in samples({}) if each.type is type_)
            record_health(store, type_, sample.data, NOW, subject=subject)
    return failed


def test_list_names_numbers_and_says_why_messages_fail(many: Path) -> None:
    lines = {line.split()[0]: line for line in run(many, "incidents").splitlines()}
    assert "+4915112345678" in lines["number/7"]
    assert "12 of 50 failed (24%): 8 invalid numbers, 4 not on WhatsApp" in lines["account/tags.team=billing"]


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("account", "account/tags.team=billing"),
        ("account/team=billing", "account/tags.team=billing"),
        ("account/tags.team=biling", "account/tags.team=billing"),
        ("crm", "receiver/crm"),
        ("receiver/cmr", "receiver/crm"),
        ("7", "number/7"),
        ("+4915112345678", "number/7"),
        ("number/8", "number/7"),
        ("sources", None),
    ],
)
def test_what_is_not_open_suggests_what_is(many: Path, named: str, meant: str | None) -> None:
    done = command(many, "ack", named)
    assert done.returncode in {1, 2}
    said = done.stdout + done.stderr
    assert (f"did you mean {meant}?" in said) if meant else ("did you mean" not in said)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name what to acknowledge"),
        (("5001", "--all"), "--all acknowledges everything that is open: leave out 5001, or --all"),
        (("sauce",), "'sauce': not known (allowed: a message id, source, receiver/NAME, number/ID, account)"),
        (("12x",), "12x: a message id is a whole number"),
        (("receiver/",), "not known"),
        (("1", "--note", "x" * 501), "--note: too long (allowed: up to 500 characters)"),
        (("1", "--by", "x" * 101), "--by: too long (allowed: up to 100 characters)"),
    ],
)
def test_bad_form_is_a_usage_error(failed: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in run(failed, "ack", *arguments, code=2)


@pytest.fixture
def api(sqlite_store: Store) -> Iterator[Api]:
    with Api(sqlite_store, Access(token=TOKEN)).running() as running:
        yield running


def test_api_lists_and_acknowledges(api: Api) -> None:
    fail_some(api.store, [1, 2], NOW)
    record_health(api.store, EventType.SOURCE_DOWN, SINCE, after(1))
    first = api.get("/v1/incidents", limit=2)
    assert [each["subject"] for each in first["items"]] == ["source", "message/2"]
    (last,) = api.get("/v1/incidents", limit=2, cursor=first["next"])["items"]
    assert (last["message_id"], last["type"], last["reason"]) == (1, "message.failed", "Invalid phone number")
    made = api.post("/v1/incidents/acknowledge", {"ids": [1, "9"], "subjects": ["source"], "by": "Anna", "note": "ok"})
    assert made == {
        "acknowledged": ["message/1", "source"],
        "updated": [],
        "already_acknowledged": [],
        "not_open": ["message/9"],
    }
    again = api.post("/v1/incidents/acknowledge", {"ids": [1, 2], "by": "Bob", "note": "ok"})
    assert (again["updated"], again["acknowledged"]) == (["message/1"], ["message/2"])
    assert api.get("/v1/incidents")["items"] == []
    assert api.woken == ["dispatchers", "dispatchers"]
    shown = api.get("/v1/incidents", acknowledged=True)["items"]
    seen = {each["subject"]: each["acknowledged"] for each in shown}
    assert seen["source"] == {"at": "2026-11-23T20:00:00.000Z", "by": "Anna", "note": "ok"}
    assert seen["message/1"] | {"at": None} == {"at": None, "by": "Bob", "note": "ok"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"ids": [0]},
        {"ids": ["x"]},
        {"subjects": ["sauce"]},
        {"subjects": ["receiver/"]},
        {"ids": [1], "note": "x" * 501},
        {"ids": [1], "by": "x" * 101},
        {"ids": [1], "who": "Anna"},
    ],
)
def test_api_refuses_what_is_wrong(api: Api, body: dict[str, object]) -> None:
    assert api.ask("POST", "/v1/incidents/acknowledge", body).status_code == 422


def test_api_says_what_a_subject_is(api: Api) -> None:
    answer = api.ask("POST", "/v1/incidents/acknowledge", {"subjects": ["sauce"]})
    assert "unknown subject (allowed: a message id, source, receiver/NAME" in answer.json()["detail"]


def test_api_acknowledges_with_the_token_only(api: Api) -> None:
    answer = requests.post(f"{api.url}/v1/incidents/acknowledge", json={"ids": [1]}, timeout=5)
    assert answer.status_code == 401
