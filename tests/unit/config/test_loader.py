"""A configuration is right, or everything that is wrong with it is told at once, each thing with its place."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.config import locate, models
from bridge.config.errors import InvalidConfiguration
from bridge.config.section_reader import names
from bridge.domain.errors import ConfigurationError
from bridge.domain.poll_schedule import Interval, Schedule
from bridge.receivers.base_config import Group
from bridge.receivers.slack.config import SlackReceiverConfig
from bridge.receivers.webhook.config import WebhookReceiverConfig
from tests.unit.config.world import ENVIRON, LEAST, Folder
from tests.world.fuzz import share_of

if TYPE_CHECKING:
    from pydantic import BaseModel

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_least_that_works_has_sensible_defaults(folder: Folder) -> None:
    loaded = folder.load(LEAST)
    assert (loaded.wbiztool.client_id, loaded.wbiztool.api_key.get_secret_value()) == (123, "api-key-0123456789")
    assert loaded.wbiztool.base_url == "https://wbiztool.com/api/v1"
    assert loaded.poll.every == timedelta(seconds=30)
    assert len(loaded.watchlist) == 0
    (slack,) = loaded.receivers
    assert isinstance(slack, SlackReceiverConfig)
    assert (slack.name, slack.events, slack.concurrency, slack.rate_limit.per_second) == ("slack", None, 1, 1)
    assert loaded.retention == timedelta(days=30)


def test_everything_that_is_wrong_is_told_at_once_with_its_place(folder: Folder) -> None:
    assert folder.faults("""\
        wbiztool: {client_id: 123, api_key: "${KEY}", rat_limit: 3/s, timeout: 5}
        messages: [12345, {id: 4, lable: x}, 12345, "x7"]
        recievers: []
        receivers:
          - slack: ${SLACK}
            events: [faild]
          - webhook: https://example.com/hook
            secret: whsec_zzz
        retention: soon
        """) == [
        "config.yaml:1:47: wbiztool.rat_limit: unknown key (did you mean `rate_limit`?)",
        "config.yaml:1:72: wbiztool.timeout: not a duration (allowed: a number and a unit, e.g. 250ms 5s 2m 1h 7d)",
        "config.yaml:2:27: messages[1].lable: unknown key (did you mean `label`?)",
        "config.yaml:2:38: messages[2]: the id 12345 is listed twice (first in config.yaml:2); keep one",
        "config.yaml:2:45: messages[3]: a message id is a whole number (allowed: 1 to 9007199254740991)",
        "config.yaml:3:1: recievers: unknown key (did you mean `receivers`?)",
        "config.yaml:6:14: receivers[0].events[0]: unknown event type (did you mean `failed`?)",
        (
            "config.yaml:8:13: receivers[1].secret: what follows whsec_ is not base64: the secret must be whsec_ "
            "followed by the base64 of 24 to 64 bytes (`wbiz-bridge secret new` makes one)"
        ),
        "config.yaml:9:12: retention: not a duration (allowed: a number and a unit, e.g. 250ms 5s 2m 1h 7d)",
    ]


def test_a_switch_is_on_or_off(folder: Folder) -> None:
    loaded = folder.load(f"{LEAST}    discover: {{report: on}}\n    numbers: {{watch: off}}\n")
    assert (loaded.discover.report, loaded.numbers.watch) == (True, False)
    (fault,) = folder.faults(f"{LEAST}    discover: {{report: always}}\n")
    assert fault.endswith("discover.report: must be on or off")


def test_intervals_are_by_age(folder: Folder) -> None:
    steps = "[{until: 2m, every: 5s}, {until: 1h, every: 30s}, {every: 30m}]"
    loaded = folder.load(f"{LEAST}    poll: {{intervals: {steps}, linger: 1m, stuck_after: off, stop_after: off}}\n")
    assert loaded.poll.schedule == Schedule(
        (
            Interval(timedelta(seconds=5), timedelta(minutes=2)),
            Interval(timedelta(seconds=30), timedelta(hours=1)),
            Interval(timedelta(minutes=30)),
        ),
        unknown_after=timedelta(seconds=10),
        linger=timedelta(minutes=1),
    )


def test_without_a_word_about_it_polls_are_half_a_minute_apart(folder: Folder) -> None:
    assert folder.load(LEAST).poll.schedule == Schedule(
        (Interval(timedelta(seconds=30)),),
        unknown_after=timedelta(seconds=10),
        stuck_after=timedelta(minutes=15),
        stop_after=timedelta(days=7),
    )


def test_features_that_are_switched_off_are_fine(folder: Folder) -> None:
    off = "    discover: {report: off, every: 5m, days: 1}\n    numbers: {watch: off}\n    http: off\n"
    off += "    poll: {linger: 0s}\n"
    assert folder.faults(LEAST + off) == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("poll: {every: 100ms}", "100ms is out of range (allowed: 250ms to 1d)"),
        ("poll: {every: 30}", "not a duration"),
        ("poll: {every: 5s, intervals: [{every: 30s}]}", "poll.intervals: every is given, too; keep one"),
        ("poll: {intervals: []}", "poll.intervals: an empty list; give a value or remove the key"),
        (
            "poll: {intervals: [{every: 5s, until: 1m}]}",
            "the last one is for all that are older: it must have no until",
        ),
        ("poll: {intervals: [{every: 5s}, {every: 30s}]}", "each but the last must have an until"),
        (
            "poll: {intervals: [{until: 2m, every: 5s}, {until: 2m, every: 9s}, {every: 30s}]}",
            "each until must be longer than the one before",
        ),
        ("poll: {intervals: [{every: 100ms}]}", "poll.intervals[0].every: 100ms is out of range"),
        ("poll: {intervals: [{evry: 5s, every: 5s}]}", "poll.intervals[0].evry: unknown key"),
        ("poll: {stuck_after: 0s}", "0s is out of range (allowed: 1s to 365d, or off)"),
        ("poll: {stop_after: never}", "or off"),
        ("poll: {attempts: 0}", "0 is out of range (allowed: 1 to 20)"),
        ("poll: {attempts: yes}", "must be a whole number (allowed: 1 to 20)"),
        ("poll: []", "must be a section, for example `poll: {every: 30s}`"),
        ("log: {level: loud}", "(allowed: 'debug', 'info', 'warning' or 'error')"),
        ("database: mysql://root@localhost/x", "not a usable database"),
        ("database: 'sqlite://'", "not a usable database"),
        ("on: 1", "`on` is a boolean in YAML 1.1"),
        ("5: 1", "a key must be text; put quotes around it"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(folder: Folder, line: str, what: str) -> None:
    (fault,) = folder.faults(f"{LEAST}    {line}\n")
    assert fault.startswith("config.yaml:4:")
    assert what in fault


def test_a_missing_key_is_named(folder: Folder) -> None:
    assert folder.faults("wbiztool: {client_id: 1}\nreceivers: [{slack: '${SLACK}'}]\n") == [
        "config.yaml:1:11: wbiztool: api_key (or api_key_file) is missing"
    ]


def test_secrets_may_stand_in_files(folder: Folder) -> None:
    folder.write("key-from-file\n", "secrets/key")
    folder.write("https://hooks.slack.com/services/file\n", "secrets/slack")
    folder.write(f"{SECRET}\n", "secrets/signing")
    loaded = folder.load("""\
        wbiztool: {client_id: 1, api_key_file: secrets/key}
        receivers:
          - slack_file: secrets/slack
          - {webhook: "https://example.com/", secret_file: secrets/signing, headers: {Authorization: "Bearer abc"}}
        """)
    assert set(loaded.secrets()) == {
        "key-from-file",
        "https://hooks.slack.com/services/file",
        "https://example.com/",
        SECRET,
        "Bearer abc",
        "abc",  # a server may echo the token alone
    }
    assert [file.name for file in loaded.sources.files] == ["config.yaml", ".env", "key", "slack", "signing"]


def test_a_secret_given_twice_is_a_fault(folder: Folder) -> None:
    folder.write("x", "key")
    (fault,) = folder.faults(LEAST.replace('"${KEY}"', '"${KEY}", api_key_file: key'))
    assert "api_key and api_key_file are both given" in fault


def test_no_fault_shows_a_secret(folder: Folder) -> None:
    marked = "MARKED-SECRET-VALUE"
    faults = folder.faults(f"""\
        wbiztool: {{client_id: {marked}, api_key: ["{marked}"], base_url: "http://u:{marked}@example.com"}}
        receivers:
          - {{slack: "gopher://{marked}"}}
          - {{webhook: "{marked}", secret: [whsec_{marked}!, "{marked}"], headers: {{X: "{marked}\\n"}}}}
          - {{webhook: ["{marked}"], headers: {{Authorization: ["{marked}"]}}}}
        database: "{marked}://x"
        """)
    assert len(faults) >= 8
    assert marked not in "\n".join(faults).replace(f"client_id: {marked}", "")


def test_the_api_is_called_by_https_but_for_this_machine(folder: Folder) -> None:
    there = LEAST.replace("client_id: 123", "client_id: 123, base_url: 'http://example.com/api'")
    assert "must begin with https://" in folder.faults(there)[0]
    here = there.replace("example.com/api", "127.0.0.1:8000/api/v1/")
    assert folder.load(here).wbiztool.base_url == "http://127.0.0.1:8000/api/v1"


def test_the_database_is_in_the_state_folder(folder: Folder) -> None:
    loaded = folder.load(LEAST, {**ENVIRON, "STATE_DIRECTORY": "/var/lib/a:/var/lib/b"})
    assert loaded.database == "sqlite:////var/lib/a/bridge.db"
    relative = folder.load(f"{LEAST}    database: sqlite:///state/x.db\n")
    assert relative.database == f"sqlite:///{folder.path}/state/x.db"
    postgres = folder.load(f"{LEAST}    database: postgresql://me:hidden-word@db/bridge\n")
    assert postgres.database == "postgresql+psycopg://me:hidden-word@db/bridge"
    assert "hidden-word" in postgres.secrets()


def test_database_can_be_named_in_a_file_of_its_own(folder: Folder) -> None:
    """Like every other secret; who changes the file is noticed, and its password is known to be one."""
    folder.write("postgres://me:hidden%40word@db/bridge\n", "url")
    loaded = folder.load(f"{LEAST}    database_file: url\n")
    assert loaded.database == "postgresql+psycopg://me:hidden%40word@db/bridge"
    assert {"hidden@word", "hidden%40word"} <= set(loaded.secrets())
    assert folder.path / "url" in loaded.sources.files
    folder.write("postgresql://me:hidden@word@db/bridge\n", "url")
    (fault,) = folder.faults(f"{LEAST}    database_file: url\n")
    assert fault.startswith("config.yaml:4:16: database_file: not a usable database: write %40 for an @")
    (fault,) = folder.faults(f"{LEAST}    database_file: url\n    database: sqlite:///x.db\n")
    assert "database and database_file are both given; keep one" in fault
    (fault,) = folder.faults(f"{LEAST}    database_file: none\n")
    assert "database_file: the secret cannot be read" in fault


def test_without_systemd_the_database_is_in_the_users_state_folder(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere/state folder")
    assert folder.load(LEAST).database == "sqlite:////somewhere/state folder/wbiz-bridge/bridge.db"
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert folder.load(LEAST).database == "sqlite:////home/ada/.local/state/wbiz-bridge/bridge.db"
    assert folder.load(LEAST, {**ENVIRON, "STATE_DIRECTORY": ""}).database == folder.load(LEAST).database


def test_a_path_that_no_url_can_hold_is_told(folder: Folder) -> None:
    (fault,) = folder.faults(f'{LEAST}    database: "sqlite:///a\\0b"\n')
    assert fault == "config.yaml:4:11: database: the path of the database can't hold a question mark or a NUL"
    (fault,) = folder.faults(LEAST, {**ENVIRON, "STATE_DIRECTORY": "/var/lib/\udcff"})
    assert fault == "config.yaml:1:1: the path of the database must be UTF-8 text"
    (fault,) = folder.faults(f"{LEAST}    database: ${{URL}}\n", {**ENVIRON, "URL": "postgresql://me:\udcff@db/x"})
    assert fault.startswith("config.yaml:4:11: database: not a usable database (allowed: ")


def test_the_configuration_is_found_in_the_usual_order(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.path)
    monkeypatch.setattr(locate, "PLACES", (Path("config.yaml"), folder.path / "etc.yaml"))
    with pytest.raises(ConfigurationError, match="no configuration found"):
        locate.find(None, {})
    folder.write("", "etc.yaml")
    assert locate.find(None, {}) == folder.path / "etc.yaml"
    folder.write("")
    assert locate.find(None, {}) == Path("config.yaml")
    assert locate.find(None, {"WBIZ_BRIDGE_CONFIG": "/x.yaml"}) == Path("/x.yaml")
    assert locate.find(Path("y.yaml"), {"WBIZ_BRIDGE_CONFIG": "/x.yaml"}) == Path("y.yaml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=200)
    | st.text(alphabet="{}[]:,-&*!|>'\"%@`#? \n\tabc123$~<", max_size=80).map(str.encode)
)
def test_whatever_bytes_are_in_the_file_the_answer_is_a_list_of_faults(folder: Folder, content: bytes) -> None:
    assert folder.faults(content)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
_KEYS = (
    "wbiztool",
    "poll",
    "messages",
    "discover",
    "numbers",
    "receivers",
    "database",
    "http",
    "heartbeat",
    "retention",
)
_RECEIVER = st.dictionaries(
    st.sampled_from(["slack", "webhook", "name", "events", "match", "secret", "headers", "group", "timeout", "format"]),
    _ANYTHING,
)


_LEAST_VALUES: dict[str, object] = {
    "wbiztool": {"client_id": 1, "api_key": "${KEY}"},
    "receivers": [{"slack": "${SLACK}"}],
}
_UNDER_THE_KEYS = st.builds(
    lambda least, fine, top, receivers: {**least, **fine, **top, **receivers},
    st.sampled_from([_LEAST_VALUES, {}]),
    st.fixed_dictionaries(
        {},
        optional={
            "poll": st.sampled_from([{}, {"every": "5s"}, {"linger": "2d"}]),
            "messages": st.lists(st.integers(1, 9), unique=True, max_size=3),
            "http": st.booleans() | st.just({"listen": "127.0.0.1:0"}),
            "log": st.sampled_from([{}, {"level": "debug"}, {"format": "json"}]),
            "retention": st.integers(1, 99).map("{}d".format),
        },
    ),
    st.just({})
    | st.dictionaries(st.sampled_from([*_KEYS, "log"]), _ANYTHING, max_size=1)
    | st.dictionaries(st.sampled_from([*_KEYS, "log"]), _ANYTHING),
    st.just({}) | st.fixed_dictionaries({"receivers": st.lists(_RECEIVER, max_size=3)}),
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=_UNDER_THE_KEYS)
def test_whatever_values_stand_under_the_keys_nothing_else_is_raised(folder: Folder, top: dict[str, object]) -> None:
    folder.write(yaml.safe_dump(top).encode())
    with suppress(InvalidConfiguration):
        folder.load()


@pytest.mark.slow
def test_some_of_the_values_under_the_keys_are_taken(folder: Folder) -> None:
    def taken(top: dict[str, object]) -> bool:
        return top != _LEAST_VALUES and not folder.faults(yaml.safe_dump(top).encode())

    assert 0.05 < share_of(_UNDER_THE_KEYS, taken) < 0.95


_TRICKY = st.sampled_from(
    [
        *(
            "${KEY}",
            "${UNSET}",
            "5s",
            "20/s",
            "1e5",
            "9" * 50,
            "failed",
            "*",
            "[z-a]",
            "type",
            "standard",
            "a\nb",
            "\u2028",
        ),
        *("a.yaml", "a.txt", "folder", "*.yaml", "config.yaml", "\\0", "https://a.b/", "http://[::1", "http://[x]/"),
        *("https://a.b:99999/", "https://a.b:x/", SECRET, "whsec_\u00e9", "sqlite:///x", "postgresql://a:b@[::1/x"),
    ]
)
_VALUE = st.recursive(
    _TRICKY | st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "label", "tags", "include", "X", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def _some_of(model: type[BaseModel]) -> st.SearchStrategy[dict[str, object]]:
    """A section with some of its keys, and what stands beside them for secrets in files, or elsewhere."""
    keys = [*names(model), "api_key_file", "secret_file", "slack_file", "webhook_file", "intervals", "body"]
    return st.dictionaries(st.sampled_from(keys), _VALUE, max_size=4)


_SECTIONS: dict[str, type[BaseModel]] = {
    "wbiztool": models.WbizToolConfig,
    "poll": models.PollConfig,
    "discover": models.DiscoverConfig,
    "numbers": models.NumbersConfig,
    "log": models.LogConfig,
}
_A_RECEIVER = (
    st.builds(lambda some: {"slack": "${SLACK}", **some}, _some_of(SlackReceiverConfig))
    | st.builds(lambda some: {"webhook": "https://a.b/", **some}, _some_of(WebhookReceiverConfig))
    | st.builds(lambda group: {"slack": "${SLACK}", "group": group}, _some_of(Group))
)


_IN_THE_RIGHT_SECTIONS = st.builds(
    lambda replaced, lists, others: {**_LEAST_VALUES, **replaced, **lists, **others},
    st.fixed_dictionaries({}, optional={key: _some_of(model) | _VALUE for key, model in _SECTIONS.items()}),
    st.fixed_dictionaries(
        {},
        optional={
            "messages": st.lists(_VALUE, max_size=3),
            "receivers": st.lists(_A_RECEIVER, min_size=1, max_size=2),
        },
    ),
    st.dictionaries(st.sampled_from(["database", "http", "heartbeat", "retention"]), _VALUE, max_size=1),
)


@pytest.fixture
def lists(folder: Folder) -> Folder:
    """A folder with what a watch list may include."""
    folder.write("- 1\n- {id: 2}\n", "a.yaml")
    folder.write("3\n", "a.txt")
    (folder.path / "folder").mkdir()
    return folder


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sections=_IN_THE_RIGHT_SECTIONS)
def test_whatever_stands_in_the_right_sections_is_taken_or_told_once(
    lists: Folder, sections: dict[str, object]
) -> None:
    faults = lists.faults(yaml.safe_dump(sections).encode())
    assert not {unicodedata.category(character) for fault in faults for character in fault} & {"Cc", "Cs", "Zl", "Zp"}
    assert len(set(faults)) == len(faults)


@pytest.mark.slow
def test_some_of_what_is_in_the_right_sections_is_taken(lists: Folder) -> None:
    def taken(sections: dict[str, object]) -> bool:
        return sections != _LEAST_VALUES and not lists.faults(yaml.safe_dump(sections).encode())

    assert 0.05 < share_of(_IN_THE_RIGHT_SECTIONS, taken) < 0.95
