"""Outcomes have one name each, wherever they are recorded, counted or shown."""

from __future__ import annotations

from typing import get_args

from bridge.domain.outcome import Dead, Delivered, OutcomeName, Retry, name_of, why_of


def test_each_outcome_has_a_name_of_its_own() -> None:
    assert [name_of(each) for each in (Delivered(), Retry("HTTP 502"), Dead("HTTP 410"))] == [*get_args(OutcomeName)]


def test_why_is_said_of_what_was_not_delivered() -> None:
    assert [why_of(each) for each in (Delivered(), Retry("HTTP 502"), Dead("HTTP 410"))] == [
        None,
        "HTTP 502",
        "HTTP 410",
    ]
