"""What programs write as lists of ids, with the real daemon and the real commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bridge.domain.model import LARGEST_ID, LONGEST_LABEL, LONGEST_TAG, Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from tests.world.daemon import Daemon, account, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.sink import Recorded

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
