"""The command line, as people and scripts use it: what it prints, and its exit codes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import pycurl
import pytest
from typer.testing import CliRunner

from bridge.__main__ import main
from bridge.cli.app import app
from bridge.domain.model import EventType, Status
from bridge.simulator.api import Simulator
from bridge.simulator.faults import Fault
from bridge.simulator.sink import Answer, Sink
from bridge.store.store import Store
from tests.world.config import bridge_config, webhook
from tests.world.daemon import Daemon, account, command, environment, write_config
from tests.world.records import OK, due, fail_some, keep_down, tried
from tests.world.schemas import faults
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

HERE = str(Path(__file__).parents[2])
COMMANDS = (
    *("demo", "dev", "trigger", "init", "check", "run", "poll", "test", "status", "watch", "unwatch"),
    *("messages", "events", "deliveries", "deliveries retry", "route", "backup", "move"),
    *("secret new", "secret public", "schema events", "schema config"),
)
WITH_CONFIGURATION = (
    *("check", "run", "poll", "test ops", "status", "watch 1", "unwatch 1"),
    *(
        "messages",
        "events",
        "deliveries",
        "deliveries retry --all",
        "route -",
        "backup copy.db",
        "move --to postgresql:///x",
    ),
)


class Ended(NamedTuple):
    """How a command ended."""

    code: object
    out: str
    err: str


class Run(Protocol):
    """Runs a command."""

    def __call__(self, *arguments: str, folder: Path | None = None) -> Ended: ...


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, which spares the start of a new one; without a folder, in the test's own."""

    def run(*arguments: str, folder: Path | None = None) -> Ended:
        monkeypatch.chdir(folder or tmp_path)
        monkeypatch.delenv("WBIZ_BRIDGE_CONFIG", raising=False)
        monkeypatch.setattr(sys, "argv", ["wbiz-bridge", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(ended.value.code, *capsys.readouterr())

    return run


class World(NamedTuple):
    """A running bridge: its folder, the API that it asks and whom it tells."""

    folder: Path
    simulator: Simulator
    sink: Sink


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A bridge that has told of a failed, a sent and a pending message."""
    folder = tmp_path_factory.mktemp("world")
    with Simulator() as simulator, Sink() as sink:
        simulator.account.put(1, Status.FAILED, "Invalid phone number")
        simulator.account.put(2, Status.SENT)
        simulator.account.put(3)
        watched = [{"id": 1, "label": "Invoice 88", "tags": {"team": "billing"}}, 2, 3]
        write_config(folder, config(simulator, sink, messages=watched))
        with Daemon(folder) as daemon:
            daemon.wait_until_ready()
            until(lambda: daemon.log().count('"event": "delivered"') == 3)
            yield World(folder, simulator, sink)
            assert daemon.stop()[0] == 0


def test_status_says_that_all_is_well(world: World, here: Run) -> None:
    shown = said(command(world.folder, "status", "--json"))
    assert shown["ok"]
    assert shown["faults"] == []
    assert shown["daemon"]["running"]
    assert shown["messages"]["by_status"]["failed"] == 1
    assert shown["receivers"]["crm"]["delivered"] >= 3
    assert "the bridge works; 1 incident is open" in here("status", folder=world.folder).out


def test_status_names_each_receiver_and_says_which_are_not_in_the_configuration(tmp_path: Path, here: Run) -> None:
    with Simulator() as simulator, Sink() as sink:
        write_config(tmp_path, config(simulator, sink))
        with Store(f"sqlite:///{tmp_path}/bridge.db") as store:
            fail_some(store, [7], to=["old"])
            (delivery,) = due(store, receiver="old")
            tried(store, delivery, OK)
        shown = here("status").out
        assert here("deliveries", "--receiver", "old", "--state", "dead").out == "No deliveries.\n"
    assert "receiver   crm: nothing yet\n" in shown
    assert "receiver   old: 1 delivered (not in the configuration)\n" in shown


def test_status_says_that_nobody_polls(tmp_path: Path, here: Run) -> None:
    with Simulator() as simulator, Sink() as sink:
        write_config(tmp_path, config(simulator, sink))
        done = here("status", "--json")
    assert done.code == 3
    assert "no daemon is running, and there is no database " in json.loads(done.out)["faults"][0]
    assert not (tmp_path / "bridge.db").exists()


def test_messages_are_listed(world: World, here: Run) -> None:
    (failed,) = said(command(world.folder, "messages", "--status", "failed", "--json"))
    assert (failed["id"], failed["label"], failed["tags"]) == (1, "Invoice 88", {"team": "billing"})
    assert (failed["status"], failed["error"], failed["sequence"]) == ("failed", "Invalid phone number", 1)
    table = here("messages", folder=world.folder).out
    assert re.search(r"^1 +failed .*Invoice 88 +Invalid phone number", table, re.MULTILINE)


def test_events_are_listed_oldest_first(world: World, here: Run) -> None:
    listed = said(command(world.folder, "events", "--json"))
    told = [(event["data"]["message_id"], event["type"]) for event in listed[:3]]
    assert sorted(told) == [(1, "message.failed"), (2, "message.sent"), (3, "message.pending")]
    assert [event["timestamp"] for event in listed] == sorted(event["timestamp"] for event in listed)
    assert set(listed[0]) == {"id", "type", "timestamp", "data"}
    (one,) = json.loads(here("events", "--message", "2", "--json", folder=world.folder).out)
    assert one in listed


def test_deliveries_are_listed_with_every_attempt(world: World, here: Run) -> None:
    listed = said(command(world.folder, "deliveries", "--receiver", "crm", "--state", "delivered", "--json"))
    assert {1, 2, 3} <= {delivery["event"]["data"]["message_id"] for delivery in listed}
    for delivery in listed:
        assert [tried["http_status"] for tried in delivery["tries"]] == [200]
    assert here("deliveries", "--state", "dead", folder=world.folder).out == "No deliveries.\n"


@pytest.mark.parametrize("line", ["deliveries --receiver cmr", "deliveries retry --receiver cmr"])
def test_receiver_that_never_was_is_refused(world: World, here: Run, line: str) -> None:
    done = here(*line.split(), folder=world.folder)
    assert done.code == 2
    assert "unknown receiver 'cmr' (configured: crm); did you mean `crm`?" in done.err


def test_what_is_watched_is_followed_until_it_is_not(world: World, here: Run) -> None:
    world.simulator.account.put(40)
    output = world.folder / "followed"
    with output.open("w") as file, python("events", "--follow", "--json", folder=world.folder, stdout=file) as follower:
        until(lambda: len(output.read_text().splitlines()) >= 3, 60)
        done = command(world.folder, "watch", "40", "2", "--label", "Ada", "--tag", "team=support", "--json")
        assert said(done) == {"watched": [40], "already_watched": [2]}
        until(lambda: '"message_id": 40' in output.read_text(), 60)
        follower.send_signal(signal.SIGINT)
        assert follower.wait(30) == 0
    last = json.loads(output.read_text().splitlines()[-1])
    assert (last["type"], last["data"]["label"], last["data"]["tags"]) == (
        "message.pending",
        "Ada",
        {"team": "support"},
    )

    done = command(world.folder, "unwatch", "40", "2", "41", "--json")
    assert done.returncode == 1, "the configuration lists 2, so that it is still watched"
    assert json.loads(done.stdout) == {"unwatched": [40], "listed_in_configuration": [2], "not_watched": [41]}
    shown = {message["id"]: message for message in json.loads(here("messages", "--json", folder=world.folder).out)}
    assert (shown[40]["watched"], shown[40]["status"]) == (False, "pending")
    assert shown[2]["watched"]


@pytest.mark.parametrize("name", ["run", "poll"])
def test_a_second_bridge_on_the_same_database_is_told_so(world: World, name: str) -> None:
    done = command(world.folder, name)
    assert done.returncode == 75
    assert "another bridge" in done.stderr
    assert "stop that one first" in done.stderr


def test_a_sample_event_can_be_sent(world: World, here: Run) -> None:
    shown = said(command(world.folder, "test", "crm", "--json"))
    assert (shown["outcome"], shown["http_status"], shown["answer"]) == ("delivered", 200, "ok")
    sample = json.loads(world.sink.records()[-1].body)
    assert (sample["type"], sample["data"]["message_id"], sample["test"]) == ("message.failed", 0, True)
    assert sample["id"] not in {event["id"] for event in json.loads(here("events", "--json", folder=world.folder).out)}


def test_test_event_can_be_of_any_type(world: World, here: Run) -> None:
    for type_ in EventType:
        done = here("test", "crm", "--type", type_, "--json", folder=world.folder)
        assert done.code == 0, done.err
        bodies = [json.loads(record.body) for record in world.sink.records()]
        sent = [body for body in bodies if body.get("test")][-1]  # the daemon beside it may send others
        assert (sent["type"], faults(sent)) == (type_, [])
    here("test", "crm", "--type", "sent", folder=world.folder)
    assert json.loads(world.sink.records()[-1].body)["type"] == "message.sent"
    wrong = here("test", "crm", "--type", "message.snt", folder=world.folder)
    assert (wrong.code, "did you mean `sent`?" in wrong.err) == (2, True)


def test_a_sample_event_that_is_not_taken_shows_the_answer(tmp_path: Path, here: Run) -> None:
    with Simulator() as simulator, Sink(lambda _: Answer.status(404, b"no such hook")) as sink:
        write_config(tmp_path, config(simulator, sink))
        done = here("test", "crm")
        assert done.code == 1
        assert "failed: HTTP 404 Not Found" in done.out
        assert "no such hook" in done.out
        unknown = here("test", "crn")
    assert unknown.code == 1
    assert "configured: crm" in unknown.err


def test_a_right_configuration_is_called_so(tmp_path: Path, here: Run) -> None:
    with Simulator() as simulator, Sink() as sink:
        write_config(tmp_path, config(simulator, sink, messages=[1, 2]))
        shown = json.loads(here("check", "--json").out)
        assert (shown["messages"], shown["receivers"]) == (2, ["crm"])
        assert simulator.calls.total() == 0
        online = command(tmp_path, "check", "--online")
    assert online.returncode == 0
    assert simulator.account.name in online.stdout


def test_what_happened_can_be_seen_and_sent_again_while_the_configuration_is_being_fixed(
    tmp_path: Path, here: Run
) -> None:
    database = f"sqlite:///{tmp_path}/bridge.db"
    with Store(database) as store:
        fail_some(store, [7])
    (tmp_path / "config.yaml").write_text(f"database: {database}\nwbiztool: {{client_id: none}}\n")
    for line in ("messages", "events", "deliveries", "deliveries retry --all", "watch 8"):
        done = here(*line.split())
        assert done.code == 0, line
        warned = r"warning: the configuration is invalid \(\d errors?\); see wbiz-bridge check\n"
        warned += r"note: no daemon is running on .*\n"
        assert re.fullmatch(warned, done.err), line
    assert "Invalid phone number" in here("messages").out
    assert here("poll").code == 78
    (tmp_path / "config.yaml").write_text("database: nonsense://x\n")
    assert here("messages").code == 78


def test_deliveries_say_how_often_their_receiver_was_probed(tmp_path: Path, here: Run) -> None:
    database = f"sqlite:///{tmp_path}/bridge.db"
    with Store(database) as store:
        fail_some(store, [7])
        keep_down(store, 7, probes=12)
    (tmp_path / "config.yaml").write_text(f"database: {database}\nwbiztool: {{client_id: none}}\n")
    assert "HTTP 503, probe 12 (waits for the receiver, 12 failed probes)" in here("deliveries").out
    (shown,) = json.loads(here("deliveries", "--json").out)
    assert (shown["attempts"], shown["probes"]) == (3, 12)


def test_all_faults_of_a_configuration_are_shown_with_their_place_and_without_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "wbiztool: {client_id: none, api_key: a-hidden-key}\n"
        "poll: {every: 5}\n"
        "messages: [1, 1]\n"
        "receivers:\n"
        "  - slack: http://hooks.slack.example/services/hidden\n"
        "    evnts: [failed]\n"
        "  - {webhook: 'https://crm.example/?token=hidden', secret: whsec_hidden}\n"
    )
    done = command(tmp_path, "check")
    assert done.returncode == 78
    assert done.stdout == ""
    places = re.findall(r"config\.yaml:(\d+):\d+: ", done.stderr)
    assert set(places) == {"1", "2", "3", "5", "6", "7"}
    assert re.search(r"receivers\[0\]\.evnts: unknown key \(did you mean .events.\?\)", done.stderr)
    assert "  6 |     evnts: [***]\n    |     ^\n" in done.stderr
    assert "hidden" not in done.stderr
    assert "Traceback" not in done.stderr


def test_check_as_json_lists_faults_and_their_places(tmp_path: Path, here: Run) -> None:
    (tmp_path / "config.yaml").write_text("wbiztool: {client_id: 1, api_key: ${KEY}}\n")
    done = here("check", "--json")
    assert done.code == 78
    assert json.loads(done.out)["faults"] == [
        {
            "file": "config.yaml",
            "line": 1,
            "column": 35,
            "key": None,
            "message": 'inside { } and [ ], put a variable in quotes: "${KEY}"',
            "excerpt": ["  1 | wbiztool: {client_id: 1, api_key: ${KEY}}", f"    | {' ' * 34}^"],
        }
    ]
    assert "config.yaml:1:35: inside { } and [ ]" in done.err


def test_refused_credentials_end_with_77_and_the_words_of_the_api(tmp_path: Path, here: Run) -> None:
    with Simulator() as simulator, Sink() as sink:
        settings = config(simulator, sink, messages=[1])
        settings["wbiztool"]["api_key"] = "not-the-right-key"
        write_config(tmp_path, settings)
        polled, checked = command(tmp_path, "poll"), here("check", "--online")
    assert (polled.returncode, checked.code) == (77, 77)
    for text in (polled.stderr, checked.err):
        assert "WbizTool refuses the credentials: Auth Error" in text
        assert "not-the-right-key" not in text


def test_an_api_that_is_down_ends_with_75(tmp_path: Path, here: Run) -> None:
    with Simulator() as simulator, Sink() as sink:
        simulator.fault(Fault.SERVER_ERROR)
        write_config(tmp_path, config(simulator, sink, messages=[1]))
        polled, checked = command(tmp_path, "poll"), here("check", "--online")
        assert sink.count == 0
    assert (polled.returncode, checked.code) == (75, 75)
    for text in (polled.stderr, checked.err):
        assert "WbizTool is unreachable: HTTP 500" in text


def test_dead_letters_that_there_are_not_cannot_be_sent_again(world: World, here: Run) -> None:
    done = command(world.folder, "deliveries", "retry", "1", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (1, {"retried": 0}), "it was delivered"
    nothing = here("deliveries", "retry", "--receiver", "crm", "--since", "1h", folder=world.folder)
    assert (nothing.code, nothing.out) == (0, "no dead letters\n")


def test_a_signal_ends_the_daemon_in_time_while_the_api_and_a_receiver_hang(tmp_path: Path, here: Run) -> None:
    with Simulator() as simulator, Sink(lambda _: Answer.hang()) as sink:
        simulator.account.put(1, Status.SENT)
        simulator.fault(Fault.HANG, message_id=2)
        numbers = (signal.SIGTERM, signal.SIGINT)
        folders = [tmp_path / number.name for number in numbers]
        for folder in folders:
            folder.mkdir()
            write_config(folder, config(simulator, sink, messages=[1, 2]))
        with Daemon(folders[0]) as one, Daemon(folders[1]) as other, ThreadPoolExecutor() as pool:
            one.wait_until_ready()
            other.wait_until_ready()
            sink.wait_for(2)
            until(lambda: simulator.polls[2] >= 2)
            for code, seconds in pool.map(Daemon.stop, (one, other), numbers):
                assert code == 0
                assert seconds < 5
            assert "Traceback" not in one.log() + other.log()
    for folder in folders:
        (queued,) = json.loads(here("deliveries", "--json", folder=folder).out)
        assert (queued["state"], queued["event"]["data"]["message_id"]) == ("queued", 1)


@pytest.mark.parametrize("form", [["--json"], []])
def test_a_listing_whose_reader_goes_ends_quietly(many: Path, form: list[str]) -> None:
    with python("messages", "-n", "1500", *form, folder=many, stdout=subprocess.PIPE) as lister:
        assert lister.stdout is not None
        assert lister.stderr is not None
        assert lister.stdout.readline()
        lister.stdout.close()
        assert re.fullmatch(rb"note: no daemon is running on \S+\n", lister.stderr.read())
        assert lister.wait(10) == 0


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bridge that watches more messages than a pipe holds."""
    folder = tmp_path_factory.mktemp("many")
    with Simulator() as simulator, Sink() as sink:
        write_config(folder, config(simulator, sink))
    assert command(folder, "watch", *map(str, range(1, 1501)), "--label", "x" * 50).returncode == 0
    return folder


def test_the_commands_are_those_of_the_readme(tmp_path: Path) -> None:
    shown = command(tmp_path, "--help")
    assert shown.returncode == 0
    for name in {name.partition(" ")[0] for name in COMMANDS}:
        assert re.search(rf"^  {name} ", shown.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_help_has_an_example(name: str, here: Run) -> None:
    done = here(*name.split(), "--help")
    assert done.code == 0
    text = " ".join(done.out.split())
    assert re.search(rf"Examples?: .*(wbiz-bridge {name}|… {name.rpartition(' ')[2]})", text)


@pytest.mark.parametrize("line", WITH_CONFIGURATION)
def test_without_a_configuration_each_command_ends_with_78(line: str, here: Run) -> None:
    done = here(*line.split())
    assert done.code == 78
    assert "no configuration found" in done.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("messages --status failde", "unknown status (did you mean `failed`?)"),
        ("messages --limit x", "must be a whole number (allowed: 1 to 1000000)"),
        ("incidents --limit 0", "must be a whole number (allowed: 1 to 1000000)"),
        ("deliveries --state not_snt", "unknown state (did you mean `not-sent`?)"),
        ("deliveries retry x", "must be a whole number (allowed: 1 to 9007199254740991)"),
        ("demo --seconds 1", "must be a whole number (allowed: 5 to 600)"),
    ],
)
def test_value_that_is_not_allowed_is_refused_in_our_words(line: str, words: str, here: Run) -> None:
    done = here(*line.split())
    assert done.code == 2
    assert words in done.err
    assert "Value error" not in done.err


@pytest.mark.parametrize(
    "line",
    [
        *("nonsense", "check --nonsense", "watch", "watch abc", "watch 0", "watch 1 --tag team", "test"),
        *("messages --status lost", "events -n 0", "deliveries --state lost", "deliveries retry"),
        "deliveries retry --since yesterday",
    ],
)
def test_wrong_usage_ends_with_2(line: str, here: Run) -> None:
    done = here(*line.split())
    assert done.code == 2
    assert done.err
    assert "Traceback" not in done.err


def config(simulator: Simulator, sink: Sink, *, messages: list[Any] | None = None) -> dict[str, Any]:
    """As a slow machine needs it: no call is given up early."""
    wbiztool = account(simulator, timeout="30s")
    return bridge_config(simulator, [webhook(sink, timeout="30s")], messages or [], wbiztool=wbiztool)


def python(*arguments: str, folder: Path, stdout: Any) -> subprocess.Popen[bytes]:
    """Start a command."""
    return subprocess.Popen(
        [sys.executable, "-m", "bridge", *arguments],
        cwd=folder,
        env=environment({"PYTHONPATH": HERE}),
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def said(done: subprocess.CompletedProcess[str]) -> Any:
    """Read the JSON that a command printed when it had done what it should."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_check_warns_of_a_libcurl_that_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "wbiztool: {client_id: 1, api_key: k}\nreceivers: [{name: crm, webhook: 'http://127.0.0.1:9'}]\n"
    text += f"database: sqlite:///{tmp_path}/bridge.db\n"
    (tmp_path / "config.yaml").write_text(text)
    old = "libcurl 8.12.1 does not reach a host whose first addresses are dead: use 8.16 or newer"
    for version, said in (("8.12.1", old), ("8.16.0", ""), ("9.0.0-DEV", "")):
        monkeypatch.setattr(pycurl, "version_info", lambda version=version: (0, version))
        shown = CliRunner().invoke(app, ["check", "-c", str(tmp_path / "config.yaml")])
        assert shown.exit_code == 0
        assert ("does not reach" in shown.output, said in shown.output) == (bool(said), True)
