"""What `init` writes is right whatever was told, says what was told, and holds no secret but in `.env`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.init.configuration import Answers, config_text, env_text, variables
from bridge.config import env_file
from bridge.config.models import WbizToolConfig
from bridge.domain.settings.validators import line
from bridge.receivers.signing import new_secret
from bridge.receivers.slack.config import SlackReceiverConfig
from bridge.receivers.webhook.config import WebhookReceiverConfig
from tests.unit.config.world import Folder

README = (Path(__file__).parents[4] / "README.md").read_text(encoding="utf-8")
KEY = 'it\'s a "key" # with \\ and $HOME'
SLACK = "https://hooks.slack.com/services/T0/B0/slack-secret"
WORKFLOW = "https://hooks.slack.com/triggers/T0/1/workflow-secret"
WEBHOOK = "https://crm.example.com/hooks?token=webhook-secret&x='"
SECRET = new_secret(b"1" * 32)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def account(**more: object) -> WbizToolConfig:
    return WbizToolConfig.model_validate({"client_id": 123, "api_key": KEY, **more})


def is_one_line(text: str) -> bool:
    try:
        return line(text) == text
    except ValueError:
        return False


def test_alerts_that_are_added_later_reach_slack(folder: Folder) -> None:
    answers = Answers(account(), SLACK)
    folder.write(env_text(variables(answers)), ".env")
    loaded = folder.load(f"{config_text(answers)}alerts: [{{failing: 20%}}]".encode(), {"STATE_DIRECTORY": "/state"})
    assert list(loaded.warnings()) == []


@pytest.mark.parametrize("slack", [None, SLACK, WORKFLOW])
@pytest.mark.parametrize("webhook", [None, WEBHOOK])
@pytest.mark.parametrize("own", [False, True])
def test_what_was_told_is_in_force(folder: Folder, slack: str | None, webhook: str | None, own: bool) -> None:
    answers = Answers(account(base_url="http://127.0.0.1:1/$api"), slack, webhook, SECRET, own_database=own)
    folder.write(env_text(variables(answers)), ".env")
    text = config_text(answers)
    assert not [secret for secret in (KEY, "-secret", SECRET) if secret in text]
    if not answers.receivers:
        (fault,) = folder.faults(text.encode(), {})
        assert "at least one receiver is required" in fault
        return
    loaded = folder.load(text.encode(), {"STATE_DIRECTORY": "/state"})
    assert loaded.wbiztool == answers.account
    assert (loaded.discover.report, loaded.numbers.watch, len(loaded.watchlist)) == (True, True, 0)
    assert tuple(receiver.name for receiver in loaded.receivers) == answers.receivers
    assert loaded.database == (f"sqlite:///{folder.path}/bridge.db" if own else "sqlite:////state/bridge.db")
    for receiver in loaded.receivers:
        match receiver:
            case SlackReceiverConfig():
                assert receiver.url.get_secret_value() == slack
                assert receiver.format == ("workflow" if slack == WORKFLOW else "message")
            case WebhookReceiverConfig():
                assert receiver.url.get_secret_value() == webhook
                assert [secret.get_secret_value() for secret in receiver.secrets] == [SECRET]
    assert [warning for warning in loaded.warnings() if "example" not in warning] == []


@given(st.dictionaries(st.from_regex("[A-Z_]{1,9}", fullmatch=True), st.text().filter(is_one_line)))
def test_file_for_variables_says_what_was_written(values: dict[str, str]) -> None:
    assert env_file.parse(env_text(values)) == (values, [])


def test_readme_shows_what_is_written() -> None:
    shown = README.partition("   ```yaml\n")[2].partition("   ```")[0]
    text = config_text(Answers(account(), SLACK))
    written = [line for line in text.splitlines() if line and not re.match(" *#", line)]
    assert [line.removeprefix("   ") for line in shown.splitlines()] == written


def test_answers_show_no_secret() -> None:
    assert "secret" not in repr(Answers(account(), SLACK, WEBHOOK, "a-secret")).replace("signing_secret", "")
