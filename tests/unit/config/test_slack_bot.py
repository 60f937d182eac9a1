"""A Slack bot in the configuration: what it takes, and mistakes that are named with their place, never with a token."""

from __future__ import annotations

import pytest

from bridge.config.errors import InvalidConfiguration
from bridge.receivers.slack.bot_config import SlackBotReceiverConfig
from tests.unit.config.world import Folder

TOKEN = "xoxb-17653672481-19874698323-marked5ecret"
ACCOUNT = "wbiztool: {client_id: 123, api_key: some-api-key}\nreceivers:\n"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("bot"))


def bot(folder: Folder, text: str) -> SlackBotReceiverConfig:
    (receiver,) = folder.load((ACCOUNT + text).encode()).receivers
    assert isinstance(receiver, SlackBotReceiverConfig)
    return receiver


@pytest.mark.parametrize("channel", ["#ops", "#größe-2_x", "C012AB3CD", "G012AB3CD", "D012AB3CD"])
def test_bot_has_a_token_and_a_channel(folder: Folder, channel: str) -> None:
    receiver = bot(folder, f'  - slack: {{token: {TOKEN}, channel: "{channel}"}}\n')
    assert (receiver.bot.channel, receiver.bot.api_url) == (channel, "https://slack.com/api")
    assert (receiver.name, receiver.thread_channel, receiver.grouped) == ("slack", channel, True)


def test_token_may_be_in_a_file_and_the_api_elsewhere(folder: Folder) -> None:
    folder.write(f"{TOKEN}\n", "token")
    receiver = bot(
        folder,
        '  - name: team\n    slack: {token_file: token, channel: "#ops", api_url: "http://127.0.0.1:9/api/"}\n'
        '    color: off\n    mention: "@here"\n    group: {max: 5}\n    match: {tags: {team: billing}}\n',
    )
    assert receiver.bot.token.get_secret_value() == TOKEN
    assert receiver.bot.api_url == "http://127.0.0.1:9/api"
    assert (receiver.color, receiver.group.max) == (False, 5)


def test_token_is_a_secret(folder: Folder) -> None:
    config = folder.load((ACCOUNT + f'  - slack: {{token: {TOKEN}, channel: "#ops"}}\n').encode())
    assert TOKEN in config.secrets()
    assert TOKEN not in repr(config)


MISTAKES = {
    "{token: xoxp-1-marked5ecret, channel: '#ops'}": "slack.token: the token of a user",
    "{token: xapp-1-marked5ecret, channel: '#ops'}": "slack.token: an app-level token",
    "{token: xoxe.xoxb-1-marked5ecret, channel: '#ops'}": "slack.token: a token that expires",
    "{token: 'https://hooks.slack.com/services/marked5ecret', channel: '#ops'}": "slack.token: a URL, not a token",
    "{token: marked5ecret, channel: '#ops'}": "slack.token: not the token of a bot (allowed: xoxb-…",
    "{token: 'xoxb-marked5ecret é', channel: '#ops'}": "slack.token: not the token of a bot (allowed: xoxb-…",
    f"{{token: {TOKEN}, channel: '#a b'}}": "slack.channel: not a channel",
    f"{{token: {TOKEN}, channel: c012ab3cd}}": "slack.channel: not a channel",
    f"{{token: {TOKEN}, channel: ops}}": 'slack.channel: not a channel (did you mean "#ops"? allowed: "#name"',
    "{token: xoxb-1, channel: xoxb-marked5ecret}": 'slack.channel: not a channel (allowed: "#name"',
    f"{{token: {TOKEN}, channel: U012AB3CD}}": "slack.channel: the id of a person",
    f"{{token: {TOKEN}, channel: }}": "slack.channel: has no value: # begins a comment unless it is in quotes",
    f"{{token: {TOKEN}}}": "slack: channel is missing",
    "{channel: '#ops'}": "slack: token (or token_file) is missing",
    f"{{token: {TOKEN}, token_file: token, channel: '#ops'}}": "slack.token_file: token and token_file are both given",
    "{token_file: missing, channel: '#ops'}": "slack.token_file: the secret cannot be read",
    f"{{tokn: {TOKEN}, token: {TOKEN}, channel: '#ops'}}": "slack.tokn: unknown key (did you mean `token`?)",
    f"{{{TOKEN}: '#ops'}}": "slack: has an unknown key (allowed: token, channel, api_url, token_file)",
    f"{{token: {TOKEN}, channel: '#ops', api_url: 'http://slack.com/api'}}": "slack.api_url: must begin with https://",
    f"{{token: {TOKEN}, channel: '#ops', api_url: 'https://slack.com/api?x=1'}}": "slack.api_url: must be an address",
    TOKEN: "slack: a token, not the address of a webhook: write slack: {token: xoxb-…",
    f"{{token: {TOKEN}, channel: '#ops'}}\n    format: workflow": "format: a bot posts messages; a workflow starts",
    f"{{token: {TOKEN}, channel: '#ops'}}\n    tls: {{verify: off}}": "tls.verify: Slack's certificate is always",
    f"{{token: {TOKEN}, channel: '#ops'}}\n    channel: '#ops'": "channel: belongs to `slack`",
    f"{{token: {TOKEN}, channel: '#ops'}}\n    token: {TOKEN}": "token: belongs to `slack`",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistake_is_named_with_its_place_and_without_the_token(folder: Folder, text: str) -> None:
    with pytest.raises(InvalidConfiguration) as found:
        folder.load(f"{ACCOUNT}  - slack: {text}\n".encode())
    said = [str(fault) for fault in found.value.faults]
    (fault,) = (each for each in said if MISTAKES[text] in each)
    assert "config.yaml:3:" in fault or "config.yaml:4:" in fault
    assert "receivers[0]." in fault
    shown = [line for fault in found.value.faults for line in (str(fault), *fault.excerpt)]
    assert not any("marked5ecret" in line for line in shown)
