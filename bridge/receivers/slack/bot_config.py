"""What the configuration may say of a Slack bot.

What :mod:`bridge.domain.settings.validators` says of secrets and of ValueErrors holds here, too.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated

from pydantic import Field, SecretStr

from bridge.domain.settings import validators
from bridge.domain.settings.base_model import Model
from bridge.domain.settings.check import Check
from bridge.domain.settings.validators import line
from bridge.receivers.slack.config import SlackConfig

_BOT_TOKEN = re.compile(r"xoxb-[A-Za-z0-9-]{4,}")
_WANTED = "(allowed: xoxb-…, the Bot User OAuth Token of a Slack app)"
_OTHER_TOKENS = {
    "xoxp-": f"the token of a user: the bridge would write as that person {_WANTED}",
    "xapp-": f"an app-level token, which can't post {_WANTED}",
    "xoxe": f"a token that expires: switch off token rotation in a new Slack app {_WANTED}",
    "http": f"a URL, not a token: a webhook is written `slack: https://…` {_WANTED}",
}
_NAME = re.compile(r"#[^\s#@<>,:]{1,80}")
_BARE_NAME = re.compile(r"(?!xox)[a-z0-9_-]{1,40}")  # what may be a token is not shown
_ID = re.compile(r"[CGD][A-Z0-9]{6,20}")
_PERSON = re.compile(r"[UW][A-Z0-9]{6,20}")
_CHANNEL = '(allowed: "#name", or an id such as C012AB3CD)'


def bot_token(text: str) -> None:
    """Allow the token of a bot."""
    for beginning, what in _OTHER_TOKENS.items():
        if text.lower().startswith(beginning):
            raise ValueError(what)
    if not _BOT_TOKEN.fullmatch(text):
        raise ValueError(f"not the token of a bot {_WANTED}")


def channel(value: object) -> str:
    """Allow a channel by its name, and channels, groups and direct messages by their id."""
    text = line(value)
    if _PERSON.fullmatch(text):
        raise ValueError(f"the id of a person: use that of the direct message with them, D… {_CHANNEL}")
    if not _NAME.fullmatch(text) and not _ID.fullmatch(text):
        meant = f'did you mean "#{text}"? ' if _BARE_NAME.fullmatch(text) else ""
        raise ValueError(f"not a channel ({meant}{_CHANNEL[1:]}")
    return text


class SlackBotConfig(Model):
    """What is under ``slack``: an app's token, and the channel to post to. ``api_url`` has no slash at its end."""

    token: Annotated[SecretStr, validators.secret(bot_token)]
    channel: Annotated[str, Check(channel)]
    api_url: Annotated[str, Check(partial(validators.base_url, carried="token"))] = "https://slack.com/api"


class SlackBotReceiverConfig(SlackConfig):
    """A channel to which a bot posts. Later events about a subject are replies in its thread."""

    bot: Annotated[SlackBotConfig, Field(alias="slack")]

    @property
    def thread_channel(self) -> str:
        """The channel, as it is configured."""
        return self.bot.channel

    @property
    def where(self) -> str:
        """The channel."""
        return f"{self.bot.channel} in Slack"

    @property
    def shared_limit(self) -> tuple[str, str]:
        """Slack limits an app as a whole, and what is posted to a channel."""
        return f"{self.bot.api_url} {self.bot.token.get_secret_value()}", self.bot.channel

    def in_clear(self) -> list[str]:
        """List the token, and what is secret of the way to Slack."""
        return [self.bot.token.get_secret_value(), *self.network_in_clear()]
