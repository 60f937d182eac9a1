"""What would drive a terminal is shown as an escape; all other text stays as it is."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.table import aligned
from bridge.domain.sanitization import neutral, neutral_json, one_line, squeezed

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
WORST = ["\x1b[2J", "\x1b]52;c;aGk=\x07", "\x9b31m", *BIDI, "\r", "\b", "\x7f", "\u2028", "\U000e0041", "\ud800"]
any_text = st.lists(st.text(max_size=20) | st.sampled_from(WORST), max_size=6).map("".join)


def drives(text: str) -> bool:
    return any(unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} or each in BIDI for each in text)


@given(any_text)
def test_nothing_neutral_drives_a_terminal(text: str) -> None:
    assert not drives(neutral(text).replace("\n", "").replace("\t", ""))
    assert not drives(one_line(text))
    assert not drives(squeezed(text))


@given(any_text)
def test_neutral_json_reads_the_same(text: str) -> None:
    for ascii_only in (True, False):
        written = neutral_json(json.dumps({text: text}, ensure_ascii=ascii_only))
        assert not drives(written)
        assert json.loads(written) == {text: text}


def test_ordinary_text_stays() -> None:
    for text in ("Facture n° 88 « Ωmega » 🧾", "नमस्ते", "👩‍💻", "نمی‌خواهم", "tab\tand\nlines"):
        assert neutral(text) == text


def test_line_break_is_shown_in_a_line_and_a_space_in_a_table() -> None:
    assert one_line("  two\n lines\tand\r\x1b") == r"  two\n lines\tand\r\x1b"
    assert squeezed("  two\n lines\tand\r\x1b") == r"two lines and \x1b"


@given(st.lists(st.lists(any_text.map(squeezed), min_size=3, max_size=3), min_size=1, max_size=5))
def test_lines_of_a_table_have_no_padding_at_their_ends(rows: list[list[str]]) -> None:
    for line, row in zip(aligned(rows), rows, strict=True):
        assert line == line.rstrip()
        assert all(cell.strip() in line for cell in row)


def test_long_cell_pushes_only_its_own_line_apart() -> None:
    rows = [["1", "short", "end"], ["2", "x" * 3000, "end"]]
    assert [len(line) for line in aligned(rows)] == [3 + 48 + 2 + 3, 3 + 3000 + 2 + 3]
