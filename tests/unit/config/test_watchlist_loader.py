"""Lists of ids: what is counted, what is found, and how large they may be."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.domain.model import LARGEST_ID, LONGEST_LABEL, LONGEST_TAG, LONGEST_TAG_NAME, MOST_TAGS, Details
from bridge.domain.redaction import clean_text
from tests.unit.config.world import LEAST, Folder

if TYPE_CHECKING:
    from bridge.config.models import Config

LIST = f"{LEAST}    messages: [{{include: ids.txt}}]\n"


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(st.integers(1, LARGEST_ID), unique=True, max_size=20),
    end=st.sampled_from(["\n", "\r\n", "  \n", " # a comment with ünicode\n", "\n\n# alone\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_plain_text_is_read_however_it_was_written(folder: Folder, ids: list[int], end: str, mark: str) -> None:
    folder.write((mark + "".join(f"{id_}{end}" for id_ in ids)).encode(), "ids.txt")
    assert set(folder.load(LIST).watchlist.ids()) == set(ids)


def test_text_in_another_encoding_is_told_once_with_its_place(folder: Folder) -> None:
    folder.write("1\n2 # Größe\n3 # Größe\n".encode("latin-1"), "ids.txt")
    assert folder.faults(LIST) == ["ids.txt:2:7: not UTF-8 text (save the file with the encoding UTF-8)"]


def test_a_list_that_stands_twice_is_told_in_seconds_not_line_by_line(folder: Folder) -> None:
    folder.write("".join(f"{id_}\n" for id_ in range(1, 100_001)) * 2, "ids.txt")
    started = time.process_time()
    faults = folder.faults(LIST)
    assert time.process_time() - started < 10, "reading the file again for each of them would take hours"
    assert faults[0] == "ids.txt:100001:1: the id 1 is listed twice (first in ids.txt:1); keep one"
    assert faults[20:] == ["ids.txt:100021:1: … and 99980 more of this kind, from here on"]


def test_the_same_file_included_twice_repeats_its_ids(folder: Folder) -> None:
    folder.write("# two\n007\n", "ids.txt")
    faults = folder.faults(f"{LEAST}    messages: [{{include: ids.txt}}, {{include: '*.txt'}}]\n")
    assert faults == ["ids.txt:2:1: the id 7 is listed twice (first in ids.txt:2); keep one"]


@pytest.mark.slow
def test_a_hundred_thousand_ids_in_yaml_take_about_a_second(folder: Folder) -> None:
    text = LEAST + "    messages:\n" + "".join(f"    - {id_}\n" for id_ in range(1, 100_001))
    path = folder.write(text)
    started = time.process_time()
    assert len(folder.load().watchlist) == 100_000
    assert time.process_time() - started < 10, "it takes one; a busy machine must not make this fail"
    assert path.exists()


def test_files_that_include_each_other_are_told(folder: Folder) -> None:
    folder.write("- include: b.yaml\n", "a.yaml")
    folder.write("- 1\n- include: a.yaml\n", "b.yaml")
    (fault,) = folder.faults(f"{LEAST}    messages: [{{include: a.yaml}}]\n")
    assert fault == "b.yaml:2:12: [1].include: a.yaml includes itself; remove the include"
    (fault,) = folder.faults(f"{LEAST}    messages: [{{include: config.yaml}}]\n")
    assert fault.endswith("config.yaml includes itself; remove the include")


def test_a_long_chain_of_files_ends_in_a_fault(folder: Folder) -> None:
    for number in range(400):
        folder.write(f"- include: {number + 1}.yaml\n", f"{number}.yaml")
    (fault,) = folder.faults(f"{LEAST}    messages: [{{include: 0.yaml}}]\n")
    assert "files include each other too deeply (allowed: 10 levels)" in fault


def test_an_include_in_a_folder_with_brackets_in_its_name_is_found(folder: Folder) -> None:
    inner = Folder(folder.path / "[live]")
    inner.write("1\n", "watch.d/ids.txt")
    assert set(inner.load(f"{LEAST}    messages: [{{include: watch.d/*.txt}}]\n").watchlist.ids()) == {1}


def test_faults_of_an_included_file_name_that_file(folder: Folder) -> None:
    folder.write("- {id: 1, lable: x}\n- {id: 2, label: ${NOWHERE}}\n- 1\n  x: [\n", "a.yaml")
    folder.write("- {id: 1, lable: x}\n- {id: 2, label: '${NOWHERE}'}\n", "b.yaml")
    faults = folder.faults(f"{LEAST}    messages: [{{include: a.yaml}}, {{include: b.yaml}}, {{include: gone.txt}}]\n")
    assert [fault.partition(": ")[0] for fault in faults] == [
        "a.yaml:2:18",
        "b.yaml:1:11",
        "b.yaml:2:18",
        "config.yaml:4:60",
    ]
    assert faults[-1].endswith("messages[2].include: gone.txt: no such file")


def test_labels_and_tags_have_bounds(folder: Folder) -> None:
    def entry(label: int, key: int, value: int, count: int) -> str:
        tags = ", ".join(f"{'k' * (key - 3)}{number:03}: {'v' * value}" for number in range(count))
        return f"{LEAST}    messages: [{{id: 1, label: {'l' * label}, tags: {{{tags}}}}}]\n"

    most = (LONGEST_LABEL, LONGEST_TAG_NAME, LONGEST_TAG, MOST_TAGS)
    assert len(folder.load(entry(*most)).watchlist.details(1).tags) == MOST_TAGS
    for position in range(4):
        over = [bound + (index == position) for index, bound in enumerate(most)]
        assert folder.faults(entry(*over)), over


def test_numbers_in_tags_are_taken_as_they_were_written_on_both_sides(folder: Folder) -> None:
    tags = "{order: 007, share: 1.50, vip: yes, floor: -0}"
    loaded = folder.load(f"{LEAST}        match: {{tags: {tags}}}\n    messages: [{{id: 1, tags: {tags}}}]\n")
    written = {"order": "007", "share": "1.50", "vip": "yes", "floor": "-0"}
    assert loaded.receivers[0].match.tags == {key: (value,) for key, value in written.items()}
    assert loaded.watchlist.details(1) == Details(tags=written)


def test_labels_are_made_storable(folder: Folder) -> None:
    loaded = folder.load(
        f'{LEAST}    messages: [{{id: 1, label: "a\\0${{BYTES}}"}}]\n',
        {"KEY": "k", "SLACK": "https://a.b/", "BYTES": "\udc80"},
    )
    assert loaded.watchlist.details(1).label == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"


def listed(folder: Folder, content: str, name: str = "list.json") -> Config:
    folder.write(content.encode(), name)
    return folder.load(f"{LEAST}    messages: [{{include: {name}}}]\n")


LABELS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
JSON_LISTS = st.lists(
    st.builds(
        lambda id_, label, tags: {"id": id_, "label": label, "tags": tags},
        st.integers(1, LARGEST_ID) | st.integers(1, LARGEST_ID).map(str),
        LABELS,
        st.dictionaries(LABELS.filter(bool).map(lambda key: key[:60]), LABELS | st.integers(), max_size=3),
    ),
    unique_by=lambda each: int(each["id"]),
    max_size=5,
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(JSON_LISTS, st.sampled_from([None, 2]), st.booleans())
def test_list_that_json_writes_is_read(folder: Folder, ids: list[Any], indent: int | None, ascii_only: bool) -> None:
    """Whatever a program's ``json.dumps`` makes of labels and tags is the same in the watch list (issue 17, 2)."""
    found = listed(folder, json.dumps(ids, indent=indent, ensure_ascii=ascii_only)).watchlist
    for each in ids:
        tags = {clean_text(key): clean_text(str(value)) for key, value in each["tags"].items()}
        assert found.details(int(each["id"])) == Details(clean_text(each["label"]), tags)


