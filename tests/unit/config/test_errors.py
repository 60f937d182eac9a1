"""Faults are one line each, in the order of their places, and never too many of a kind."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bridge.config.errors import MOST_OF_A_KIND, Fault, Faults, InvalidConfiguration, Place
from bridge.domain.errors import ConfigurationError
from bridge.domain.sanitization import one_line
from bridge.domain.suggest import suggestion
from tests.unit.domain.test_sanitization import drives

FILE = Path("config.yaml")


def test_a_fault_names_its_file_line_column_and_key() -> None:
    assert str(Fault(Place(FILE, 3, 7, "poll.every"), "is wrong")) == "config.yaml:3:7: poll.every: is wrong"
    assert str(Fault(Place(FILE), "is wrong")) == "config.yaml:1:1: is wrong"


@given(name=st.text(min_size=1), key=st.text(), what=st.text())
def test_whatever_it_is_about_a_fault_is_one_line_without_control_characters(name: str, key: str, what: str) -> None:
    assert not drives(str(Fault(Place(Path(name), 1, 1, key), what)))


@given(st.text())
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    if text.isprintable():
        assert one_line(text) == text


def test_faults_are_counted_and_stand_in_the_order_of_their_places() -> None:
    faults = [Fault(Place(FILE, *at), "wrong") for at in [(10, 1), (2, 5), (2, 1)]]
    error = InvalidConfiguration(faults)
    assert isinstance(error, ConfigurationError)
    assert [(fault.place.line, fault.place.column) for fault in error.faults] == [(2, 1), (2, 5), (10, 1)]
    assert str(error).splitlines() == ["the configuration is invalid (3 errors):", *map(str, error.faults)]


def test_of_each_kind_the_first_are_told_and_the_rest_counted_where_it_begins() -> None:
    faults = Faults()
    for line in range(1, MOST_OF_A_KIND + 11):
        faults.add(Place(FILE, line), "is wrong")
        faults.add(Place(FILE, line), f"{line} is too much", "too much")
    faults.add(Place(FILE, 99), "is alone")
    told = [str(fault) for fault in InvalidConfiguration(faults.all()).faults]
    assert len(told) == 2 * MOST_OF_A_KIND + 3
    assert told.count("config.yaml:21:1: … and 10 more of this kind, from here on") == 2
    assert told[-1] == "config.yaml:99:1: is alone"


def test_a_misspelt_name_is_answered_with_the_nearest_else_with_all() -> None:
    assert suggestion("recievers", ["receivers", "retention"]) == "did you mean `receivers`?"
    assert suggestion("POLL", ["poll", "log"]) == "did you mean `poll`?"
    assert suggestion("xyz", ["poll", "log"]) == "allowed: log, poll"
