"""What users copy from is right: config.example.yaml, with what is commented out in it, and README's ten lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from bridge.config.models import (
    Config,
    DiscoverConfig,
    HeartbeatConfig,
    HttpConfig,
    LogConfig,
    NumbersConfig,
    PollConfig,
    WbizToolConfig,
)
from bridge.domain.model import Details
from bridge.receivers.apprise.config import AppriseReceiverConfig
from bridge.receivers.base_config import Group
from bridge.receivers.command.config import CommandReceiverConfig
from bridge.receivers.slack.bot_config import SlackBotConfig
from bridge.receivers.slack.config import SlackReceiverConfig
from bridge.receivers.webhook.config import Batch, WebhookReceiverConfig
from tests.unit.config.world import ENVIRON, Folder

if TYPE_CHECKING:
    from pydantic import BaseModel

ROOT = Path(__file__).parents[3]
EXAMPLE = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_ALTERNATIVE = re.compile(r"( *)# ((?:- )?([a-z_]+): .*)")
"""A line that is commented out: its indentation, what it would be, its key."""

_STANDS_FOR = {"intervals": "every"}
ALTERNATIVES = [line for line in EXAMPLE.splitlines() if _ALTERNATIVE.fullmatch(line)]
VARIABLES = sorted(set(re.findall(r"\$\{([A-Z_]+)\}", re.sub("(^| )#.*", "", EXAMPLE, flags=re.MULTILINE))))


@pytest.fixture
def variables(folder: Folder) -> dict[str, str]:
    """The variables that the example and README name, and the files."""
    folder.write("key", "wbiztool-api-key")
    folder.write("token-0123456789abcdef", "http-token")
    folder.write("- 99\n", "watch.d/more.yaml")
    folder.write("100\n", "sent-ids.txt")
    folder.write("id,label,expected_at,tags.team\n101,Invoice 89,,billing\n", "sent.csv")
    folder.write("xoxb-1-2-example", "slack-bot-token")
    company = trustme.CA()
    folder.write(company.cert_pem.bytes(), "company-ca.pem")
    folder.write(company.issue_cert("bridge").private_key_and_cert_chain_pem.bytes(), "client.pem")
    return {
        "WBIZTOOL_CLIENT_ID": "123",
        "WBIZTOOL_API_KEY": "key",
        "CREDENTIALS_DIRECTORY": str(folder.path),
        "SLACK_WEBHOOK_URL": ENVIRON["SLACK"],
        "CRM_WEBHOOK_SECRET": SECRET,
        "CRM_TOKEN": "token",
        "API_TOKEN": "api-token",
    }


@pytest.fixture
def example(folder: Folder, variables: dict[str, str]) -> Config:
    return folder.load(EXAMPLE.encode(), variables)


def uncommented(line: str) -> str:
    """Take the mark of the comment from a line, and out the line beside it that it stands for."""
    match = _ALTERNATIVE.fullmatch(line)
    assert match
    indent, content, key = match.groups()
    beside = "" if content.startswith("- ") else f"{indent}{_STANDS_FOR.get(key, key)}: "
    kept = [each for each in EXAMPLE.splitlines() if each != line and not (beside and each.startswith(beside))]
    at = EXAMPLE.splitlines().index(line)
    return "\n".join([*kept[:at], f"{indent}{content}", *kept[at:]]) + "\n"


def test_the_example_is_right(example: Config) -> None:
    assert set(example.watchlist.ids()) == {12345, 12346, 12347, 99}
    assert example.watchlist.details(12346) == Details("Invoice 88", {"team": "billing"})
    assert [receiver.name for receiver in example.receivers] == ["ops", "crm", "dispatch"]


def test_what_is_left_out_of_the_example_has_the_value_that_stands_there(example: Config) -> None:
    assert example.poll == PollConfig()
    assert example.log == LogConfig()
    for key in ("retention", "discover", "numbers", "http", "heartbeat"):
        assert getattr(example, key) == Config.model_fields[key].default, key
    for key in ("base_url", "timeout", "rate_limit", "concurrency"):
        assert getattr(example.wbiztool, key) == WbizToolConfig.model_fields[key].default, key
    slack, webhook, _ = example.receivers
    assert isinstance(slack, SlackReceiverConfig)
    assert isinstance(webhook, WebhookReceiverConfig)
    default = SlackReceiverConfig.model_fields["group"].default
    assert slack.group == default
    for key in ("timeout", "concurrency", "format"):
        assert getattr(webhook, key) == WebhookReceiverConfig.model_fields[key].default, key


def test_the_example_names_every_key_that_can_be_set() -> None:
    models: list[type[BaseModel]] = [
        Config,
        WbizToolConfig,
        PollConfig,
        LogConfig,
        DiscoverConfig,
        NumbersConfig,
        HeartbeatConfig,
        HttpConfig,
    ]
    models += [
        SlackReceiverConfig,
        SlackBotConfig,
        WebhookReceiverConfig,
        AppriseReceiverConfig,
        CommandReceiverConfig,
        Group,
        Batch,
    ]
    for model in models:
        for name, field in model.model_fields.items():
            key = field.alias or name
            if key not in {"path", "sources", "watchlist"} and not field.exclude:
                assert re.search(rf"\b{key}(_file)?:", EXAMPLE), key


@pytest.mark.parametrize("line", ALTERNATIVES)
def test_a_line_that_is_commented_out_is_right(folder: Folder, variables: dict[str, str], line: str) -> None:
    assert folder.faults(uncommented(line).encode(), variables) == []


def test_such_lines_and_variables_are_found() -> None:
    assert len(ALTERNATIVES) >= 8
    assert len(VARIABLES) >= 5


@pytest.mark.parametrize("name", VARIABLES)
def test_each_variable_that_is_not_set_is_named(folder: Folder, variables: dict[str, str], name: str) -> None:
    del variables[name]
    (fault,) = folder.faults(EXAMPLE.encode(), variables)
    assert f"the variable {name} is not set" in fault


def test_the_ten_lines_of_readme_are_right_and_are_ten_at_most(folder: Folder, variables: dict[str, str]) -> None:
    lines = README.partition("   ```yaml\n")[2].partition("   ```")[0]
    assert 5 < len(lines.splitlines()) <= 10
    loaded = folder.load(lines, variables)
    assert loaded.discover.report
    assert loaded.receivers[0].events is not None
    assert "message.failed" in loaded.receivers[0].events


def test_the_mistake_that_readme_shows_is_told_just_so(folder: Folder, variables: dict[str, str]) -> None:
    lines = README.partition("   ```yaml\n")[2].partition("   ```")[0]
    (fault,) = folder.faults(lines.replace("events:", "evnts:"), variables)
    where, _, what = fault.partition(": ")
    shown = re.search(r"``(config\.yaml:\d+:\d+): (.*?)``", README)
    assert shown
    assert (where, what) == shown.groups()
