"""Several nodes on one PostgreSQL database: who polls and delivers what, and what becomes of it when one is gone."""

from __future__ import annotations

import json
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bridge.domain.errors import NotNowError
from bridge.domain.model import EventType, Status
from bridge.domain.routing import Subscription
from bridge.simulator.api import Simulator
from bridge.store.cluster_node import ClusterNode
from bridge.store.membership import Ownership
from bridge.store.store import Store
from tests.world import listed
from tests.world.daemon import command, write_config
from tests.world.nodes import cut_connections
from tests.world.records import NOW, SINCE, after, polled
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from bridge.domain.model import Message

pytestmark = pytest.mark.postgres

CRM = Subscription("crm")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that end within a test."""
    monkeypatch.setattr("bridge.store.cluster_node.LEASE", timedelta(seconds=1))
    monkeypatch.setattr("bridge.store.cluster_node.BEAT", 0.1)


@pytest.fixture
def one(postgres_url: str) -> Iterator[Store]:
    with Store(postgres_url, node=True) as store:
        yield store


@pytest.fixture
def other(one: Store, postgres_url: str) -> Iterator[Store]:
    with Store(postgres_url, node=True) as store:
        until(lambda: one.node.share() == store.node.share() == 0.5)
        yield store


def silence(store: Store) -> None:
    """Let a node's signs of life end, as if its machine had stopped."""
    assert isinstance(store.node, ClusterNode)
    store.node._closing.set()
    store.node._notices.interrupt()
    store.node._thread.join()


def ids(messages: list[Message]) -> set[int]:
    return {message.id for message in messages}


def test_no_message_is_claimed_by_two(one: Store, other: Store) -> None:
    one.messages.watch(range(1, 101), NOW)
    mine, theirs = one.messages.claim(NOW, 60, ()), other.messages.claim(NOW, 60, ())
    assert (len(mine), len(theirs)) == (60, 40)
    assert not ids(mine) & ids(theirs)
    assert one.messages.claim(NOW, 100, ids(mine)) == other.messages.claim(NOW, 100, ids(theirs)) == []


def test_one_of_them_does_what_only_one_should(one: Store, other: Store, postgres_url: str) -> None:
    assert [one.node.leads, other.node.leads] == [True, False]
    one.close()
    until(lambda: other.node.leads)
    with Store(postgres_url, node=True) as third:
        assert not third.node.leads