def test_emoji_in_halves_is_one_character_in_yaml_too(folder: Folder) -> None:
    """``json.dumps`` of a label with an emoji, in a list of any name: the whole configuration was refused."""
    content = json.dumps([{"id": 1, "label": "Rechnung 🧾 \\ud83e"}, {"id": 2, "label": 'half "\ud83e" \\'}])
    for name in ("list.json", "list.yaml", "list.yml"):
        found = listed(folder, content, name).watchlist
        assert found.details(1).label == "Rechnung 🧾 \\ud83e"
        assert found.details(2).label == 'half "\N{REPLACEMENT CHARACTER}" \\'


def test_dollar_in_json_is_a_dollar(folder: Folder) -> None:
    content = json.dumps([{"id": 1, "label": "$5 for ${NOBODY} and $$"}])
    assert listed(folder, content).watchlist.details(1).label == "$5 for ${NOBODY} and $$"
    folder.write(content.encode(), "list.yaml")
    assert folder.faults(f"{LEAST}    messages: [{{include: list.yaml}}]\n")


def test_digits_in_quotes_are_ids_and_json_tags_keep_their_writing(folder: Folder) -> None:
    content = '[{"id": "12", "tags": {"price": 1.10, "vip": true, "n": 1e3}}, "13", "007", 14]'
    found = listed(folder, content).watchlist
    assert set(found.ids()) == {12, 13, 7, 14}
    assert found.details(12).tags == {"price": "1.10", "vip": "true", "n": "1e3"}


