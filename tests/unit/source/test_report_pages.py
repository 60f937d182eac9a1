"""Which pages of the report are read: all that can show something new, and few others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.source.report_pages import Reading, next_page
from bridge.source.report_response import PAGE


def read(before: Reading | None, total: int) -> list[int]:
    """List the pages of one reading."""
    pages: list[int] = []
    number: int | None = 1
    while number is not None:
        pages.append(number)
        number = next_page(before, number, total)
    return pages


def test_the_first_reading_is_of_all_pages() -> None:
    assert read(None, 0) == [1]
    assert read(None, PAGE) == [1]
    assert read(None, PAGE + 1) == [1, 2]
    assert read(None, 50 * PAGE) == list(range(1, 51))


def test_pages_on_which_all_was_finished_are_not_read_again() -> None:
    assert read(Reading(50 * PAGE, (2, 7)), 50 * PAGE) == [1, 2, 7]
    assert read(Reading(50 * PAGE, ()), 50 * PAGE) == [1]


def test_new_rows_are_looked_for_at_both_ends_and_what_they_move_where_it_may_be_now() -> None:
    assert read(Reading(50 * PAGE, (2, 7)), 50 * PAGE + 1) == [1, 2, 3, 7, 8, 51]
    assert read(Reading(50 * PAGE - 1, (49, 50)), 50 * PAGE) == [1, 2, 49, 50]


def test_when_rows_have_gone_all_is_read() -> None:
    assert read(Reading(50 * PAGE, (2,)), 50 * PAGE - 1) == list(range(1, 51))


@given(
    before=st.lists(st.booleans(), max_size=1500),
    came=st.integers(0, 700),
    newest_first=st.booleans(),
)
def test_in_either_order_no_new_and_no_unfinished_row_is_missed(
    before: list[bool], came: int, newest_first: bool
) -> None:
    """``before`` tells of each row whether its message was finished."""
    open_pages = {place // PAGE + 1 for place, finished in enumerate(before) if not finished}
    after = [False] * came + before if newest_first else before + [False] * came
    pages = read(Reading(len(before), tuple(sorted(open_pages))), len(after))
    assert {place // PAGE + 1 for place, finished in enumerate(after) if not finished} <= set(pages)
    assert pages == sorted(set(pages))
    assert len(pages) <= 1 + (len(open_pages) + 2) * (2 + came // PAGE), "and few others"
