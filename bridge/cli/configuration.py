"""Reads the configuration, and opens the database that it names, for a command."""

from __future__ import annotations

import os
from pathlib import Path

from bridge.cli import output
from bridge.config import loader, locate
from bridge.config.errors import InvalidConfiguration
from bridge.config.models import Config
from bridge.domain.model import AccountId
from bridge.store.store import Store


def load_config(option: Path | None) -> Config:
    """Find and read the configuration."""
    return loader.load(locate.find(option, os.environ), os.environ)


def open_store(option: Path | None) -> Store:
    """Open the database that the configuration names, also where something else in it is wrong, which is then said.

    What happened must be seen, and sent again, while the file is being fixed.
    """
    url, account = _database_of(option)
    return Store(url, account=account)


def _database_of(option: Path | None) -> tuple[str, AccountId | None]:
    try:
        settings = load_config(option)
    except InvalidConfiguration as error:
        if error.database is None:
            raise
        faults = len(error.faults)
        what = "a fault" if faults == 1 else f"{faults} faults"
        output.say(f"warning: the configuration has {what}; see wbiz-bridge check", err=True)
        return error.database, error.account
    return settings.database, settings.wbiztool.account
