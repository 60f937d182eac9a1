"""What programs write as lists of ids, with the real daemon and the real commands."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest

from bridge.domain.model import LARGEST_ID, LONGEST_LABEL, LONGEST_TAG, Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from tests.world.daemon import Daemon, account, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

    from bridge.simulator.sink import Recorded

pytestmark = pytest.mark.slow

LABEL = "Rechnung 🧾 für $5"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"


def test_json_list_with_an_emoji_is_watched_and_told(tmp_path: Path) -> None:
    """``json.dumps`` writes an emoji as two halves: the whole configuration was refused (issue 17, 2)."""
    entries = [{"id": str(LARGEST_ID), "label": LABEL, "tags": {"price": 1.5, "vip": True}}, "12"]
    (tmp_path / "sent.json").write_text(json.dumps(entries), encoding="ascii")
    with Simulator() as simulator, Sink() as sink:
        for id_ in (LARGEST_ID, 12):
            simulator.account.put(id_, Status.SENT)
        write_config(
            tmp_path,
            {
                "wbiztool": account(simulator),
                "messages": [{"include": "*.json"}],
                "database": "sqlite:///bridge.db",
                "receivers": [{"name": "crm", "webhook": sink.url, "secret": SECRET}],
            },
        )
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            told = {event["data"]["message_id"]: event["data"] for event in map(_json, sink.wait_for(2))}
    assert set(told) == {LARGEST_ID, 12}
    assert (told[LARGEST_ID]["label"], told[LARGEST_ID]["tags"]) == (LABEL, {"price": "1.5", "vip": "true"})


@pytest.mark.parametrize(
    "arguments",
    [
        [str(LARGEST_ID + 1)],
        ["9" * 400],
        ["1_000"],
        ["٣"],
        ["1", "--label", "x" * (LONGEST_LABEL + 1)],
        ["1", "--tag", f"k={'v' * (LONGEST_TAG + 1)}"],
        ["1", *(f"--tag={number}=x" for number in range(21))],
    ],
)
def test_watch_refuses_what_a_file_refuses(tmp_path: Path, arguments: list[str]) -> None:
    with Simulator() as simulator:
        settings = {"wbiztool": account(simulator), "database": "sqlite:///bridge.db"}
        write_config(tmp_path, {**settings, "receivers": [{"webhook": "http://127.0.0.1:9/"}]})
        done = command(tmp_path, "watch", *arguments)
    assert done.returncode == 2, done.stderr
    assert "allowed:" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_warns_and_exits_with_0(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("+919876543210\n")
    receivers = [
        {"name": "crm", "webhook": "https://crm.example.com/hooks/whatsapp"},
        {"name": "none", "webhook": "http://127.0.0.1:9/", "events": ["number.*"]},
    ]
    account_ = {"client_id": 1, "api_key": "an-api-key-0123456789"}
    settings = {"wbiztool": account_, "database": "sqlite:///bridge.db", "receivers": receivers}
    write_config(tmp_path, {**settings, "messages": [{"include": "ids.txt"}]})
    done = command(tmp_path, "check")
    assert done.returncode == 0, done.stderr
    for words in (
        "ids.txt:1:1: this looks like a phone number",
        "crm: its URL is a placeholder",
        "crm: requests are neither signed",
    ):
        assert words in done.stderr
    assert "none: it will never get an event: `numbers.watch` is off" in done.stderr
    write_config(tmp_path, {**settings, "messages": []})
    assert "no messages are listed, and `discover` is off" in command(tmp_path, "check").stderr


def _json(record: Recorded) -> dict[str, dict[str, object]]:
    body: dict[str, dict[str, object]] = json.loads(record.body)
    return body


def test_table_is_watched_and_read_again_when_it_changes(tmp_path: Path) -> None:
    """A wrong row refuses the whole: the list before stays in force, and the log names the row."""
    table = tmp_path / "sent.csv"
    table.write_bytes("ID;Label;tags.team\r\n5;Invoice $88;billing\r\n".encode("utf-16"))
    with Simulator() as simulator, Sink() as sink:
        for id_ in (5, 6):
            simulator.account.put(id_, Status.SENT)
        settings = {
            "wbiztool": account(simulator),
            "messages": [{"include": "*.csv"}],
            "database": "sqlite:///bridge.db",
            "receivers": [{"name": "crm", "webhook": sink.url, "secret": SECRET}],
        }
        write_config(tmp_path, settings)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            (first,) = map(_json, sink.wait_for(1))
            assert (first["data"]["label"], first["data"]["tags"]) == ("Invoice $88", {"team": "billing"})
            table.write_text("id,label\n5,Invoice 88\n6,x,y\n")
            until(lambda: "sent.csv:3:5: this cell is in no column" in daemon.log())
            table.write_text("id,label\n5,Invoice 88\n6,x\n")
            assert {_json(each)["data"]["message_id"] for each in sink.wait_for(2)} == {5, 6}


def test_table_with_wrong_rows_ends_with_78_and_names_each(tmp_path: Path) -> None:
    (tmp_path / "sent.csv").write_text("id,lable\n1.2E+05,x\n7,\n7,\n")
    account_ = {"client_id": 1, "api_key": "an-api-key-0123456789"}
    settings = {"wbiztool": account_, "messages": [{"include": "sent.csv"}], "database": "sqlite:///bridge.db"}
    write_config(tmp_path, {**settings, "receivers": [{"webhook": "http://127.0.0.1:9/"}]})
    for name in ("check", "run"):
        done = command(tmp_path, name)
        assert done.returncode == 78
        for words in (
            "sent.csv:1:4: lable: unknown column (did you mean `label`?)",
            "sent.csv:2:1: id: 1.2E+05 is a number that a spreadsheet has shortened",
            "sent.csv:4:1: id: the id 7 is listed twice",
        ):
            assert words in done.stderr


def _feed(file: Path) -> None:
    sys.stdin = file.open(encoding="utf-8", errors="surrogateescape")


def watch_list(folder: Path, content: bytes, *arguments: str) -> CompletedProcess[str]:
    """Run `watch - < FILE`."""
    (folder / "input").write_bytes(content)
    return command(folder, "watch", "-", *arguments, first=partial(_feed, folder / "input"))


@pytest.mark.parametrize("running", [True, False])
def test_list_on_standard_input_is_watched_whole_or_not_at_all(tmp_path: Path, running: bool) -> None:
    table = "id,label,tags.team\n" + "".join(f"{id_},Invoice {id_},\n" for id_ in range(1, 1001))
    with Simulator() as simulator, ExitStack() as stack:
        settings = {"wbiztool": account(simulator), "database": "sqlite:///bridge.db"}
        write_config(tmp_path, {**settings, "receivers": [{"webhook": "http://127.0.0.1:9/", "events": ["stuck"]}]})
        if running:
            stack.enter_context(Daemon(tmp_path)).wait_until_ready()
        wrong = watch_list(tmp_path, f"{table}1001,x,,y\n1.2E+05,,\n7,again,\n".encode())
        assert (wrong.returncode, wrong.stdout) == (2, "")
        first, *rows = wrong.stderr.splitlines()
        assert first == "wbiz-bridge: standard input is wrong (3 errors); nothing is watched:"
        assert rows[0].startswith("standard input:1002:9: this cell is in no column")
        assert rows[1].startswith("standard input:1003:1: id: 1.2E+05 is a number that a spreadsheet has shortened: ")
        assert rows[2] == "standard input:1004:1: id: the id 7 is listed twice (first on line 8); keep one"
        done = watch_list(tmp_path, table.encode(), "--tag", "team=billing")
        assert (done.returncode, done.stdout) == (0, "watching 1,000 messages\n"), done.stderr
        again = watch_list(tmp_path, b"# those of today\n7\n2000 # Ada\n")
        assert again.stdout == "watching 2000\nalready watched: 7\n"
        listed = {each["id"]: each for each in json.loads(command(tmp_path, "messages", "-n", "2000", "--json").stdout)}
    assert set(listed) == {*range(1, 1001), 2000}
    assert (listed[7]["label"], listed[7]["tags"]) == ("Invoice 7", {"team": "billing"})


def test_list_on_standard_input_is_bounded(tmp_path: Path) -> None:
    write_config(tmp_path, {"wbiztool": {"client_id": 1, "api_key": "an-api-key-0123456789"}, "receivers": []})
    large = watch_list(tmp_path, b"1\n" * 3_000_000)
    assert large.returncode == 2
    assert "the list is too large (allowed: up to 5 MB)" in large.stderr
    assert "give it alone" in watch_list(tmp_path, b"1\n", "5").stderr
