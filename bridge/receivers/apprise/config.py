"""What the configuration may say of a service that Apprise knows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from bridge.domain.settings import validators
from bridge.receivers.apprise.library import address, parts_of
from bridge.receivers.base_config import PeopleReceiverConfig


class AppriseReceiverConfig(PeopleReceiverConfig):
    """A service that Apprise knows, by its URL. What is queued for it goes as one message, as it does to Slack."""

    url: Annotated[SecretStr, validators.secret(address), Field(alias="apprise")]

    def in_clear(self) -> list[str]:
        """List the URL and every part of it that may be a token."""
        return parts_of(self.url.get_secret_value())
