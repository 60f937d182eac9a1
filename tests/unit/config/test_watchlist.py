"""The watched ids: from lists, from files, a million of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.model import Details
from bridge.domain.watchlist import Watchlist
from tests.unit.config.world import ENVIRON, LEAST, Folder

# Not getrusage's ru_maxrss: a process begins with the one of the process that started it, which may be larger than what
# is measured here.
_A_MILLION = """
import json, re, sys, time
from pathlib import Path
from bridge.config.loader import load
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
before, started = peak(), time.perf_counter()
loaded = load(Path(sys.argv[1]), {})
seconds = time.perf_counter() - started
print(json.dumps([len(loaded.watchlist), seconds, peak() - before]))
"""


def test_lists_may_be_spread_over_files(folder: Folder) -> None:
    folder.write(
        "- 3\n- {id: 4, label: Four, tags: {team: billing, floor: 2, vip: yes}}\n- include: deep/*.yaml\n", "a.yaml"
    )
    folder.write("- 5\n", "deep/b.yaml")
    folder.write(b"\xef\xbb\xbf# ids\r\n6\r\n\r\n 7 # seven\r\n", "ids.txt")
    includes = "[1, {include: a.yaml}, {include: ids.txt}, {include: nothing-yet/*.yaml}]"
    loaded = folder.load(f"{LEAST}    messages: {includes}\n")
    assert set(loaded.watchlist.ids()) == {1, 3, 4, 5, 6, 7}
    assert loaded.watchlist.details(4) == Details("Four", {"team": "billing", "floor": "2", "vip": "yes"})
    assert [file.name for file in loaded.sources.files] == ["config.yaml", ".env", "a.yaml", "b.yaml", "ids.txt"]


def test_duplicates_are_found_across_files(folder: Folder) -> None:
    folder.write("1\n2\n3\n", "ids.txt")
    folder.write("- 3\n", "more.yaml")
    faults = folder.faults(f"{LEAST}    messages: [2, {{include: ids.txt}}, {{include: more.yaml}}]\n")
    assert faults == [
        "ids.txt:2:1: the id 2 is listed twice (first in config.yaml:4); keep one",
        "more.yaml:1:3: [0]: the id 3 is listed twice (first in ids.txt:3); keep one",
    ]


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("0", "(allowed: 1 to 9007199254740991)"),
        ("-5", "(allowed: 1 to"),
        ("9007199254740992", "(allowed: 1 to"),
        ("1.5", "a message id is a whole number"),
        ("yes", "a message id is a whole number"),
        ("[1]", "a message id is a whole number"),
        ("null", "a message id is a whole number"),
        ("'+91 98765 43210'", "looks like a phone number"),
        ("'٣'", "a message id is a whole number"),
        ("9" * 50, "(allowed: 1 to 9007199254740991)"),
        ("{label: x}", "id is missing"),
        ("{id: 1, label: [x]}", "must be text (allowed: up to 1000 characters)"),
        ("{id: 1, tags: x}", "must be tags of the form"),
        ("{include: nowhere.yaml}", "no such file"),
        ("{include: 5}", "must be the name of a file"),
        ("{include: ids.txt, id: 5}", "no other key is allowed beside include"),
        ("{include: self.yaml}", "includes itself"),
        ("{include: words.txt}", "words.txt:2:1: a message id is a whole number"),
    ],
)
def test_a_wrong_entry_is_told(folder: Folder, entry: str, what: str) -> None:
    folder.write("- include: self.yaml\n", "self.yaml")
    folder.write("1\nseven\n", "words.txt")
    folder.write("8\n", "ids.txt")
    (fault,) = folder.faults(f"{LEAST}    messages: [{entry}]\n")
    assert what in fault


def test_files_that_include_each_other_many_times_are_no_bomb(folder: Folder) -> None:
    for number in range(8):
        folder.write(f"- include: {number + 1}.yaml\n" * 10, f"{number}.yaml")
    folder.write("- include: ids.txt\n" * 10, "8.yaml")
    folder.write("8\n", "ids.txt")
    started = time.perf_counter()
    faults = folder.faults(f"{LEAST}    messages: [{{include: 0.yaml}}]\n")
    assert faults == ["ids.txt:1:1: the id 8 is listed twice (first in ids.txt:1); keep one"]
    assert time.perf_counter() - started < 10, "each file read for each of its includes would be 1,000,000,000 times"


def test_a_fault_in_a_file_that_is_included_twice_is_told_once(folder: Folder) -> None:
    folder.write("- {id: 1, lable: x}\n- '${UNSET}'\n- include: again.yaml\n", "again.yaml")
    faults = folder.faults(f"{LEAST}    messages: [{{include: again.yaml}}, {{include: 'a*.yaml'}}]\n")
    assert [fault.partition(": ")[2].partition(":")[0] for fault in faults] == [
        "[0].id",
        "[0].lable",
        "[1]",
        "[2].include",
    ]


def test_many_faults_in_a_file_that_is_included_twice_are_counted_once(folder: Folder) -> None:
    folder.write("x\n" * 15, "words.txt")
    faults = folder.faults(f"{LEAST}    messages: [{{include: words.txt}}, {{include: '*.txt'}}]\n")
    assert [fault.partition(": ")[0] for fault in faults] == [f"words.txt:{line}:1" for line in range(1, 16)]


def test_a_name_that_no_file_can_have_is_told(folder: Folder) -> None:
    for name, what in [("\ud800", "no file can have such a name"), ("\0", "must be the name of a file")]:
        (fault,) = folder.faults(f"{LEAST}    messages: [{{include: '${{NAME}}'}}]\n", {**ENVIRON, "NAME": name})
        assert what in fault


def test_a_missing_file_is_told_at_each_place_that_names_it(folder: Folder) -> None:
    faults = folder.faults(f"{LEAST}    messages: [{', '.join(['{include: gone.txt}'] * 4)}]\n")
    assert [fault.partition(": ")[0] for fault in faults] == [f"config.yaml:4:{column}" for column in (22, 43, 64, 85)]


def test_a_file_is_known_again_under_another_name(folder: Folder) -> None:
    folder.write("- include: link.yaml\n", "a.yaml")
    (folder.path / "link.yaml").symlink_to("a.yaml")
    (fault,) = folder.faults(f"{LEAST}    messages: [{{include: a.yaml}}]\n")
    assert fault == "a.yaml:1:12: [0].include: link.yaml includes itself; remove the include"


def test_a_list_of_the_wrong_kind_is_not_told_on_every_line(folder: Folder) -> None:
    folder.write("\n".join(["x"] * 1000), "words.txt")
    faults = folder.faults(f"{LEAST}    messages: [{{include: words.txt}}]\n")
    assert len(faults) == 21
    assert "… and 980 more of this kind" in faults[-1]


@pytest.mark.slow
def test_a_million_ids_load_quickly_and_small(folder: Folder) -> None:
    folder.write("\n".join(map(str, range(1, 1_000_001))), "ids.txt")
    least = LEAST.replace('"${KEY}"', "key").replace("${SLACK}", "https://hooks.slack.com/services/x")
    path = folder.write(f"{least}    messages: [{{include: ids.txt}}]\n")
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", _A_MILLION, path], cwd=root, capture_output=True, text=True, check=True)
    count, seconds, kilobytes = json.loads(run.stdout)
    assert count == 1_000_000
    assert seconds < 10
    assert 40_000 < kilobytes < 200_000, "they take 76 MB; less than their bare set was not measured"


@given(ids=st.sets(st.integers(1, 2**63 - 1)), label=st.text(min_size=1))
def test_the_fingerprint_depends_on_the_list_alone(ids: set[int], label: str) -> None:
    one, other = Watchlist(), Watchlist()
    for message_id in ids:
        one.add(message_id)
    for message_id in sorted(ids, reverse=True):
        other.add(message_id)
    assert one.digest() == other.digest()
    other.add(1, Details(label))
    assert one.digest() != other.digest()
