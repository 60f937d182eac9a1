"""People look for messages, page by page, in a real database."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest

from bridge.domain.errors import UsageError
from bridge.domain.model import Details, Status
from bridge.domain.report import Row
from bridge.store.paging import Page, cursor_to, place_in
from bridge.store.search import MessageQuery, Search
from tests.world import listed
from tests.world.plans import is_slow, plans
from tests.world.records import NOW, after, fail_some, observe

if TYPE_CHECKING:
    from bridge.domain.summary import WatchedMessage
    from bridge.store.store import Store

ALL = MessageQuery()


@pytest.fixture
def watched(store: Store) -> Store:
    """Watched: 1 (failed), 2 (pending), 3 (not seen yet), 4 (sent), 5 (unwatched, not seen). The latest: 4 2 1 3 5."""
    store.messages.watch([5], after(-90))
    store.messages.unwatch([5])
    store.messages.watch([3], after(-60), Details("Order 3", {"team": "sales", 'a"b$.': "x"}))
    fail_some(store, [1], NOW)
    store.messages.watch([1], NOW, Details("Invoice 100% <b>", {"team": "billing", "lang": "de"}))
    store.messages.watch([2, 4], after(3), Details(None, {"team": "billing"}))
    observe(store, 2, Status.PENDING, after(3))
    observe(store, 4, Status.SENT, after(4))
    return store


def found(store: Store, query: MessageQuery = ALL) -> list[int]:
    return [shown.message.id for shown in store.search.messages(query).items]


def pages(store: Store, most: int, query: MessageQuery = ALL) -> list[list[int]]:
    cursor: str | None = None
    listed = []
    while True:
        page = store.search.messages(query, cursor, most)
        listed.append([shown.message.id for shown in page.items])
        if (cursor := page.next) is None:
            return listed


def test_the_latest_change_comes_first(watched: Store) -> None:
    assert found(watched) == [4, 2, 1, 3, 5]


def test_messages_are_found_by_whatever_is_known_of_them(watched: Store) -> None:
    for query, expected in (
        (MessageQuery(ids=(1, 3, 99)), [1, 3]),
        (MessageQuery(ids=()), []),
        (MessageQuery(statuses=[Status.FAILED, None]), [1, 3, 5]),
        (MessageQuery(statuses=()), []),
        (MessageQuery(tags={"team": "billing"}), [4, 2, 1]),
        (MessageQuery(tags={"team": "billing", "lang": "de"}), [1]),
        (MessageQuery(tags={'a"b$.': "x"}), [3]),
        (MessageQuery(tags={'"': "'"}), []),
        (MessageQuery(text="phone NUMBER"), [1]),
        (MessageQuery(text="100%"), [1]),
        (MessageQuery(text="%"), [1]),
        (MessageQuery(text="_"), []),
        (MessageQuery(since=NOW, until=after(4)), [2, 1]),
        (MessageQuery(until=after(-60)), [5]),
        (MessageQuery(watched=False), [5]),
        (MessageQuery(watched=True, statuses=[None]), [3]),
    ):
        assert found(watched, query) == expected, query


def test_pages_hold_everything_once_in_order(store: Store) -> None:
    fail_some(store, range(1, 8), NOW)
    store.messages.watch(range(8, 12), NOW)  # not seen yet, and changed at the same moment
    everything = [*chain(*pages(store, 100))]
    assert everything == list(range(11, 0, -1))
    for most in (1, 2, 3, 10, 11):
        listed = pages(store, most)
        assert [*chain(*listed)] == everything
        assert all(len(page) == most for page in listed[:-1])


def test_what_comes_meanwhile_does_not_move_the_next_page(store: Store) -> None:
    fail_some(store, [1, 2, 3, 4], NOW)
    first = store.search.messages(most=2)
    fail_some(store, [5], after(1))
    assert [shown.message.id for shown in store.search.messages(cursor=first.next, most=9).items] == [2, 1]


@pytest.mark.parametrize(
    "cursor", ["", "x", "m.1", "e.1.2", "m.1.x", "m.1.2.3", "m.1.-2", "m.1.2\n", "m.1.²", "m.1.99999999999999999999"]
)
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    with pytest.raises(UsageError, match="cursor: not one that a page of this list gave"):
        place_in(cursor, "m", 2)


def test_a_cursor_leads_to_where_its_page_ended(store: Store) -> None:
    assert place_in(cursor_to("m", 1, 2), "m", 2) == (1, 2)
    assert store.search.messages(cursor="m.9999999999999999999.9999999999999999999").items == ()


@pytest.mark.slow
def test_a_page_among_many_reads_no_more_than_itself(store: Store) -> None:
    fail_some(store, range(1, 1001), NOW, to=())
    store.messages.watch(range(1001, 2001), NOW)
    first = store.search.messages(most=5)
    with plans(store) as how:
        store.search.messages(most=5)
        store.search.messages(cursor=first.next, most=5)
        store.search.messages(MessageQuery(statuses=[Status.FAILED], since=after(-5), until=after(5)), most=5)
    assert how
    assert not [plan for plan in how if is_slow(plan) and "SCAN messages USING INDEX messages_unseen" not in plan]


def test_the_latest_failures_can_be_listed(watched: Store) -> None:
    assert [shown.message.id for shown in watched.search.latest_failed()] == [1]


def test_totals_count_everything_and_are_good_for_some_seconds(watched: Store) -> None:
    now = 0.0
    search = Search(watched._database, lambda: now)
    totals = search.totals()
    assert totals.statuses == {None: 2, Status.FAILED: 1, Status.PENDING: 1, Status.SENT: 1}
    assert (totals.messages, totals.polled) == (5, 3)
    watched.messages.watch([6], NOW)
    now = 4.9
    assert search.totals() is totals
    now = 5.1
    assert search.totals().statuses[None] == 3


def test_a_message_that_the_report_showed_counts_as_watched(store: Store) -> None:
    store.report_hints.note([Row(9, "Anna", "0")], NOW)
    page: Page[WatchedMessage] = store.search.messages(MessageQuery(watched=True))
    assert [shown.message.id for shown in page.items] == [9]
    assert listed.messages(store, ids=[9])[0].watched
