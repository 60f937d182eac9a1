"""The account's report is read whatever happens to it meanwhile, by the real client from the simulated API."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from bridge.domain.check import Check
from bridge.domain.health import judge
from bridge.domain.model import Details, Status
from bridge.domain.observer import Listener
from bridge.domain.poll_schedule import Hints
from bridge.simulator.account import Account, Sent
from bridge.simulator.api import Simulator
from bridge.simulator.faults import Fault
from bridge.source.api import WbizTool
from bridge.source.discovery import GOOD_FOR, Discovery
from bridge.transport.client import HttpClient
from bridge.transport.rate_limiter import RateLimiter
from tests.world import listed
from tests.world.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.domain.errors import BridgeError
    from bridge.store.store import Store

EVERY, RELAXED = timedelta(minutes=5), timedelta(hours=1)
HINTS = Hints(RELAXED, timedelta(days=1))


class Restless(Account):
    """An account in which something happens before each page of the report is made."""

    before_page: Callable[[int], None] = staticmethod(lambda _: None)

    def report(self, start: date, end: date, page: object, number: int | None = None) -> tuple[int, list[Sent]]:
        assert isinstance(page, int)
        self.before_page(page)
        return super().report(start, end, page, number)


class Heard(Listener):
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.found: list[tuple[int, int]] = []
        self.troubles: list[str] = []

    def discovered(self, new: int, changed: int, seconds: float) -> None:
        assert seconds >= 0
        self.found.append((new, changed))

    def step_failed(self, where: str, error: BridgeError) -> None:
        self.troubles.append(f"{where}: {error}")


class World:
    """A discovery and all that it works with."""

    def __init__(self, simulator: Simulator, account: Restless, clock: FakeClock, store: Store) -> None:
        self.simulator, self.account, self.clock, self.store = simulator, account, clock, store
        self.heard, self.woken = Heard(), 0
        self.channel = HttpClient(simulator.base_url, timeout=timedelta(seconds=5))
        source = WbizTool(
            self.channel,
            client_id=simulator.client_id,
            api_key=simulator.api_key,
            attempts=1,
            pace=RateLimiter(None, clock),
            clock=clock,
            stop=threading.Event(),
        )
        self.discover = partial(
            Discovery,
            store,
            source,
            every=EVERY,
            count=1,
            relaxed=RELAXED,
            tighten=timedelta(seconds=30),
            clock=clock,
            listener=self.heard,
            found=self.wake,
        )
        self.discovery = self.discover()

    def wake(self) -> None:
        self.woken += 1

    def put(self, *ids: int, status: Status = Status.PENDING) -> None:
        for id_ in ids:
            self.account.put(id_, status)

    @property
    def watched(self) -> set[int]:
        return {shown.message.id for shown in listed.messages(self.store)}

    @property
    def pages(self) -> int:
        return self.simulator.counts()[0].get("/report/", 0)


@pytest.fixture
def world(store: Store) -> Iterator[World]:
    clock = FakeClock()
    account = Restless(clock)
    with Simulator(account) as simulator:
        world = World(simulator, account, clock, store)
        with closing(world.channel):
            yield world


def test_every_message_of_the_account_is_watched_page_by_page(world: World) -> None:
    world.put(*range(1, 451))
    world.discovery.sweep()
    assert world.watched == set(range(1, 451))
    assert (world.pages, world.woken, world.heard.found) == (3, 3, [(450, 0)])
    assert len(world.store.messages.claim(world.clock.now(), 500, ())) == 450
    assert world.discovery.hints() == HINTS


def test_what_is_finished_is_not_read_again_and_again(world: World) -> None:
    """Of five pages two have something that is not finished; all are read when the relaxed interval has passed."""
    world.put(*range(1, 1001))
    world.discovery.sweep()
    with world.store._database.write() as connection:
        connection.exec_driver_sql("UPDATE messages SET due_at = NULL WHERE id NOT IN (999, 100)")
    world.clock.advance(EVERY.total_seconds())
    world.discovery.sweep()
    assert world.pages == 10, "nobody had told it by then"
    world.clock.advance(EVERY.total_seconds())
    world.account.put(100, Status.SENT)
    world.discovery.sweep()
    assert (world.pages, world.heard.found[-1]) == (12, (0, 1))
    world.put(2000)
    world.discovery.sweep()
    assert (2000 in world.watched, world.discovery.hints()) == (True, HINTS)
    world.clock.advance(RELAXED.total_seconds())
    before = world.pages
    world.discovery.sweep()
    assert world.pages == before + 6


def test_a_new_day_is_read_from_its_beginning(world: World) -> None:
    """The days that are asked for are others then, and so are the pages."""
    world.put(*range(1, 401))
    world.discovery.sweep()
    with world.store._database.write() as connection:
        connection.exec_driver_sql("UPDATE messages SET due_at = NULL")
    world.clock.advance(1)
    world.discovery.sweep()
    world.discovery.sweep()
    assert world.pages == 2 + 2 + 1
    world.clock.advance(86400)
    world.discovery.sweep()
    assert world.pages == 5 + 2


def test_an_empty_report_is_one_page(world: World) -> None:
    world.discovery.sweep()
    assert (world.pages, world.woken, world.heard.found, world.heard.troubles) == (1, 0, [(0, 0)], [])


def test_messages_that_are_sent_while_it_is_read_are_found_and_none_is_left_out(world: World) -> None:
    """The newest come first: each shifts the others to a later page, where some are seen a second time."""

    def send(page: int) -> None:
        if page > 1:
            world.clock.advance(1)
            world.put(*range(page * 1000, page * 1000 + 30))

    world.put(*range(1, 401))
    world.account.before_page = send
    world.discovery.sweep()
    assert set(range(1, 401)) <= world.watched
    assert world.heard.found == [(len(world.watched), 0)]
    world.account.before_page = lambda _: None
    world.discovery.sweep()
    assert world.watched == {*range(1, 401), *range(2000, 2030), *range(3000, 3030)}


def test_a_report_that_shrinks_while_it_is_read_is_complete_after_the_next_reading(world: World) -> None:
    """Those that follow move to an earlier page: some are not seen until the next time."""

    def shrink(page: int) -> None:
        if page == 2:
            for id_ in range(400, 451):
                world.account.forget(id_)

    world.put(*range(1, 451))
    world.account.before_page = shrink
    world.discovery.sweep()
    assert not set(range(1, 400)) <= world.watched
    world.discovery.sweep()
    assert set(range(1, 400)) <= world.watched
    assert world.heard.troubles == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.AUTH_200, "Auth Error"),
        (Fault.AUTH_403, "Auth Error"),
        (Fault.THROTTLED, "429"),
        (Fault.SERVER_ERROR, "500"),
        (Fault.PAGE_200, "not a JSON object"),
        (Fault.EMPTY, "not a JSON object"),
        (Fault.CUT_BODY, "cut"),
        (Fault.HUGE, "longer than any answer"),
    ],
)
def test_a_call_that_fails_is_told_and_what_was_read_before_it_counts(world: World, fault: Fault, words: str) -> None:
    world.put(*range(1, 301))

    def spoil(page: int) -> None:
        if page == 1:
            world.simulator.fault(fault, call="/report/")

    world.account.before_page = spoil
    world.discovery.sweep()
    (trouble,) = world.heard.troubles
    assert trouble.startswith("reading the report: page 2: ")
    assert words in trouble
    assert world.simulator.api_key not in trouble
    assert len(world.watched) == 200
    assert world.discovery.hints() is None, "half a report is no reason to poll less"
    world.simulator.fix()
    world.account.before_page = lambda _: None
    world.discovery.sweep()
    assert (len(world.watched), world.discovery.hints()) == (300, HINTS)


def test_when_it_is_not_read_for_long_polls_go_on_as_without_it(world: World) -> None:
    world.put(1)
    world.discovery.sweep()
    later = world.clock.now() + RELAXED
    with world.store._database.write() as connection:
        connection.exec_driver_sql(f"UPDATE messages SET due_at = {int(later.timestamp() * 1000)}")
    world.simulator.fault(Fault.SERVER_ERROR, call="/report/")
    for _ in range(GOOD_FOR):
        world.clock.advance(EVERY.total_seconds())
        world.discovery.sweep()
        assert world.discovery.hints() == HINTS
    world.clock.advance(EVERY.total_seconds())
    assert world.discovery.hints() is None
    world.discovery.sweep()
    (shown,) = listed.messages(world.store)
    assert shown.due_at is not None
    assert shown.due_at <= world.clock.now() + timedelta(seconds=30)


def test_that_it_cannot_be_read_for_long_is_a_fault_of_the_bridges_health(world: World) -> None:
    def standing() -> Check:
        return judge(world.store.summaries.summary(), [], world.clock.now()).checks["report"]

    world.put(1)
    world.simulator.fault(Fault.SERVER_ERROR, call="/report/")
    for _ in range(GOOD_FOR):
        world.discovery.sweep()
        assert standing() == Check()
        world.clock.advance(EVERY.total_seconds())
    world.discovery.sweep()
    assert (standing().ok, standing().since) == (False, world.clock.now() - GOOD_FOR * EVERY)
    assert "page 1: HTTP 500" in str(standing().why)
    world.simulator.fix()
    after_it = World(world.simulator, world.account, world.clock, world.store)
    with closing(after_it.channel):
        after_it.discovery.sweep()
    assert standing() == Check(), "a later process says so, too"


def test_a_restart_goes_on_with_what_was_read_before_it(world: World) -> None:
    world.put(1)
    world.discovery.sweep()
    world.simulator.fault(Fault.SERVER_ERROR, call="/report/")
    after_it = World(world.simulator, world.account, world.clock, world.store)
    with closing(after_it.channel):
        assert after_it.discovery.hints() is None
        after_it.discovery.sweep()
        assert after_it.discovery.hints() == HINTS


def test_a_hint_is_compared_and_never_believed(world: World) -> None:
    world.put(1, 2)
    world.account.shown = lambda message, _: "Sent" if message.id == 1 else {"any": ["thing", None]}
    world.discovery.sweep()
    assert all(shown.message.state is None for shown in listed.messages(world.store))


def numbered(world: World) -> dict[int, str | None]:
    return {shown.message.id: shown.message.tags.get("number") for shown in listed.messages(world.store)}


def test_by_number_each_message_is_tagged_with_the_number_that_sent_it(world: World) -> None:
    world.account.connect(2, "919800000002")
    world.account.connect(3)
    world.put(*range(1, 301), 400, 500)
    for id_, number in ((300, 2), (400, 3), (500, 9)):  # the ninth is not the account's any more
        world.account._messages[id_].number = number
    world.store.messages.watch([1], world.clock.now(), Details("Invoice", {"team": "billing"}))
    world.store.messages.watch([2], world.clock.now(), Details(None, {"number": "my own"}))
    world.discovery = world.discover(by_number=True)
    world.discovery.sweep()
    assert world.heard.found == [(300, 2)]
    found = numbered(world)
    assert (found[1], found[2], found[3], found[300], found[400], found[500]) == (
        *("919800000001", "my own", "919800000001", "919800000002", "3"),
        None,
    )
    (first,) = listed.messages(world.store, ids=[1])
    assert (first.message.label, first.message.tags["team"]) == ("Invoice", "billing")
    world.put(501)
    world.discovery.sweep()
    assert numbered(world)[501] == "919800000001"


def test_while_the_numbers_cannot_be_asked_for_those_of_before_count(world: World) -> None:
    world.discovery = world.discover(by_number=True)
    world.put(1)
    world.discovery.sweep()
    world.simulator.fault(Fault.SERVER_ERROR, call="/whatsapp/accounts/")
    world.put(2)
    world.discovery.sweep()
    assert numbered(world) == {1: "919800000001", 2: "919800000001"}
    assert world.heard.troubles == ["asking for the account's numbers: HTTP 500 Internal Server Error"]
    assert world.discovery.hints() == HINTS


def test_report_of_a_number_that_cannot_be_read_is_no_whole_reading(world: World) -> None:
    world.put(1)
    world.account.before_page = lambda _: world.account.numbers.clear()
    world.discovery = world.discover(by_number=True)
    world.discovery.sweep()
    world.account.before_page = lambda _: None
    world.discovery.sweep()
    assert world.watched == {1}
