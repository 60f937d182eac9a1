"""`init`: from an answer or two to a bridge that runs, and nothing lost where something is wrong."""

from __future__ import annotations

import json
import re
import stat
from typing import TYPE_CHECKING

import pytest

from bridge.client import verify
from bridge.domain.account import AccountId
from bridge.domain.model import Status
from bridge.simulator.sink import Answer, Sink
from bridge.store.store import Store
from tests.world.daemon import command
from tests.world.terminal import answered

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from bridge.simulator.api import Simulator

WRONG_KEY = "a-key-that-is-wrong"
SECRET = re.compile("whsec_[A-Za-z0-9+/=]+")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder beside what holds the state, so that a test sees all that was written."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def state(here: Path) -> dict[str, str]:
    """What keeps the state, and what else commands find, apart from this machine's."""
    return {"XDG_STATE_HOME": str(here.parent / "state"), "XDG_RUNTIME_DIR": str(here.parent / "run")}


def run(here: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return command(here, *arguments, extra=state(here) | extra)


def given(here: Path, simulator: Simulator, sink: Sink, key: str | None = None) -> list[str]:
    """The command for a script, with Slack's address and the key in files."""
    (here.parent / "key").write_text(f"{key or simulator.api_key}\n")
    (here.parent / "slack").write_text(f"{sink.url}?slack\n")
    files = ["--api-key-file", "../key", "--slack-url-file", "../slack"]
    return ["init", "--client-id", str(simulator.client_id), *files, "--base-url", simulator.base_url]


def written(here: Path) -> dict[str, int]:
    """The files of the folder, with their modes."""
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in here.iterdir()}


def test_script_comes_from_nothing_to_an_alert_by_cron(here: Path, simulator: Simulator, sink: Sink) -> None:
    """The test arrives, `check` has nothing to say, and a pass with no variables set tells what the account sends."""
    done = run(here, *given(here, simulator, sink))
    assert (done.returncode, done.stderr) == (0, "")
    assert written(here) == {".env": 0o600, "config.yaml": 0o644}
    assert "WbizTool accepts the credentials (account: Simulated Ltd)\n" in done.stdout
    assert "ops: delivered to 127.0.0.1 (HTTP 200 in " in done.stdout
    assert done.stdout.endswith(
        "  1. start it: wbiz-bridge run   (Ctrl-C ends it; its page is http://127.0.0.1:8095)\n"
    )
    assert not [secret for secret in (simulator.api_key, sink.url) if secret in done.stdout]
    (test,) = sink.records()
    assert b"TEST" in test.body
    checked = run(here, "check", "--online")
    assert (checked.returncode, checked.stderr) == (0, "")
    simulator.account.put(7, Status.FAILED, "Invalid phone number")
    assert run(here, "poll").returncode == 0
    assert "message 7 failed: invalid phone number" in sink.records()[1].body.decode()


def test_webhook_gets_a_signing_secret_which_is_shown_once(here: Path, simulator: Simulator, sink: Sink) -> None:
    arguments = [*given(here, simulator, sink)[:5], "--webhook", f"{sink.url}?app", "--base-url", simulator.base_url]
    done = run(here, *arguments, "--directory", "new/bridge")
    assert (done.returncode, done.stderr) == (0, "")
    (secret,) = SECRET.findall(done.stdout)
    assert f"WEBHOOK_SECRET={secret}\n" in (here / "new/bridge/.env").read_text()
    (test,) = sink.records()
    assert verify(test.body, test.headers, secret)["test"] is True
    assert "start it: wbiz-bridge run -c new/bridge/config.yaml" in done.stdout


def test_variables_that_people_have_set_are_answers(here: Path, simulator: Simulator, sink: Sink) -> None:
    done = run(
        *(here, "init", "--base-url", simulator.base_url),
        WBIZTOOL_CLIENT_ID=str(simulator.client_id),
        WBIZTOOL_API_KEY=simulator.api_key,
        SLACK_WEBHOOK_URL=f"{sink.url}?slack",
    )
    assert (done.returncode, done.stderr, sink.count) == (0, "", 1)
    assert run(here, "check", "--online").returncode == 0, "also where they are not set"


def test_shell_that_says_otherwise_is_warned_of(here: Path, simulator: Simulator, sink: Sink) -> None:
    done = run(here, *given(here, simulator, sink), WBIZTOOL_API_KEY=WRONG_KEY)
    assert "warning: $WBIZTOOL_API_KEY has another value in this shell, which wins over .env" in done.stderr


def test_refused_credentials_are_kept_and_end_with_77(here: Path, simulator: Simulator, sink: Sink) -> None:
    done = run(here, *given(here, simulator, sink, WRONG_KEY))
    assert (done.returncode, sink.count) == (77, 1)
    assert done.stderr.startswith("WbizTool refuses the credentials: ")
    assert (
        "  1. correct client_id in config.yaml, or the key in .env, then: wbiz-bridge check --online\n" in done.stdout
    )
    env = here / ".env"
    env.write_text(env.read_text().replace(WRONG_KEY, simulator.api_key))
    assert run(here, "check", "--online").returncode == 0


