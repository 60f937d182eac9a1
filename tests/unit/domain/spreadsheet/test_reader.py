"""Lists in CSV: as spreadsheets save them, as people write them, and what is wrong with them in words with a place."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.model import LARGEST_ID, LONGEST_LABEL, Details
from bridge.domain.spreadsheet.handover import (
    LARGEST_CSV,
    MOST_ROWS,
    InvalidCsvError,
    read_list,
)
from bridge.domain.spreadsheet.reader import cell_starts, read_messages

if TYPE_CHECKING:
    from bridge.domain.spreadsheet.reader import CsvFault, CsvMessage

ID = f"a message id is a whole number (allowed: 1 to {LARGEST_ID})"
TABLE = "id,label,tags.team,expected_at\n1,Invoice 88,billing,2026-12-24T09:00+05:30\n2,,,\n"


def read(text: str | bytes) -> tuple[list[CsvMessage], list[str]]:
    faults: list[CsvFault] = []
    content = text.encode() if isinstance(text, str) else text
    return list(read_messages(content, faults.append)), list(map(str, faults))


def ids(text: str | bytes) -> list[int]:
    messages, faults = read(text)
    assert faults == []
    return [each.id for each in messages]


def faults(text: str | bytes) -> list[str]:
    return read(text)[1]


def test_row_says_what_an_entry_in_yaml_says() -> None:
    messages, wrong = read(TABLE)
    assert wrong == []
    at = datetime(2026, 12, 24, 3, 30, tzinfo=UTC)
    assert [(each.id, each.details, each.line) for each in messages] == [
        (1, Details("Invoice 88", {"team": "billing"}, at), 2),
        (2, Details(), 3),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_list_is_read_however_a_spreadsheet_saved_it(delimiter: str, end: str, encoding: str) -> None:
    text = TABLE.replace(",", delimiter).replace("\n", end)
    assert read(text.encode(encoding)) == read(TABLE)


@pytest.mark.parametrize(
    "text",
    [
        "id,label\n\n1,a\n\n\n2,b\n\n",
        "id,label,\n1,a,\n2,b,\n",
        "id,label,,\n1,a\n2\n,,,\n,,,\n",
        " ID , Label\n1,a\n2,b\n",
        "\n  \nid\n1\n2\n",
        "sep=;\r\nid;label\r\n1;a,b\r\n2;c\r\n",
        "id;status;since;error;polled_at\n1;sent;2026;;\n2;failed;;no;\n",
        '"id","label"\n"1","a"\n"2","b"',
        "Label,Expected At,ID,TAGS.team\nx,,1,\n,,2,y\n",
        "1\n2",
        "# of today\n1 # Ada\n\n 2\n",
    ],
)
def test_what_spreadsheets_and_people_leave_in_is_no_error(text: str) -> None:
    assert ids(text) == [1, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id\n0\n", f"2:1: id: {ID}"),
        ("label,id\nx,-1\n", f"2:3: id: {ID}"),
        ("id\n99999999999999999999\n", f"2:1: id: {ID}"),
        ("id\n=1+1\n", f"2:1: id: {ID}"),
        ("id\n1.2E+05\n", "2:1: id: 1.2E+05 is a number that a spreadsheet has shortened: format the column as a "),
        ("1,2E+05\n", "1:1: the first line must name the columns, for example `id,label`; a list of ids alone has "),
        ("1\n1.2e5\n", "2:1: 1.2e5 is a number that a spreadsheet has shortened"),
        ("id,label\n,x\n", "2:1: id: the id is missing in this row"),
        (f"id,label\n1,{'x' * 1001}\n", f"2:3: label: must be text (allowed: up to {LONGEST_LABEL} characters)"),
        (f"id,tags.k\n1,{'x' * 201}\n", "2:3: tags.k: must be text (allowed: up to 200 characters)"),
        ("id,expected_at\n1,tomorrow\n", "2:3: expected_at: not a moment with its time zone (allowed: e.g. "),
        ("id,label\n1,a\0b\n", "2:3: label: there is a NUL byte in this cell (allowed: text)"),
        ("id,label\n1,a,b\n", "2:5: this cell is in no column: the first line names none for it"),
        ("id,lable\n1,x\n", "1:4: lable: unknown column (did you mean `label`?)"),
        ("id,tag.team\n1,x\n", "1:4: tag.team: unknown column (did you mean `tags.team`?)"),
        ("id,shoe size\n1,x\n", "1:4: shoe size: unknown column (allowed: id, label, expected_at, tags.NAME)"),
        ("id,tags.\n1,x\n", "1:4: tags.: the tag's name is too long or empty (allowed: 1 to 64 characters)"),
        ("id,label,Label\n1,x,y\n", "1:10: Label: this column appears twice (first as column 2); keep one"),
        ("label\nx\n", "1:1: there is no column `id` (allowed: id, label, expected_at, tags.NAME)"),
        ("12345,Ada\n", "1:1: the first line must name the columns, for example `id,label`"),
        ('id,label\n1,"x\n2,y\n', '2:3: a quote (") opens here and is not closed in its cell'),
        ('id,label\n1,"x" y\n', '2:3: a quote (") opens here and is not closed in its cell'),
        ("id,label\n1," + "x" * 200_000, "2:3: this cell is too long (allowed: up to 1000 characters)"),
        ("", "1:1: it is empty: the first line names the columns, for example `id,label`"),
        ("\n \n", "1:1: it is empty"),
        ("id\n1".encode("utf-16-le"), "1:1: this is text in UTF-16 without a byte order mark: save it as CSV UTF-8"),
        ("id\n1".encode("utf-16")[:-1], "1:1: this is not valid UTF-16: save it as CSV UTF-8"),
        ("id,label\n1,Größe\n".encode("latin-1"), "2:5: this is not UTF-8 text: save it as CSV UTF-8"),
        (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "1:1: this is an Excel workbook: save it as CSV UTF-8"),
        (b"PK\x03\x04\x14\0\x06\0sent.csv", "1:1: this is a Word, Excel or zip file: save it as CSV UTF-8"),
        (b"%PDF-1.7", "1:1: this is a PDF: save it as CSV UTF-8"),
    ],
)
def test_fault_is_told_with_its_place(text: str | bytes, expected: str) -> None:
    found = faults(text)
    assert len(found) == 1, found
    assert found[0].startswith(expected)


def test_all_that_is_wrong_is_told_at_once_and_the_rest_is_read() -> None:
    tags = [f"tags.t{number}" for number in range(21)]
    rows = ["x,a", "2,b", f"3,c{',v' * 21}", '4,"d\ne"', "5,f,,,0", "-,,", "6,g"]
    messages, found = read("\n".join([",".join(["id", "label", *tags]), *rows]))
    assert [each.id for each in messages] == [2, 4, 5, 6]
    assert [each.line for each in messages] == [3, 5, 7, 9], "a row may have several lines"
    assert found == [f"2:1: id: {ID}", "4:1: tags: too many tags (allowed: up to 20)", f"8:1: id: {ID}"]


def test_quote_that_is_never_closed_swallows_nothing_unnoticed() -> None:
    content = 'id,label\n1,"x\n' + "".join(f"{number},Invoice\n" for number in range(2, 50_000))
    assert faults(content) == [
        '2:3: a quote (") opens here and is not closed in its cell; a quote inside a cell is written twice ("")'
    ]


def test_place_in_a_row_of_several_lines_is_that_of_the_cell() -> None:
    assert faults('id,label,tags.k,expected_at\n1,"a\n""b"", c",x,never\n')[0].startswith("3:13: expected_at: ")


@given(st.lists(st.lists(st.text(alphabet='a",;\n\r\t '), min_size=1, max_size=4), min_size=1, max_size=1))
def test_cells_begin_where_the_module_csv_has_them(rows: list[list[str]]) -> None:
    text = ",".join('"{}"'.format(cell.replace('"', '""')) for cell in rows[0])
    starts = cell_starts(text, ",")
    assert len(starts) == len(rows[0])
    for start, cell in zip(starts, rows[0], strict=True):
        (read_from_there,) = csv.reader([text[start:]], strict=True)
        assert read_from_there[0] == cell


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_comes_is_read_or_refused_in_words(content: bytes) -> None:
    messages, wrong = read(b"id,label\n" + content)
    assert all(0 < each.id <= LARGEST_ID for each in messages)
    assert all(": " in each for each in wrong)


def test_handed_over_list_is_whole_or_refused() -> None:
    assert [each.id for each in read_list(b"id\n5\n4\n")] == [5, 4]
    for content, words in (
        (b"id\n5\n\n6\n5\n", "line 4: id: the id 5 is listed twice (first on line 2); keep one"),
        (b"id\n+919876543210\n", "line 2: id: this looks like a phone number"),
        (b"id,label\n", "line 1: there is no message in it"),
        (b"id\nx\ny\nz\n", f"line 2: id: {ID} (and 2 more)"),
        (b"id\n" + b"1" * LARGEST_CSV, "line 1: the list is too large (allowed: up to 5 MB)"),
    ):
        with pytest.raises(InvalidCsvError) as caught:
            read_list(content.replace(b"\n\n6", b"\n6"))
        assert str(caught.value).startswith(words)


@pytest.mark.slow
def test_row_too_many_is_named() -> None:
    content = "id\n" + "".join(f"{number}\n" for number in range(1, MOST_ROWS + 1))
    assert len(read_list(content.encode())) == MOST_ROWS
    with pytest.raises(InvalidCsvError) as caught:
        read_list(f"{content}{MOST_ROWS + 1}\n".encode())
    assert str(caught.value) == "line 100002: too many rows (allowed: 100,000); hand them over in parts"


def test_faults_of_a_list_in_the_wrong_form_are_counted() -> None:
    with pytest.raises(InvalidCsvError) as caught:
        read_list(("id\n" + "x\n" * 50_000).encode())
    assert (len(caught.value.faults), caught.value.count) == (20, 50_000)