@pytest.mark.parametrize("name", ["list.json", "list.yaml", "list.txt"])
def test_phone_number_as_an_id_is_warned_of(folder: Folder, name: str) -> None:
    content = "+919876543210\n" if name.endswith("txt") else '["+919876543210"]'
    loaded = listed(folder, content, name)
    assert set(loaded.watchlist.ids()) == {919876543210}
    (warning,) = loaded.warnings()
    assert re.search(rf"{name}:1:\d+: .*looks like a phone number; a message id is the msg_id", warning)
    folder.write(b'["+91 98765 43210"]', "list.yaml")
    (fault,) = folder.faults(f"{LEAST}    messages: [{{include: list.yaml}}]\n")
    assert "looks like a phone number" in fault


TABLE = f"{LEAST}    messages: [{{include: sent.csv}}]\n"


def test_table_says_what_entries_say(folder: Folder) -> None:
    """A dollar is a dollar: a program, or Excel, wrote the file."""
    folder.write("ID;Label;tags.team\r\n5;Invoice $88;billing\r\n\r\n6;;\r\n".encode("utf-16"), "sent.csv")
    found = folder.load(TABLE)
    assert set(found.watchlist.ids()) == {5, 6}
    assert found.watchlist.details(5) == Details("Invoice $88", {"team": "billing"})
    assert found.sources.files[-1].name == "sent.csv"


def test_each_wrong_row_of_a_table_is_told_with_all_else_that_is_wrong(folder: Folder) -> None:
    rows = ["id,label,lable", "1.2E+05,x", "7,y", f"8,{'x' * (LONGEST_LABEL + 1)}", "7,z"]
    folder.write("\n".join(rows), "sent.csv")
    folder.write("7\n", "ids.txt")
    more = f"{LEAST}    poll: {{every: never}}\n    messages: [{{include: ids.txt}}, {{include: sent.csv}}]\n"
    found = folder.faults(more)
    assert found[0].startswith("config.yaml:4:15: poll.every: not a duration")
    assert found[1] == "sent.csv:1:10: lable: unknown column (did you mean `label`?)"
    assert found[2].startswith("sent.csv:2:1: id: 1.2E+05 is a number that a spreadsheet has shortened: ")
    assert found[3:] == [
        "sent.csv:3:1: id: the id 7 is listed twice (first in ids.txt:1); keep one",
        f"sent.csv:4:3: label: must be text (allowed: up to {LONGEST_LABEL} characters)",
        "sent.csv:5:1: id: the id 7 is listed twice (first in ids.txt:1); keep one",
    ]


def test_faults_of_a_table_are_counted_beyond_twenty_of_a_kind(folder: Folder) -> None:
    folder.write("id\n" + "x\n" * 2000 + "1\n1\n", "sent.csv")
    found = folder.faults(TABLE)
    assert len(found) == 22
    assert found[20] == "sent.csv:22:1: id: … and 1980 more of this kind, from here on"
    assert found[21] == "sent.csv:2003:1: id: the id 1 is listed twice (first in sent.csv:2002); keep one"


def test_table_that_is_none_is_told_once(folder: Folder) -> None:
    folder.write(b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "sent.csv")
    assert folder.faults(TABLE) == ["sent.csv:1:1: this is an Excel workbook: save it as CSV UTF-8"]
    folder.write(b"", "sent.csv")
    assert folder.faults(TABLE) == [
        "sent.csv:1:1: it is empty: the first line names the columns, for example `id,label`"
    ]


def test_table_of_ten_gigabytes_is_refused_by_its_size(folder: Folder) -> None:
    with folder.write(b"id\n1\n", "sent.csv").open("r+b") as file:
        file.truncate(10 * 1024**3)
    started = time.process_time()
    (found,) = folder.faults(TABLE)
    assert found.endswith("sent.csv: the file is too large (allowed: up to 128 MiB)")
    assert time.process_time() - started < 1, "nothing of it is read"


def test_phone_numbers_in_a_table_are_warned_of(folder: Folder) -> None:
    folder.write("id\n+919876543210\n", "sent.csv")
    assert any("sent.csv:2:1: id: this looks like a phone number" in each for each in folder.load(TABLE).warnings())
