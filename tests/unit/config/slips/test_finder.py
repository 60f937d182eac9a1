"""Whatever a text is, looking for slips ends with a place in it, or with nothing where it is YAML."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.slips.excerpt import excerpt
from bridge.config.slips.finder import LIKELY, LOADER, NEAR, STRONG, find_slip
from bridge.config.slips.lines import LINE_END
from bridge.config.slips.values import second_look

NOISE = "ab1 \n\t:-[]{},\"'#&*!|>@`%=$“”–：\xa0\\"
TEXTS = st.one_of(st.text(), st.text(NOISE), st.lists(st.text(NOISE, max_size=20)).map("\n".join))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(NOISE), st.text("abc "))
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc-: “", min_size=1), inner, max_size=4),
)


def is_yaml(text: str) -> bool:
    try:
        list(yaml.parse(text, Loader=LOADER))
    except yaml.YAMLError:
        return False
    return True


@given(TEXTS)
def test_slip_is_found_where_a_text_is_no_yaml_and_is_within_it(text: str) -> None:
    slip = find_slip(text)
    assert (slip is None) == is_yaml(text)
    if slip is not None:
        lines = LINE_END.split(text)
        assert 1 <= slip.line <= len(lines)
        assert 1 <= slip.column <= len(lines[slip.line - 1]) + 1
        assert slip.what


@given(DOCUMENTS, st.sampled_from([True, False, None]), st.integers(2, 8), st.booleans())
def test_document_of_a_program_has_no_slip(document: object, flow: bool | None, indent: int, wide: bool) -> None:
    width = 9999 if wide else 20
    text = yaml.safe_dump(document, default_flow_style=flow, indent=indent, allow_unicode=wide, width=width)
    assert find_slip(text) is None


@given(TEXTS, st.integers(-1, 9), st.integers(-1, 30))
def test_any_line_and_column_can_be_looked_at(text: str, line: int, column: int) -> None:
    lines = LINE_END.split(text)
    second_look(lines, line, column)
    excerpt(lines, line, column)


@given(TEXTS, st.integers(0, 9))
def test_rule_offers_repairs_within_the_text(text: str, at: int) -> None:
    lines = LINE_END.split(text)
    i = min(at, len(lines) - 1)
    for rule in (*STRONG, *LIKELY, *NEAR):
        for repair in rule(lines, i):
            assert 0 <= repair.line < len(lines)
            assert 0 <= repair.column <= len(lines[repair.line])


@pytest.mark.parametrize(
    "text",
    [
        "a: [" * 20_000,
        'a: "' * 20_000,
        "\n".join(f'- {{id: {number}, label: "x}}' for number in range(20_000)),
        "messages:\n" + "  - 1\n" * 100_000 + " - 2\n",
        "\t- 1\n" * 100_000,
        "x" * 1_000_000 + ": [",
    ],
    ids=["brackets", "quotes", "open quotes", "long list", "tabs", "long line"],
)
def test_large_text_is_looked_at_in_bounded_time(text: str) -> None:
    started = time.perf_counter()
    assert find_slip(text)
    assert time.perf_counter() - started < 10
