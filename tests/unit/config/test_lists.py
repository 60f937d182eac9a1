"""Lists of ids: what is counted, what is found, and how large they may be."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.config.lists import LONGEST_LABEL
from bridge.config.tags import LONGEST_KEY, LONGEST_VALUE, MOST_TAGS
from bridge.model import Details
from tests.unit.config.world import LEAST, Folder

LIST = f"{LEAST}    messages: [{{include: ids.txt}}]\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(st.integers(1, 2**63 - 1), unique=True, max_size=20),
    end=st.sampled_from(["\n", "\r\n", "  \n", " # a comment with ünicode\n", "\n\n# alone\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_plain_text_is_read_however_it_was_written(folder: Folder, ids: list[int], end: str, mark: str) -> None:
    folder.write((mark + "".join(f"{id_}{end}" for id_ in ids)).encode(), "ids.txt")
    assert set(folder.load(LIST).watchlist.ids()) == set(ids)


def test_text_in_another_encoding_is_told_once_with_its_place(folder: Folder) -> None:
    folder.write("1\n2 # Größe\n3 # Größe\n".encode("latin-1"), "ids.txt")
    assert folder.faults(LIST) == ["ids.txt:2:7: not UTF-8 text (save the file with the encoding UTF-8)"]
    folder.write("1\n2\n".encode("utf-16"), "ids.txt")
    assert folder.faults(LIST) == ["ids.txt:1:1: not UTF-8 text (save the file with the encoding UTF-8)"]


def test_a_list_that_stands_twice_is_told_in_seconds_not_line_by_line(folder: Folder) -> None:
    folder.write("".join(f"{id_}\n" for id_ in range(1, 100_001)) * 2, "ids.txt")
    started = time.perf_counter()
    faults = folder.faults(LIST)
    assert time.perf_counter() - started < 10, "reading the file again for each of them would take hours"
    assert faults[0] == "ids.txt:100001:1: the id 1 is listed twice (first in ids.txt:1); keep one"
    assert faults[20:] == ["ids.txt:100021:1: … and 99980 more of this kind, from here on"]


def test_the_same_file_included_twice_repeats_its_ids(folder: Folder) -> None:
    folder.write("# two\n007\n", "ids.txt")
    faults = folder.faults(f"{LEAST}    messages: [{{include: ids.txt}}, {{include: '*.txt'}}]\n")
    assert faults == ["ids.txt:2:1: the id 7 is listed twice (first in ids.txt:2); keep one"]


def test_a_hundred_thousand_ids_in_yaml_take_about_a_second(folder: Folder) -> None:
    text = LEAST + "    messages:\n" + "".join(f"    - {id_}\n" for id_ in range(1, 100_001))
    path = folder.write(text)
    started = time.perf_counter()
    assert len(folder.load().watchlist) == 100_000
    assert time.perf_counter() - started < 10, "it takes one; a busy machine must not make this fail"
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
        "a.yaml:2:19",
        "b.yaml:1:11",
        "b.yaml:2:18",
        "config.yaml:4:60",
    ]
    assert faults[-1].endswith("messages[2].include: gone.txt: there is no such file")


def test_labels_and_tags_have_bounds(folder: Folder) -> None:
    def entry(label: int, key: int, value: int, count: int) -> str:
        tags = ", ".join(f"{'k' * (key - 3)}{number:03}: {'v' * value}" for number in range(count))
        return f"{LEAST}    messages: [{{id: 1, label: {'l' * label}, tags: {{{tags}}}}}]\n"

    most = (LONGEST_LABEL, LONGEST_KEY, LONGEST_VALUE, MOST_TAGS)
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
