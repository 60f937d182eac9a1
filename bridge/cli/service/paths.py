"""Where the parts of a service are: of the machine's only bridge, or of one account's among several."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bridge.domain.errors import UsageError

FOLDER = Path("/etc/wbiz-bridge")
CONFIG = "config.yaml"
_UNITS = Path("/etc/systemd/system")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,18}", re.ASCII)
"""What the unit can make a user's name of (``wbiz-bridge-NAME``, at most 31 characters), and needs no escape in it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The places. ``instance`` is the account's short name; None where there is one account only.

    Raises:
        UsageError: The name cannot be used.
    """

    instance: str | None = None

    def __post_init__(self) -> None:
        if self.instance is not None and not _NAME.fullmatch(self.instance):
            raise UsageError(
                f"{self.instance!r} is not usable as an instance's name "
                "(allowed: 1 to 19 of a-z 0-9 _ -, the first a letter or digit)"
            )

    @property
    def service(self) -> str:
        """What `systemctl` calls it."""
        return "wbiz-bridge" if self.instance is None else f"wbiz-bridge@{self.instance}"

    @property
    def template(self) -> str:
        """The name of its unit file, which all accounts share."""
        return "wbiz-bridge.service" if self.instance is None else "wbiz-bridge@.service"

    @property
    def unit(self) -> Path:
        """Its unit file."""
        return _UNITS / self.template

    @property
    def unit_aside(self) -> Path:
        """Where a unit file goes that somebody has changed."""
        return self.unit.with_suffix(".service.bak")

    @property
    def drop_ins(self) -> Path:
        """The folder of its own changes of the unit."""
        return _UNITS / f"{self.service}.service.d"

    @property
    def shared_drop_ins(self) -> Path:
        """The folder of changes for all accounts that share the unit."""
        return self.unit.with_suffix(".service.d")

    @property
    def with_the_machine(self) -> Path:
        """What `systemctl enable` makes."""
        return _UNITS / "multi-user.target.wants" / f"{self.service}.service"

    @property
    def folder(self) -> Path:
        """What holds its configuration and keys."""
        return FOLDER if self.instance is None else FOLDER / self.instance

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.folder / CONFIG

    @property
    def api_key(self) -> Path:
        """The file of its API key."""
        return self.folder / "wbiztool-api-key"

    @property
    def slack_url(self) -> Path:
        """The file of its Slack webhook's address."""
        return self.folder / "slack-url"

    @property
    def state(self) -> Path:
        """What holds its database."""
        return Path("/var/lib") / self.service

    @property
    def state_private(self) -> Path:
        """Where systemd really keeps the state of a user who exists only while the service runs; above is a link."""
        return Path("/var/lib/private") / self.service

    @property
    def credentials_view(self) -> Path:
        """Where the unit shows a reload's commands their credentials; systemd leaves the empty folder behind."""
        return Path("/run/wbiz-bridge.credentials")

    @property
    def all(self) -> tuple[Path, ...]:
        """Every place."""
        return (
            *(self.unit, self.with_the_machine, self.drop_ins, self.shared_drop_ins, self.folder, self.config),
            *(self.api_key, self.slack_url, self.state, self.state_private),
            *(self.unit_aside, self.credentials_view, FOLDER),
        )


ONLY = Layout()
"""Of the machine's only bridge."""
