"""Programs as receivers: real ones, run with the event on their standard input, and ended with their time."""

from __future__ import annotations

import json
import os
import shlex
import signal
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bridge.delivery.attempt import attempt
from bridge.domain.clock import SystemClock
from bridge.domain.model import Attempt, Status
from bridge.domain.outcome import Dead, Delivered, Retry
from bridge.domain.redaction import Redactor
from bridge.domain.samples import sample_event
from bridge.receivers.command.process import OUTPUT_KEPT
from bridge.receivers.command.sender import CommandSender, environment, read_exit
from bridge.receivers.event_formats import STANDARD
from bridge.simulator.api import Simulator
from bridge.transport.message import StoppedError
from tests.unit.receivers.events import changed
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.domain.model import Event


def script(folder: Path, text: str, name: str = "program") -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def tried(*command: str, timeout: float = 5, event: Event | None = None) -> Attempt:
    sender = CommandSender("sms", command, timedelta(seconds=timeout))
    clock = SystemClock()
    return attempt(sender, [event or sample_event(clock.now())], clock=clock, redact=Redactor(["s3cret-token"]))


def lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123 -- short
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_gets_the_event_as_a_webhook_does_and_ids_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBIZTOOL_API_KEY", "s3cret-token")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials")
    event = changed(label="Invoice 88\n$(reboot)\x00")
    made = tried(script(tmp_path, f'cat > {tmp_path}/in; env > {tmp_path}/env; echo "$#"'), "--", event=event)
    assert (made.outcome, made.http_status, made.answer) == (Delivered(), None, "1\n")
    assert (tmp_path / "in").read_bytes() == STANDARD.one(event).body
    lines = (tmp_path / "env").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    assert {key for key in variables if key not in {"PWD", "OLDPWD", "SHLVL", "_"}} == {
        *("PATH", "HOME", "LANG", "WBIZ_EVENT_ID", "WBIZ_EVENT_TYPE", "WBIZ_EVENT_TIME", "WBIZ_RECEIVER"),
        *("WBIZ_MESSAGE_ID", "WBIZ_STATUS", "WBIZ_PREVIOUS_STATUS", "WBIZ_LABEL", "WBIZ_ERROR"),
    }
    assert variables["WBIZ_EVENT_ID"] == event.id
    assert variables["WBIZ_STATUS"] == "failed"
    assert variables["WBIZ_LABEL"].startswith("Invoice 88 $(reboot)")
    assert environment(event, "sms", {"LANG": "de_DE.UTF-8"})["LANG"] == "de_DE.UTF-8"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (0, Delivered()),
        (75, Retry("exit code 75, try again: no credit")),
        (1, Dead("exit code 1: no credit", about_event=True)),
        (127, Dead("exit code 127: no credit", about_event=True)),
        (-9, Retry("the program was ended by SIGKILL: no credit")),
    ],
)
def test_its_exit_code_is_the_answer(code: int, outcome: object) -> None:
    assert read_exit(code, "sending\nno credit\n\n") == outcome


@pytest.mark.parametrize("code", [0, 75, 3])
def test_what_it_says_is_kept_up_to_a_bound_and_without_secrets(tmp_path: Path, code: int) -> None:
    made = tried(script(tmp_path, f"head -c 300000 /dev/zero | tr '\\0' x; echo; echo s3cret-token >&2; exit {code}"))
    assert made.answer == "x" * 500
    assert OUTPUT_KEPT < 300_000
    said = tried(script(tmp_path, f"echo using s3cret-token; exit {code}"))
    assert said.answer == "using ***\n"
    assert "s3cret-token" not in str(said.outcome)


def test_one_that_reads_nothing_is_no_error(tmp_path: Path) -> None:
    big = changed(label="x" * 500_000)
    assert tried(script(tmp_path, "exec <&-; sleep 0.1"), event=big).outcome == Delivered()
    assert tried("/bin/true", event=big).outcome == Delivered()


def test_one_that_cannot_be_run_is_tried_again(tmp_path: Path) -> None:
    path = script(tmp_path, "true")
    made = tried(f"{path}-gone")
    assert isinstance(made.outcome, Retry)
    assert "cannot be run: No such file or directory (the program itself, or the one that its" in made.outcome.why
    os.chmod(path, 0o644)  # noqa: PTH101 -- short
    made = tried(path)
    assert isinstance(made.outcome, Retry)
    assert "Permission denied (under systemd" in made.outcome.why


@pytest.mark.slow
def test_its_time_over_it_and_all_that_it_started_end(tmp_path: Path) -> None:
    path = script(tmp_path, f"trap '' TERM; sleep 600 & echo $! $$ > {tmp_path}/pids; echo so far; wait; sleep 600")
    made = tried(path, timeout=0.4)
    assert made.outcome == Retry("the program took longer than 0.4 s and was ended")
    assert made.answer == "so far\n"
    assert made.duration < 3
    # The system ends it all at once, and takes a moment.
    until(lambda: not any(lives(int(pid)) for pid in (tmp_path / "pids").read_text().split()))


