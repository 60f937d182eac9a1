"""Are the credentials good? WbizTool is asked about the account's before they are used, Slack about a bot's token."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

from bridge.daemon.factory import wbiztool
from bridge.domain.errors import CredentialsError, NotNowError
from bridge.domain.poll_answer import Refused, Unavailable
from bridge.receivers.slack.bot_config import SlackBotReceiverConfig
from bridge.receivers.slack.bot_sender import introduce

if TYPE_CHECKING:
    from datetime import timedelta

    from bridge.config.models import Config, WbizToolConfig
    from bridge.domain.clock import Clock


def try_bots(config: Config, clock: Clock) -> dict[str, str]:
    """Ask Slack whose the tokens of bots are. Returns workspace and bot, by receiver.

    Raises:
        CredentialsError: It refuses one; its own words are in the text.
        NotNowError: It does not answer as it should.
    """
    bots = [each for each in config.receivers if isinstance(each, SlackBotReceiverConfig)]
    return {each.name: introduce(each, clock.now()) for each in bots}


def try_credentials(settings: WbizToolConfig, clock: Clock, within: timedelta | None = None, *, attempts: int) -> str:
    """Try an account's credentials and return the account's name.

    Args:
        settings: Have them.
        clock: Tells the time.
        within: The longest that this may take, where that is less than their ``timeout``.
        attempts: The tries, while WbizTool does not answer.

    Raises:
        CredentialsError: WbizTool refuses them; its own words are in the text.
        NotNowError: WbizTool does not answer as it should.
    """
    channel, source = wbiztool(settings, clock, threading.Event(), within=within, attempts=attempts)
    with closing(channel):
        answer = source.me()
    match answer:
        case Refused(why):
            raise CredentialsError(f"WbizTool refuses the credentials: {why}. Look at wbiztool.client_id and api_key.")
        case Unavailable(why):
            raise NotNowError(f"WbizTool is unreachable: {why}")
        case str():
            return answer