def test_credentials_that_cannot_be_tried_are_kept_and_end_with_75(
    here: Path, simulator: Simulator, sink: Sink
) -> None:
    done = run(here, *given(here, simulator, sink)[:-1], "http://127.0.0.1:9/api")
    assert (done.returncode, set(written(here))) == (75, {".env", "config.yaml"})
    assert "check the credentials once WbizTool answers: wbiz-bridge check --online" in done.stdout


def test_receiver_that_takes_nothing_ends_with_1_and_says_what_to_do(
    here: Path, simulator: Simulator, sink: Sink
) -> None:
    sink.answer = lambda _: Answer.status(404, b"no_service")
    done = run(here, *given(here, simulator, sink))
    assert done.returncode == 1
    assert "ops: refused: " in done.stdout
    assert "  1. fix the URL of ops in .env, or the receiver itself, then: wbiz-bridge test ops\n" in done.stdout


@pytest.mark.parametrize("name", [".env", "config.yaml"])
def test_nothing_is_written_over(here: Path, simulator: Simulator, sink: Sink, name: str) -> None:
    (here / name).symlink_to("gone")
    done = run(here, *given(here, simulator, sink))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"wbiz-bridge: {name} already exists and is never overwritten")
    assert [file.name for file in here.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--client-id NUMBER; --api-key-file FILE (or $WBIZTOOL_API_KEY); --slack-url-file FILE"),
        (["--no-input", "--client-id", "5"], "these options are missing: --api-key-file FILE"),
        (["--client-id", "-5"], "--client-id: must be a whole number (allowed: 1 to "),
        (["--api-key-file", "nowhere"], "--api-key-file nowhere: no such file"),
        (["--webhook", "crm.example.com"], "--webhook: not a usable address (allowed: https://host/…)"),
        (["--webhook", "https://hooks.slack.com/services/T0/B0/x"], "--webhook: a Slack webhook's URL is a secret"),
        (["--base-url", "http://example.com"], "--base-url: must begin with https://"),
        (["--directory", "/etc/wbiz-bridge/shop"], "`wbiz-bridge service install`"),
    ],
)
def test_answer_that_is_missing_or_wrong_writes_nothing(here: Path, arguments: list[str], words: str) -> None:
    done = run(here, "init", *arguments)
    assert (done.returncode, done.stdout, list(here.iterdir())) == (2, "", [])
    assert words in done.stderr


def test_other_account_s_history_is_left_alone(here: Path, simulator: Simulator, sink: Sink) -> None:
    """Who tried with another account before can begin anew."""
    database = here.parent / "state/wbiz-bridge/bridge.db"
    database.parent.mkdir(parents=True)
    Store(f"sqlite:///{database}", account=AccountId(4711, "https://wbiztool.com/api/v1")).close()
    assert run(here, *given(here, simulator, sink)).returncode == 0
    assert "\ndatabase: sqlite:///bridge.db\n" in (here / "config.yaml").read_text()
    checked = run(here, "check", "--online")
    assert (checked.returncode, f"database: {here}/bridge.db can be used" in checked.stdout) == (0, True)


@pytest.mark.slow
def test_terminal_asks_until_answers_can_be_used_and_shows_no_secret(
    here: Path, simulator: Simulator, sink: Sink
) -> None:
    shown, code = answered(
        *(here, "init", "--base-url", simulator.base_url),
        answers=[
            ("WbizTool client id", "-5"),
            ("must be a whole number", str(simulator.client_id)),
            ("API key (not shown)", ""),
            ("must not be empty", WRONG_KEY),
            ("WbizTool refuses the credentials: ", ""),
            ("API key (not shown; Enter keeps it)", simulator.api_key),
            ("WbizTool accepts the credentials", "me@example.com"),
            ("for mail, press Enter now", "crm.example.com/secret"),
            ("not a usable address", f"{sink.url}?app"),
        ],
        extra=state(here),
    )
    assert code == 0, shown
    assert "app: delivered" in shown
    assert not [secret for secret in (WRONG_KEY, simulator.api_key, "/secret", sink.url) if secret in shown]
    assert [json.loads(record.body)["type"] for record in sink.records()] == ["message.failed"]


@pytest.mark.slow
def test_terminal_keeps_what_was_refused_and_decides_later(here: Path, simulator: Simulator) -> None:
    shown, code = answered(
        *(here, "init", "--base-url", simulator.base_url),
        answers=[
            ("client id", "1"),
            ("API key", WRONG_KEY),
            ("refuses the credentials", ""),
            ("Enter keeps it", ""),
            ("Send alerts to", ""),
        ],
        extra=state(here),
    )
    assert code == 77
    assert "2. add a receiver under `receivers:` in config.yaml (docs/receivers.md), then: wbiz-bridge check" in shown
    checked = run(here, "check")
    assert (checked.returncode, "at least one receiver is required" in checked.stderr) == (78, True)
    assert "(1 error)" in checked.stderr
