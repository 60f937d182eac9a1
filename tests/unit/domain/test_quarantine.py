"""What is set aside waits longer and longer; what failed as a whole is divided until the one at fault stands alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.model import DeliveryState
from bridge.domain.quarantine import FIRST_WAIT, LONGEST_WAIT, Halving, wait_after
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