@pytest.mark.slow
def test_many_claims_at_once_share_what_is_due(one: Store, other: Store) -> None:
    one.messages.watch(range(1, 1001), NOW)
    found: dict[str, list[int]] = {"one": [], "other": []}

    def claim(name: str, store: Store) -> None:
        while claimed := store.messages.claim(NOW, 7, found[name]):
            found[name] += ids(claimed)

    threads = [threading.Thread(target=claim, args=each) for each in (("one", one), ("other", other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found["one"] + found["other"]) == list(range(1, 1001))


def test_what_was_recorded_or_let_go_is_free_for_the_other(one: Store, other: Store) -> None:
    one.messages.watch([1, 2], NOW)
    first, second = one.messages.claim(NOW, 2, ())
    one.record_polls([polled(first, Status.PENDING, due_at=after(10))], [])
    one.messages.let_go([second.id])
    assert ids(other.messages.claim(after(10**6), 2, ())) == {1, 2}


def test_what_a_node_claimed_and_dropped_it_finds_again(one: Store, other: Store) -> None:
    one.messages.watch([1], NOW)
    one.messages.claim(NOW, 1, ())
    assert other.messages.claim(NOW, 1, ()) == []
    assert ids(one.messages.claim(NOW, 1, ())) == {1}


def test_a_node_that_leaves_frees_everything_at_once(one: Store, postgres_url: str) -> None:
    with Store(postgres_url, node=True) as leaving:
        leaving.node.want(["crm"])
        until(lambda: one.node.share() == 0.5)
        one.messages.watch([1], NOW)
        leaving.messages.claim(NOW, 1, ())
    one.node.want(["crm"])
    assert ids(one.messages.claim(NOW, 1, ())) == {1}
    assert (one.node.ownership("crm"), one.node.share(), one.node.alone) == (Ownership.OURS, 1.0, True)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_silent_node_stops_by_itself_before_others_take_over(one: Store, other: Store) -> None:
    for store in (one, other):
        store.node.want(["crm"])
    assert (one.node.ownership("crm"), other.node.ownership("crm")) == (Ownership.OURS, Ownership.NONE)
    one.messages.watch([1], NOW)
    (message,) = one.messages.claim(NOW, 1, ())
    silence(one)
    until(lambda: one.node.share() == 0)
    assert one.node.ownership("crm") is Ownership.NONE
    assert (other.node.ownership("crm"), other.messages.claim(NOW, 1, ())) == (Ownership.NONE, []), (
        "the lease holds still"
    )
    until(lambda: other.node.ownership("crm") is Ownership.OURS)
    assert other.node.share() == 1
    assert ids(other.messages.claim(NOW, 1, ())) == {1}
    assert one.record_polls([polled(message, Status.FAILED)], [CRM]) == [], "it is the other's now"
    assert listed.events(one) == []


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_node_that_was_given_up_and_lives_comes_back_as_a_new_one(one: Store, other: Store) -> None:
    assert isinstance(one.node, ClusterNode)
    before = one.node.holder
    silence(one)
    until(lambda: other.node.alone)
    one.node.want([])
    assert one.node.holder != before
    until(lambda: other.node.share() == 0.5)


def test_a_newcomer_gets_its_share_of_the_receivers_when_nothing_is_on_its_way_to_them(
    one: Store, postgres_url: str
) -> None:
    names = ["a", "b", "c"]
    one.node.want(names)
    assert all(one.node.ownership(name) is Ownership.OURS for name in names)
    with Store(postgres_url, node=True) as newcomer:
        newcomer.node.want(names)
        until(lambda: one.node.ownership("b") is Ownership.LEAVING)
        assert newcomer.node.ownership("b") is Ownership.NONE, "something may be on its way"
        one.node.let_go("b")
        assert one.node.ownership("b") is Ownership.NONE
        until(lambda: newcomer.node.ownership("b") is Ownership.OURS)
        assert [one.node.ownership(name) for name in "ac"] == [Ownership.OURS] * 2
    until(lambda: one.node.ownership("b") is Ownership.OURS)


def test_a_receiver_that_only_one_has_in_its_configuration_is_that_ones(one: Store, other: Store) -> None:
    one.node.want(["both"])
    other.node.want(["both", "only here"])
    assert other.node.ownership("only here") is Ownership.OURS
    one.node.want([])
    until(lambda: other.node.ownership("both") is Ownership.OURS)


def test_the_other_hears_at_once_that_there_is_something_to_deliver(one: Store, other: Store) -> None:
    heard: queue.SimpleQueue[Collection[str] | None] = queue.SimpleQueue()
    other.node.listen(heard.put, lambda _: None)
    one.messages.watch([1], NOW)
    one.record_polls([polled(message, Status.FAILED) for message in one.messages.claim(NOW, 1, ())], [CRM])
    assert heard.get(timeout=5) == {"crm"}


def test_the_sources_fall_is_told_once_and_only_when_it_answers_nobody(one: Store, other: Store) -> None:
    def told(store: Store, type_: EventType, fact: str, seconds: float) -> bool:
        down = type_ is EventType.SOURCE_DOWN
        since = after(seconds) if down else None
        return (
            store.health_events.record_source(type_, SINCE, after(seconds), [], fact=fact, failing_since=since)
            is not None
        )

    other.node.answered(after(5))
    other.node.want([])
    assert not told(one, EventType.SOURCE_DOWN, "{1}", 0), "it answered the other since"
    assert told(one, EventType.SOURCE_DOWN, "{1}", 10)
    assert not told(other, EventType.SOURCE_DOWN, "{1}", 11)
    assert told(other, EventType.SOURCE_UP, "{}", 12)
    assert not told(one, EventType.SOURCE_UP, "{}", 13)


@pytest.mark.usefixtures("quick")
def test_nodes_go_on_when_the_server_ends_their_connections(one: Store, other: Store, postgres_url: str) -> None:
    troubles: list[str] = []
    one.node.listen(lambda _: None, lambda error: troubles.append(str(error)))
    before = one.node.holder, other.node.holder
    cut_connections(postgres_url)
    until(lambda: bool(troubles))
    assert "out of reach" in troubles[0]
    until(lambda: one.node.share() == other.node.share() == 0.5, 10)
    assert (one.node.holder, other.node.holder) == before or one.node.alone is False


@pytest.mark.slow
def test_who_wants_the_database_to_himself_waits_for_all_to_leave(
    one: Store, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.cluster_node.JOINED_WITHIN", 0.1)
    assert one.node.holder
    with pytest.raises(NotNowError, match="another bridge is running"):
        Store(postgres_url, exclusive=True)
    one.close()
    with Store(postgres_url, exclusive=True), pytest.raises(NotNowError, match="another bridge is running"):
        Store(postgres_url, node=True)


@pytest.mark.slow
def test_nodes_that_start_together_on_an_empty_database_all_come_up(postgres_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: Store(postgres_url, node=True), range(4)))
    until(lambda: all(store.node.share() == 0.25 for store in stores))
    for store in stores:
        store.close()


def test_on_sqlite_a_node_is_alone(sqlite_url: str) -> None:
    with Store(sqlite_url, node=True) as store:
        assert (store.node.holder, store.node.alone, store.node.share()) == (None, True, 1.0)
        with pytest.raises(NotNowError, match="another bridge"):
            Store(sqlite_url, node=True)


def test_status_shows_who_does_what(one: Store, other: Store, postgres_url: str, tmp_path: Path) -> None:
    for store in (one, other):
        store.node.want(["crm"])
    receivers = [{"name": "crm", "webhook": "http://127.0.0.1:9/"}]
    settings = {"wbiztool": {"client_id": 1, "api_key": "key"}, "messages": [1], "receivers": receivers}
    write_config(tmp_path, {**settings, "database": postgres_url.replace("+psycopg", "")})
    lines = [line for line in command(tmp_path, "status").stdout.splitlines() if line.startswith("node ")]
    assert len(lines) == 2
    assert "50% of the rate; delivers to crm; for " in lines[0]
    assert "50% of the rate; for " in lines[1]
    first, second = json.loads(command(tmp_path, "status", "--json").stdout)["nodes"]
    assert (first["share"], first["receivers"], second["receivers"]) == (0.5, ["crm"], [])


def test_one_pass_by_cron_works_beside_a_daemon(one: Store, postgres_url: str, tmp_path: Path) -> None:
    with Simulator() as simulator:
        simulator.account.put(1, Status.FAILED, "Invalid phone number")
        account = {"client_id": 1234, "api_key": simulator.api_key, "base_url": simulator.base_url}
        receivers = [{"name": "crm", "webhook": "http://127.0.0.1:9/"}]
        one.node.want(["crm"])
        write_config(
            tmp_path,
            {"wbiztool": account, "messages": [1], "receivers": receivers, "database": postgres_url},
        )
        done = command(tmp_path, "poll")
    assert done.returncode == 0, done.stderr
    assert [event.message_id for _, event in listed.events(one)] == [1]
    assert [delivery.attempts for delivery in listed.deliveries(one)] == [0], "the receiver is the daemon's"
