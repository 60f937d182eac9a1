"""People find messages among many, within a bound of work, in a real database."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from bridge.domain.errors import UsageError
from bridge.domain.model import Details, Status
from bridge.store.activity import MOST_TAGS_SHOWN
from bridge.store.finding import MOST_COUNTED
from bridge.store.search import MessageQuery
from tests.world.plans import is_slow, plans
from tests.world.records import NOW, after, fail_some, observe, statements

if TYPE_CHECKING:
    from bridge.store.finding import Found
    from bridge.store.store import Store

BILLING = MessageQuery(tags={"team": "billing"})


def ids(found: Found) -> list[int]:
    return [each.message.id for each in found.page.items]


def walk(store: Store, query: MessageQuery, most: int) -> list[list[int]]:
    """Find page after page; the ids of each."""
    cursor: str | None = None
    listed = []
    while True:
        found = store.search.find(query, cursor, most)
        listed.append(ids(found))
        if (cursor := found.page.next) is None:
            return listed


@pytest.fixture
def mixed(store: Store) -> Store:
    """Twenty messages, changed a second apart: odd ones failed, even ones were sent, each fifth is billing's."""
    for id_ in range(1, 21):
        store.messages.watch([id_], NOW, Details(None, {"team": "sales" if id_ % 5 else "billing"}))
        observe(store, id_, Status.FAILED if id_ % 2 else Status.SENT, after(id_))
    return store


@pytest.mark.slow
@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("most_looked_at", [1, 2, 3, 7, 10, 11, 50])
def test_bounded_search_finds_everything_once_in_order(mixed: Store, oldest_first: bool, most_looked_at: int) -> None:
    mixed.search.most_looked_at = most_looked_at
    expected = [5, 10, 15, 20] if oldest_first else [20, 15, 10, 5]
    query = MessageQuery(tags={"team": "billing"}, oldest_first=oldest_first)
    for most in (1, 2, 3, 50):
        listed = walk(mixed, query, most)
        assert [*chain(*listed)] == expected
        assert all(len(page) <= most for page in listed)


def test_search_says_how_far_it_looked_and_counted(mixed: Store) -> None:
    mixed.search.most_looked_at = 3
    first = mixed.search.find(BILLING)  # of each status, the latest three: 20 18 16, and 19 17 15
    assert (ids(first), first.count, first.counted_to, first.looked_to) == ([20], 1, after(16), after(16))
    second = mixed.search.find(BILLING, first.page.next)
    assert (ids(second), second.count, second.counted_to, second.looked_to) == ([15], 1, after(16), after(11))
    mixed.search.most_looked_at = 50
    whole = mixed.search.find(BILLING)
    assert (whole.count, whole.counted_to, whole.looked_to) == (4, None, None)
    assert mixed.search.find(BILLING, most=2).count == 4


def test_period_and_status_bound_what_is_looked_through(mixed: Store) -> None:
    mixed.search.most_looked_at = 3
    query = MessageQuery(tags=BILLING.tags, statuses=(Status.FAILED,), since=after(13), until=after(18))
    found = mixed.search.find(query)
    assert (ids(found), found.count) == ([15], 1)
    assert found.looked_to == after(13)


@pytest.mark.slow
def test_what_an_index_finds_is_counted_exactly_to_ten_thousand(store: Store) -> None:
    store.messages.watch(range(1, MOST_COUNTED + 1), NOW)
    assert store.search.find(MessageQuery()).count == MOST_COUNTED
    fail_some(store, [MOST_COUNTED + 1], to=())
    assert store.search.find(MessageQuery()).count == MOST_COUNTED + 1
    assert store.search.find(MessageQuery(statuses=(Status.FAILED,))).count == 1
    assert store.search.find(MessageQuery(ids=(1, 2, 99_999))).count == 2
    store.messages.watch(range(MOST_COUNTED + 2, 2 * MOST_COUNTED), NOW)
    assert store.search.find(MessageQuery()).count == MOST_COUNTED + 1
    with plans(store) as how:
        store.search.find(MessageQuery())
        store.search.find(MessageQuery(statuses=(Status.FAILED,), since=after(-5), oldest_first=True))
        store.search.find(MessageQuery(statuses=(Status.FAILED,), text="x"))
    assert not [plan for plan in how if is_slow(plan.replace("SCAN messages USING INDEX messages_unseen", ""))
                and "SCAN anon" not in plan]  # fmt: skip


def test_cursor_of_the_other_order_is_refused(mixed: Store) -> None:
    latest, oldest = MessageQuery(), MessageQuery(oldest_first=True)
    assert ids(mixed.search.find(oldest, most=3)) == [1, 2, 3]
    for query, other in ((latest, oldest), (oldest, latest)):
        with pytest.raises(UsageError, match="cursor"):
            mixed.search.find(query, mixed.search.find(other, most=3).page.next)
        assert mixed.search.messages(query, mixed.search.messages(query, most=19).next).items


@pytest.mark.slow
def test_recent_tags_are_offered_in_bounds(store: Store) -> None:
    assert store.activity.recent_tags() == {}
    fail_some(store, [1, 2], to=())  # a reason stands beside the tags
    store.messages.watch([3], NOW, Details(None, {"team": "billing", "Zone": "é=ü", "%": ""}))
    observe(store, 3, Status.SENT)
    store.messages.watch([4], NOW, Details(None, {"team": "sales"}))
    observe(store, 4, Status.SENT, NOW + timedelta(hours=1))
    assert store.activity.recent_tags() == {"team": ["sales", "billing"], "Zone": ["é=ü"], "%": [""]}
    for name in range(MOST_TAGS_SHOWN + 5):
        for value in range(MOST_TAGS_SHOWN + 5):
            statements(
                store,
                "INSERT INTO activity (kind, slot, value, status, count) "
                f"VALUES ('tags.a{name:02}', 1000000, 'v{value}', 'sent', 1)",
            )
    found = store.activity.recent_tags()
    assert len(found) == MOST_TAGS_SHOWN
    assert {len(values) for name, values in found.items() if name.startswith("a")} == {MOST_TAGS_SHOWN}
