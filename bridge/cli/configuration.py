"""Reads the configuration for a command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import output
from bridge.config import control_path, loader, locate
from bridge.config.errors import InvalidConfiguration
from bridge.config.machine_zone import machine_zone
from bridge.config.models import Config
from bridge.domain.account import AccountId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo


def load_config(option: Path | None, *, as_service: bool = True) -> Config:
    """Find and read the configuration.

    Args:
        option: The option ``-c``.
        as_service: Read the configuration of a service as the service does, with what systemd gives it.
    """
    path = locate.find(option, os.environ)
    return loader.load(path, _environ(path) if as_service else os.environ)


def database_of(option: Path | None) -> tuple[str, AccountId | None, tzinfo]:
    """Name the database, whose it is, and the time zone, also where something else is wrong, which is then said.

    What happened must be seen, and sent again, while the file is being fixed.
    """
    try:
        settings = load_config(option)
    except InvalidConfiguration as error:
        if error.database is None:
            raise
        count = f"{len(error.faults)} error{'' if len(error.faults) == 1 else 's'}"
        output.say(f"warning: the configuration is invalid ({count}); see wbiz-bridge check", err=True)
        return error.database, error.account, machine_zone()
    return settings.database, settings.wbiztool.account, settings.zone


def _environ(config: Path) -> Mapping[str, str]:
    given = control_path.unit_environ(config)
    if "STATE_DIRECTORY" in os.environ or not given:
        return os.environ
    # Else it is the configuration of a bridge that somebody runs by hand.
    places = (Path(given["STATE_DIRECTORY"]), *control_path.unit_files(config))
    installed = any(os.path.lexists(place) for place in places)
    return given | os.environ if installed else os.environ
