"""Nodes divide rate and receivers: each by itself, and all the same."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.assignment import assign, fair_share

_names = st.sets(st.sampled_from("abcdefgh"))


@given(st.lists(st.tuples(st.sampled_from(["join", "leave", "beat"]), st.integers(0, 9)), max_size=40))
def test_together_they_never_exceed_the_whole_and_end_with_equal_shares(steps: list[tuple[str, int]]) -> None:
    shares: dict[int, float] = {}
    for step, node in steps:
        if step == "leave":
            shares.pop(node, None)
        elif step == "join" or node in shares:
            shares[node] = fair_share([share for other, share in shares.items() if other != node])
        assert sum(shares.values()) <= 1 + 1e-9
    for _ in range(2):
        for node in shares:
            shares[node] = fair_share([share for other, share in shares.items() if other != node])
    assert all(share == pytest.approx(1 / len(shares)) for share in shares.values())


def test_a_newcomer_waits_until_there_is_room() -> None:
    assert fair_share([1.0]) == 0
    assert fair_share([0.5]) == 0.5
    assert fair_share([]) == 1


@given(st.dictionaries(st.integers(1, 50), _names, max_size=5))
def test_each_receiver_goes_to_one_node_that_has_it(wants: dict[int, set[str]]) -> None:
    given = assign(wants)
    assert given.keys() == {name for names in wants.values() for name in names}
    assert all(name in wants[node] for name, node in given.items())
    assert assign(dict(reversed(wants.items()))) == given, "each node computes by itself"


@given(st.sets(st.integers(1, 50), min_size=1, max_size=5), _names)
def test_nodes_with_one_configuration_get_about_as_many_each(nodes: set[int], names: set[str]) -> None:
    load = Counter(assign(dict.fromkeys(nodes, names)).values())
    assert max(load[node] for node in nodes) - min(load[node] for node in nodes) <= 1
