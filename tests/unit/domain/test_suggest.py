"""What was meant, guessed from what was written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.suggest import nearest, suggestion

NAMES = ("status", "since", "until", "cursor")


def test_nearest_name_is_found_whatever_its_case() -> None:
    assert [nearest(name, NAMES) for name in ("statu", "SINCE", "curser", "limit")] == [
        "status",
        "since",
        "cursor",
        None,
    ]


def test_suggestion_points_or_lists() -> None:
    assert suggestion("stauts", NAMES) == "did you mean `status`?"
    assert suggestion("colour", NAMES) == "allowed: cursor, since, status, until"


@given(st.text(), st.lists(st.text()))
def test_nearest_is_one_of_the_allowed(name: str, allowed: list[str]) -> None:
    assert nearest(name, allowed) in {None, *allowed}
