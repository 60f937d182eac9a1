"""Are the account's credentials good? WbizTool is asked before they are used."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

from bridge.daemon.factory import wbiztool
from bridge.domain.errors import CredentialsError, NotNowError
from bridge.domain.poll_answer import Refused, Unavailable

if TYPE_CHECKING:
    from datetime import timedelta

    from bridge.config.models import Config
    from bridge.domain.clock import Clock


def try_credentials(config: Config, clock: Clock, within: timedelta | None = None) -> str:
    """Try the credentials of a configuration and return the account's name.

    Args:
        config: Has them.
        clock: Tells the time.
        within: The longest that this may take, where that is less than the configuration's ``timeout``.

    Raises:
        CredentialsError: WbizTool refuses them; its own words are in the text.
        NotNowError: WbizTool does not answer as it should.
    """
    channel, source = wbiztool(config, clock, threading.Event(), within=within)
    with closing(channel):
        answer = source.me()
    match answer:
        case Refused(why):
            raise CredentialsError(f"WbizTool refuses the credentials: {why}. Look at wbiztool.client_id and api_key.")
        case Unavailable(why):
            raise NotNowError(f"WbizTool is unreachable: {why}")
        case str():
            return answer