def test_asked_to_end_it_may_tidy_up(tmp_path: Path) -> None:
    path = script(tmp_path, f"trap 'touch {tmp_path}/tidy; exit 0' TERM; sleep 600 & wait")
    assert isinstance(tried(path, timeout=0.3).outcome, Retry), "too late is too late"
    assert (tmp_path / "tidy").exists()


def test_what_it_leaves_in_the_background_ends_with_it_and_is_not_waited_for(tmp_path: Path) -> None:
    made = tried(script(tmp_path, f"sleep 600 & echo $! > {tmp_path}/pid; echo done"))
    assert (made.outcome, made.answer) == (Delivered(), "done\n")
    assert made.duration < 2
    until(lambda: not lives(int((tmp_path / "pid").read_text())))


def test_closing_the_way_ends_what_runs_and_starts_no_more(tmp_path: Path) -> None:
    sender = CommandSender(
        "sms", [script(tmp_path, f"echo $$ > {tmp_path}/pid; trap '' TERM; sleep 600")], timedelta(minutes=1)
    )
    clock = SystemClock()

    def run() -> object:
        return attempt(sender, [sample_event(clock.now())], clock=clock, redact=Redactor())

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    started = time.monotonic()
    sender.close()
    thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() - started < 2
    assert not lives(int((tmp_path / "pid").read_text()))
    with pytest.raises(StoppedError):
        run()


def config(folder: Path, simulator: Simulator, path: str, **more: Any) -> None:
    receiver = {"name": "sms", "command": [path], "events": ["failed"], **more}
    write_config(folder, bridge_config(simulator, [receiver], [1, 2], poll=None))


@pytest.mark.slow
def test_the_daemon_runs_it_records_it_and_leaves_nothing_running_when_it_stops(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        f"echo $$ $WBIZ_MESSAGE_ID >> {tmp_path}/runs\n"
        "[ $WBIZ_MESSAGE_ID = 1 ] && { echo no such customer; exit 3; }\n"
        "trap '' TERM; sleep 600",
    )
    with Simulator() as simulator:
        for id_ in (1, 2):
            simulator.account.put(id_, Status.FAILED, "Invalid phone number")
        # Both at once: polled side by side, either may be the first.
        config(tmp_path, simulator, path, timeout="1m", concurrency=2)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            runs = tmp_path / "runs"
            until(lambda: runs.exists() and " 2" in runs.read_text() and "delivery_dead" in daemon.log())
            pid = next(int(line.split()[0]) for line in runs.read_text().splitlines() if line.endswith(" 2"))
            assert lives(pid)
            code, seconds = daemon.stop(signal.SIGTERM)
        assert (code, seconds < 5, lives(pid)) == (0, True, False)
        listed = json.loads(command(tmp_path, "deliveries", "--json").stdout)
    text = json.dumps(listed)
    assert "exit code 3: no such customer" in text
    assert "receiver.down" not in daemon.log(), "one event that a program refuses says nothing of the others"


def test_a_test_shows_exit_code_and_answer(tmp_path: Path) -> None:
    with Simulator() as simulator:
        config(tmp_path, simulator, script(tmp_path, "echo hello; exit 4"))
        shown = command(tmp_path, "test", "sms")
    assert shown.returncode == 1
    assert "sms: refused: exit code 4: hello (in " in shown.stdout
    assert "answer: hello" in shown.stdout


@pytest.mark.parametrize("words", [shlex.split("sh -c true"), ["/nowhere/program"], ["/etc/passwd"], ["/"]])
def test_a_program_that_cannot_be_run_is_found_by_check(tmp_path: Path, words: list[str]) -> None:
    with Simulator() as simulator:
        config(tmp_path, simulator, "/bin/true", command=words)
        checked = command(tmp_path, "check")
    assert checked.returncode == 78
    assert "receivers[0].command: " in checked.stderr


def test_where_the_service_may_not_run_programs_it_says_what_allows_it(tmp_path: Path) -> None:
    with Simulator() as simulator:
        config(tmp_path, simulator, "/bin/true")
        checked = command(tmp_path, "check", extra={"WBIZ_BRIDGE_COMMANDS": "off"})
        allowed = command(tmp_path, "check", extra={"WBIZ_BRIDGE_COMMANDS": "on"})
    assert checked.returncode == 78
    assert "receivers[0].command: this service may not run programs: allow it in a drop-in" in checked.stderr
    assert allowed.returncode == 0


def test_test_is_told_to_the_program(tmp_path: Path) -> None:
    """A program that sends an SMS must know that nobody is to get one (issue 16, 5)."""
    with Simulator() as simulator:
        config(tmp_path, simulator, script(tmp_path, 'echo "test=$WBIZ_BRIDGE_TEST"; cat'))
        shown = json.loads(command(tmp_path, "test", "sms", "--json").stdout)
    line, body = shown["answer"].split("\n", 1)
    assert line == "test=1"
    assert json.loads(body)["test"] is True
    assert "WBIZ_BRIDGE_TEST" not in environment(changed(), "sms", {}), "not even empty for what is real"
