"""Variables are put into values as the shell would, and what they hold is only text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.env_vars import substitute

ENVIRON = {"NAME": "value", "EMPTY": "", "NESTED": "${NAME} $$"}


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a${NAME}b${NAME}", "avaluebvalue"),
        ("${EMPTY}", ""),
        ("${EMPTY:-default}", "default"),
        ("${MISSING:-default}", "default"),
        ("${MISSING:-}", ""),
        ("${NAME:-default}", "value"),
        ("${MISSING:-a b:-c $}", "a b:-c $"),
        ("$$", "$"),
        ("$${NAME}", "${NAME}"),
        ("$$$${NAME}", "$${NAME}"),
        ("$$${NAME}", "$value"),
    ],
)
def test_a_variable_becomes_what_it_holds(text: str, becomes: str) -> None:
    assert substitute(text, ENVIRON) == (becomes, [])


def test_what_a_variable_holds_is_not_looked_at_again() -> None:
    assert substitute("${NESTED}", ENVIRON) == ("${NAME} $$", [])


@pytest.mark.parametrize(
    "text", ["$", "$NAME", "costs $5", "${", "${}", "${1A}", "${NAME", "${NAME-default}", "${A B}"]
)
def test_a_dollar_that_means_nothing_is_told(text: str) -> None:
    _, wrong = substitute(text, ENVIRON)
    assert wrong == ["$ starts a variable: write ${NAME} or ${NAME:-default}, or $$ for a literal dollar"]


def test_each_unset_variable_is_told_once_by_its_name() -> None:
    _, wrong = substitute("${ONE} ${TWO} ${ONE}", ENVIRON)
    assert [what.partition(" is ")[0] for what in wrong] == ["the variable ONE", "the variable TWO"]


@given(st.text(), st.text())
def test_doubled_dollars_come_back_as_they_were_and_a_value_comes_whole(text: str, value: str) -> None:
    assert substitute(text.replace("$", "$$"), {}) == (text, [])
    assert substitute("<${NAME}>", {"NAME": value}) == (f"<{value}>", [])
