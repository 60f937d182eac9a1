"""What the configuration may say of a service that Apprise knows."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr

from bridge.domain.settings import validators
from bridge.domain.settings.units import Rate
from bridge.receivers.apprise.library import address, parts_of
from bridge.receivers.base_config import Group, ReceiverConfig


class AppriseReceiverConfig(ReceiverConfig):
    """A service that Apprise knows, by its URL. What is queued for it goes as one message, as it does to Slack."""

    url: Annotated[SecretStr, validators.secret(address), Field(alias="apprise")]
    rate_limit: Annotated[Rate, validators.rate()] = Rate(1, timedelta(seconds=1))
    concurrency: Annotated[int, validators.whole(1, 1)] = 1
    group: Group = Group()

    @property
    def grouped(self) -> bool:
        """Always: most of the services take few messages, and people read no more."""
        return True

    @property
    def gathers_for(self) -> timedelta:
        """What ``group.wait`` says."""
        return self.group.wait

    def in_clear(self) -> list[str]:
        """List the URL and every part of it that may be a token."""
        return parts_of(self.url.get_secret_value())
