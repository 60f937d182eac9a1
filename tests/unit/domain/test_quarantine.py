"""What is set aside waits longer and longer; what failed as a whole is divided until the one at fault stands alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.event_data import NumberData
from bridge.domain.events import health_event
from bridge.domain.model import DeliveryState, EventType
from bridge.domain.quarantine import FIRST_WAIT, LONGEST_WAIT, Halving, wait_after
from tests.world.clock import START
from tests.world.metrics import delivery


@given(st.integers(1, 10**9))
def test_waits_grow_up_to_an_hour(count: int) -> None:
    assert FIRST_WAIT <= wait_after(count) <= wait_after(count + 1) <= LONGEST_WAIT == timedelta(hours=1)


@given(st.integers(1, 300), st.sets(st.integers(0, 299), max_size=3))
def test_division_ends_with_those_at_fault_alone(many: int, bad: set[int]) -> None:
    """A digest of many fails as a whole because of a few: all others are sent, in few parts."""
    queued = [replace(delivery(DeliveryState.QUEUED), id=id_) for id_ in range(many)]
    halving, sent, aside, tries = Halving(), set[int](), set[int](), 0
    while queued:
        for part in halving.divided(tuple(queued)):
            tries += 1
            ids = {each.id for each in part}
            if not ids & bad:
                halving.forget(part)
                sent |= ids
            elif not halving.failed(part):
                aside |= ids
        queued = [each for each in queued if each.id not in sent | aside]
    assert aside == bad & set(range(many))
    assert sent == set(range(many)) - bad
    assert tries <= 1 + 20 * (len(bad) + 1)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.sets(st.integers(0, 39), max_size=3))
def test_division_keeps_the_order_of_each_subject(subjects: list[int], bad: set[int]) -> None:
    """Parts go side by side; what is set aside holds up what follows about its subject, and nothing else."""
    about = {id_: f"number/{subject}" for id_, subject in enumerate(subjects)}
    back = NumberData(number="7", whatsapp_client_id=7, since="")
    events = {each: health_event("db", EventType.NUMBER_CONNECTED, each, 1, START, back) for each in about.values()}
    queued = [replace(delivery(DeliveryState.QUEUED), id=id_, event=events[each]) for id_, each in about.items()]
    halving, sent, aside = Halving(), list[int](), set[str]()
    while ready := [each for each in queued if each.event.subject not in aside]:
        parts = halving.divided(tuple(ready))
        assert sum(len({each.event.subject for each in part}) for part in parts) == len(
            {each.event.subject for part in parts for each in part}
        ), "no subject is in two parts"
        for part in parts:
            if not {each.id for each in part} & bad:
                halving.forget(part)
                sent += [each.id for each in part]
            elif not halving.failed(part):
                aside.add(part[0].event.subject)
        queued = [each for each in queued if each.id not in sent]
    order = defaultdict(list)
    for id_ in sent:
        order[about[id_]].append(id_)
    for subject in set(about.values()):
        mine = [id_ for id_, each in about.items() if each == subject]
        assert order[subject] == mine[: next((n for n, id_ in enumerate(mine) if id_ in bad), len(mine))]
