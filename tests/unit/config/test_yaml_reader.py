"""YAML is read strictly: nothing surprising gets in, and variables become scalars, never structure."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.config.world import ENVIRON, LEAST, Folder

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

BOMB_OF_MAPPINGS = "a: &a {p: x, q: x}\n" + "".join(
    f"{new}: &{new} {{{', '.join(f'{key}: *{old}' for key in 'pqrst')}}}\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "config.yaml:1:1: the configuration is empty"),
        (b"# nothing\n", "config.yaml:1:1: the configuration is empty"),
        (b"- 1\n", "config.yaml:1:1: the configuration must be keys with values"),
        (b"a: [1\n", "config.yaml:1:4: the [ opened here is never closed"),
        (b"a: b: c\n", "config.yaml:1:5: the text contains a colon"),
        (b"? a: b\n: - c\n %d\n", "config.yaml:3:2: not valid YAML"),
        (b"a: 1\n---\nb: 2\n", "config.yaml:2:1: a second document begins here"),
        ("a: Größe\n".encode("latin-1"), "config.yaml:1:6: not UTF-8 text"),
        ("a: 1\n".encode("utf-16"), "config.yaml:1:1: this is not a plain text file but text in UTF-16"),
        (b"a: \x00\n", "config.yaml:1:4: the character"),
        (
            b"wbiztool: !!python/object/apply:os.system ['true']\n",
            "wbiztool: tags are not allowed",
        ),
        (b"wbiztool: !secret x\n", "wbiztool: tags are not allowed"),
        (b"wbiztool: !!binary aGk=\n", "wbiztool: tags are not allowed"),
        (b"wbiztool: &a {x: *a}\n", "it contains itself"),
        (b"wbiztool: &a [[*a], 1]\n", "wbiztool[0][0]: it contains itself"),
        (b"wbiztool: *a\npoll: &a {}\n", "there is no such anchor"),
        (b"x: &a poll\n*a : {}\n", "config.yaml:2:1: a key must be a word"),
        (b"{wbiztool: {}, wbiztool: {}}\n", "config.yaml:1:16: wbiztool: this key appears twice (first in line 1)"),
        (b"poll: {every: 1s, 'every': 2s}\n", "poll.every: this key appears twice"),
        (b"%YAML 1.1\n%TAG ! tag:x,1:\n---\nwbiztool: !x {}\n", "tags are not allowed"),
        (b"wbiztool: {}\nwbiztool: {}\n", "config.yaml:2:1: wbiztool: this key appears twice (first in line 1)"),
        (b"poll: {<<: {every: 1s}}\n", "merge keys (<<) are not supported"),
        (b"wbiztool: {client_id: ${KEY}}\n", 'put a variable in quotes: "${KEY}"'),
    ],
)
def test_what_is_no_plain_configuration_is_told(folder: Folder, content: bytes, what: str) -> None:
    assert any(what in fault for fault in folder.faults(content)), folder.faults(content)


@pytest.mark.parametrize("bomb", [BOMB, BOMB_OF_MAPPINGS, f"- {BOMB.replace(chr(10), f'{chr(10)}- ')}x: 1\n"])
def test_a_bomb_of_aliases_does_not_go_off(folder: Folder, bomb: str) -> None:
    started = time.perf_counter()
    assert "aliases (*name) repeat too much" in folder.faults(bomb.encode())[0]
    assert time.perf_counter() - started < 5


def test_brackets_without_end_are_refused(folder: Folder) -> None:
    assert folder.faults(b"a: " + b"[" * 50_000)


def test_a_folder_or_nothing_in_place_of_the_file_is_told(folder: Folder) -> None:
    assert folder.faults() == ["config.yaml:1:1: no such file"]
    (folder.path / "config.yaml").mkdir()
    assert folder.faults() == ["config.yaml:1:1: this is a folder, not a file"]


def test_a_mark_at_the_beginning_and_windows_line_ends_are_fine(folder: Folder) -> None:
    text = 'wbiztool: {client_id: 1, api_key: "${KEY}"}\r\nreceivers: [{slack: "${SLACK}"}]\r\n'
    assert folder.faults(b"\xef\xbb\xbf" + text.encode()) == []


def test_an_honest_anchor_may_be_used(folder: Folder) -> None:
    text = """\
        wbiztool: {client_id: 1, api_key: "${KEY}"}
        receivers:
          - {webhook: "https://a.example/", events: &bad [failed, expired]}
          - {webhook: "https://b.example/", events: *bad}
        """
    assert folder.load(text).receivers[1].events == ("message.failed", "message.expired")


def test_variables_are_put_in(folder: Folder) -> None:
    text = f"{LEAST}        name: ${{NAME:-fallback}}\n"
    assert folder.load(text).receivers[0].name == "fallback"
    assert folder.load(text, {**ENVIRON, "NAME": ""}).receivers[0].name == "fallback"
    assert folder.load(text, {**ENVIRON, "NAME": "ops"}).receivers[0].name == "ops"
    label = folder.load(LEAST + "    messages: [{id: 1, label: 'costs $$5 and $${x}'}]\n").watchlist.details(1).label
    assert label == "costs $5 and ${x}"


def test_a_number_may_come_from_a_variable(folder: Folder) -> None:
    text = LEAST.replace("{client_id: 123,", '{client_id: "${ID}",')
    assert folder.load(text, {**ENVIRON, "ID": "77"}).wbiztool.client_id == 77
    block = "wbiztool:\n  client_id: ${ID}\n  api_key: ${KEY}\nreceivers:\n  - slack: ${SLACK}\n"
    assert folder.load(block, {**ENVIRON, "ID": "78"}).wbiztool.client_id == 78


def test_an_unset_variable_is_told_at_its_place(folder: Folder) -> None:
    (fault,) = folder.faults(LEAST, {"KEY": "x"})
    assert fault.startswith("config.yaml:3:12: receivers[0].slack: the variable SLACK is not set")
    assert "$$ for a literal dollar" in folder.faults(LEAST.replace("${KEY}", "${1}"))[0]


@pytest.mark.parametrize(
    "value",
    [
        "{client_id: 5}",
        "[1, 2]",
        "x\nlog: {level: debug}",
        "*a",
        "&a x",
        "!!python/name:os.system",
        "a: b",
        "- 1",
        "<<",
    ],
)
def test_what_looks_like_yaml_in_a_variable_is_text(folder: Folder, value: str) -> None:
    for written in ('"${VALUE}"', "'${VALUE}'", "${VALUE}", "|-\n            ${VALUE}"):
        text = f"{LEAST}    messages:\n    - id: 1\n      label: {written}\n"
        loaded = folder.load(text, {**ENVIRON, "VALUE": value})
        assert loaded.watchlist.details(1).label == value


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(min_size=1).filter(lambda text: text.strip() and "\x00" not in text))
def test_a_value_can_not_change_the_structure(folder: Folder, value: str) -> None:
    text = LEAST + '    messages: [{id: 1, label: "${VALUE}"}, 2]\n    log: {level: debug}\n'
    faults = folder.faults(text, {**ENVIRON, "VALUE": value})
    if faults:
        assert all("messages[0].label" in fault for fault in faults)
        return
    loaded = folder.load(text, {**ENVIRON, "VALUE": value})
    assert (len(loaded.watchlist), loaded.log.level) == (2, "debug")
