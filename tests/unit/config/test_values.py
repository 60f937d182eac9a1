"""Values at the edges: secrets that nobody is to see, text that looks like numbers, depth, names, places."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.config import locate
from bridge.domain.settings.units import Rate, parse_rate
from bridge.receivers.slack.config import SlackReceiverConfig
from tests.unit.config.world import ENVIRON, LEAST, Folder

MARKED = "MARKED5ECRET"
HOOK = "webhook: https://crm.example.com/"


@pytest.mark.parametrize(
    "text",
    [
        f'wbiztool: {{client_id: 1, api_key:{MARKED}}}\nreceivers: [{{slack: "${{SLACK}}"}}]\n',
        f"wbiztool:\n  client_id: 1\n  api_key:{MARKED}\n",
        f"wbiztool: {{client_id: 1, api_key: !{MARKED} x}}\n",
        f"wbiztool:\n  api_key: !{MARKED}\n",
        f"wbiztool:\n  api_key: *{MARKED}\n",
        f"wbiztool:\n  api_key: [{{{MARKED}: {MARKED}, a: 1, a: 2}}]\n",
        f"wbiztool: {{client_id: 1, api_key_file: {MARKED}/{MARKED}}}\n",
        f"wbiztool: {{client_id: 1, api_key: x$ {MARKED}}}\n",
        f'wbiztool: {{client_id: 1, api_key: "{MARKED}\\n"}}\n',
        f"receivers: [{{slack_file: https://hooks.slack.com/services/{MARKED}}}]\n",
        f'receivers: [{{slack: "http://hooks.slack.com/{MARKED}"}}]\n',
        f'receivers: [{{webhook: "https://{MARKED}:{MARKED}/"}}]\n',
        f'receivers: [{{{HOOK}, secret: "whsk_{MARKED}"}}]\n',
        f'receivers: [{{{HOOK}, secret: "whsec_{MARKED}"}}]\n',
        f'receivers: [{{{HOOK}, secret: ["{MARKED}", 5, {{a: {MARKED}}}]}}]\n',
        f'receivers: [{{{HOOK}, headers: {{Authorization: "{MARKED}\\u2603"}}}}]\n',
        f'receivers: [{{{HOOK}, headers: {{"Authorization: Bearer {MARKED}": x}}}}]\n',
        f"receivers: [{{{HOOK}, headers: {{Authorization:{MARKED}}}}}]\n",
        f"database: postgresql://me:{MARKED}@host:port/name\n",
        f"database: mysql://me:{MARKED}@host/name\n",
        f"database: [postgresql://me:{MARKED}@host/name]\n",
    ],
)
def test_a_secret_in_the_wrong_place_or_form_is_in_no_fault(folder: Folder, text: str) -> None:
    faults = folder.faults(text)
    assert faults
    assert MARKED not in "\n".join(faults)


def test_a_key_without_a_space_after_its_colon_is_told_so(folder: Folder) -> None:
    faults = folder.faults(LEAST.replace('api_key: "${KEY}"', "api_key:abc"))
    assert "config.yaml:1:28: wbiztool.api_key…: unknown key (a space is missing after the colon)" in faults


@given(depth=st.integers(1, 3000), opening=st.sampled_from(["[", "{a: ", "- ", "? ", "!!seq [", "&a ["]))
def test_no_depth_overflows_anything(tmp_path_factory: pytest.TempPathFactory, depth: int, opening: str) -> None:
    folder = Folder(tmp_path_factory.getbasetemp())
    assert folder.faults(f"a: {opening * depth}".encode())
    assert folder.faults((opening * depth).encode())


@pytest.mark.parametrize("key", ["007", "1234567890", "1.50", "yes", "0x1F", "1_000", "12:30", "2026-11-23"])
def test_an_api_key_that_looks_like_something_else_is_text_all_the_same(folder: Folder, key: str) -> None:
    for written in (key, f'"{key}"'):
        loaded = folder.load(LEAST.replace('"${KEY}"', written))
        assert loaded.wbiztool.api_key.get_secret_value() == key
    assert folder.load(LEAST, {**ENVIRON, "KEY": key}).wbiztool.api_key.get_secret_value() == key


def test_what_ends_a_secret_file_is_dropped_and_what_is_no_secret_is_told(folder: Folder) -> None:
    from_file = LEAST.replace('api_key: "${KEY}"', "api_key_file: secrets/key")
    folder.write(b"\xef\xbb\xbfkey of the account\r\n", "secrets/key")
    assert folder.load(from_file).wbiztool.api_key.get_secret_value() == "key of the account"
    for content, what in [
        (b"\n", "the file is empty"),
        (b"one\ntwo\n", "must be one line"),
        (b" key\n", "nor begin or end with a space"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"x" * 100_000, "the file is too large (allowed: up to 64 KiB)"),
    ]:
        folder.write(content, "secrets/key")
        (fault,) = folder.faults(from_file)
        assert fault.startswith("config.yaml:1:42: wbiztool.api_key_file: ")
        assert what in fault


def test_an_empty_variable_is_no_value(folder: Folder) -> None:
    text = f"{LEAST}      - webhook: https://crm.example.com/\n        secret: ${{EMPTY}}\n"
    (fault,) = folder.faults(text, {**ENVIRON, "EMPTY": ""})
    assert fault == "config.yaml:5:13: receivers[1].secret: has no value; give one or remove the key"


def test_a_name_that_was_given_is_not_taken_by_one_that_is_made_up(folder: Folder) -> None:
    more = "      - {slack: '${SLACK}', name: slack}\n      - {slack: '${SLACK}', name: slack-2}\n"
    loaded = folder.load(LEAST + more)
    assert [receiver.name for receiver in loaded.receivers] == ["slack-3", "slack", "slack-2"]
    (fault,) = folder.faults(LEAST + more + "      - {slack: '${SLACK}', name: slack}\n")
    assert fault.endswith("receivers[3].name: this name is taken by another receiver (in line 4); names are unique")


def test_all_faults_of_one_list_or_mapping_are_told(folder: Folder) -> None:
    wrong = [
        'events: [faild, failed, 5, "${UNSET}"]',
        'headers: {Host: a, X: "b", "Y Y": c, Z: "☃"}',
        "match: {tag: {}, error: '['}",
    ]
    faults = folder.faults(f"{LEAST}      - {HOOK}\n" + "".join(f"        {line}\n" for line in wrong))
    told = [fault.partition(": ")[2] for fault in faults]
    assert [what.partition(": ")[0] for what in told] == [
        "receivers[1].events[0]",
        "receivers[1].events[2]",
        "receivers[1].events[3]",
        "receivers[1].headers.Host",
        "receivers[1].headers.Y…",
        "receivers[1].headers.Z",
        "receivers[1].match.tag",
        "receivers[1].match.error",
    ]


@pytest.mark.parametrize("key", ["secret: x", "secret_file: x", "headers: {X: y}"])
def test_what_only_a_webhook_takes_is_refused_for_slack(folder: Folder, key: str) -> None:
    (fault,) = folder.faults(f"{LEAST}        {key}\n")
    assert fault.startswith("config.yaml:4:5: receivers[0].")
    assert fault.endswith("only webhook receivers take this; remove it")


def test_sections_and_lists_with_nothing_in_them_are_as_if_left_out(folder: Folder) -> None:
    text = f"{LEAST}    poll:\n    log:\n    messages:\n    discover:\n"
    empty, least = folder.load(text), folder.load(LEAST)
    assert empty.model_dump(exclude={"watchlist"}) == least.model_dump(exclude={"watchlist"})
    assert len(empty.watchlist) == 0


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/x", "http://127.8.8.8/x", "http://[::1]:9/x", "http://localhost/x", "HTTPS://a.b/x"]
)
def test_slack_is_told_by_https_or_on_this_machine(folder: Folder, url: str) -> None:
    receiver = folder.load(LEAST, {**ENVIRON, "SLACK": url}).receivers[0]
    assert isinstance(receiver, SlackReceiverConfig)
    assert receiver.url.get_secret_value() == url


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1.example.com/", "http://10.0.0.1/", "https://", "https:///x", "//a.b"]
)
def test_no_other_address_is_slacks(folder: Folder, url: str) -> None:
    (fault,) = folder.faults(LEAST, {**ENVIRON, "SLACK": url})
    assert "receivers[0].slack: " in fault


def test_the_places_of_faults_stand_in_order_and_in_the_file(folder: Folder) -> None:
    text = "x: 1\n" + LEAST.replace("    ", "") + "poll: {evry: 1s}\ny: 2\n"
    lines = text.splitlines()
    places = [tuple(map(int, fault.split(":")[1:3])) for fault in folder.faults(text)]
    assert all(earlier < later for earlier, later in pairwise(places))
    assert all(line <= len(lines) and column <= len(lines[line - 1]) for line, column in places)


def test_passwords_of_the_database_are_secrets_however_they_are_given(folder: Folder) -> None:
    url = "postgresql://me:p%40ssword@db/bridge?password=second-word&sslmode=require"
    loaded = folder.load(f"{LEAST}    database: {url}\n")
    assert loaded.database == url.replace("postgresql", "postgresql+psycopg")
    assert {"p@ssword", "second-word"} <= set(loaded.secrets())


@pytest.mark.parametrize(
    "url",
    ["sqlite://bridge.db", "sqlite:///:memory:", "sqlite:///x.db?mode=ro", "postgresql://h:99999/x", "x", "5", "{}"],
)
def test_no_other_database_is_usable(folder: Folder, url: str) -> None:
    written = url if url == "{}" else f"'{url}'"
    (fault,) = folder.faults(f"{LEAST}    database: {written}\n")
    assert "config.yaml:4:11: database: not a usable database" in fault


def test_what_was_loaded_is_not_changed_afterwards(folder: Folder) -> None:
    loaded = folder.load(LEAST)
    with pytest.raises(ValidationError):
        loaded.retention = loaded.retention
    assert ENVIRON["KEY"] not in repr(loaded)
    assert ENVIRON["SLACK"] not in repr(loaded)


@given(st.integers(1, 999_999_999_999), st.sampled_from("smhd"))
def test_a_rate_survives_being_written_and_read(thousandths: int, unit: str) -> None:
    rate = parse_rate(f"{thousandths / 1000:.3f}/{unit}")
    assert isinstance(rate, Rate)
    assert parse_rate(str(rate)) == rate


def test_a_file_that_is_there_but_can_not_be_read_is_named_not_passed_over(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = folder.path / "config.yaml"
    loop.symlink_to(loop)
    monkeypatch.setattr(locate, "PLACES", (loop, folder.path / "other.yaml"))
    assert locate.find(None, {}) == loop
    (fault,) = folder.faults()
    assert fault.startswith("config.yaml:1:1: the file cannot be read: ")


def test_switch_may_be_in_quotes_as_some_editors_complete_it(folder: Folder) -> None:
    quoted = ("discover: {report: 'on'}", "poll: {stuck_after: 'Off'}", "http: 'off'", "numbers: {watch: 'no'}")
    loaded = folder.load(LEAST + "".join(f"    {line}\n" for line in quoted))
    assert (loaded.discover.report, loaded.poll.stuck_after, loaded.http, loaded.numbers.watch) == (
        True,
        None,
        None,
        False,
    )
    assert "must be on or off" in folder.faults(LEAST + "    discover: {report: 'maybe'}\n")[0]
