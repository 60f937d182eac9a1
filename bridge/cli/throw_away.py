"""A bridge beside a simulated WbizTool, in a folder that is removed at its end: what ``demo`` and ``dev`` run."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bridge.config import loader
from bridge.store.temporary_folders import sweep, workplace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.config.models import Config
    from bridge.simulator.api import Simulator

KEY_FILE = "api-key"
"""The file in the folder that holds the bridge's API key."""


@contextmanager
def throw_away(prefix: str) -> Iterator[Path]:
    """Make a folder and remove it at the end; those that killed processes left are removed first.

    Args:
        prefix: What the folder's name begins with.
    """
    temporary = Path(tempfile.gettempdir())
    sweep(temporary, prefix)
    with workplace(temporary, prefix) as folder:
        yield folder


def configured(folder: Path, simulator: Simulator, sections: Mapping[str, Any]) -> Config:
    """Write and read a configuration with a simulator as its WbizTool, and its database in the folder.

    Args:
        folder: Made by :func:`throw_away`.
        simulator: What is polled.
        sections: All else. A ``$`` in it is a dollar, and names no variable.

    Raises:
        InvalidConfiguration: Something in the sections is wrong.
    """
    with os.fdopen(os.open(folder / KEY_FILE, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        file.write(simulator.api_key)
    account = {"client_id": simulator.client_id, "api_key_file": KEY_FILE, "base_url": simulator.base_url}
    # No proxy that the environment names leads to this machine.
    config = {**sections, "wbiztool": {**account, "proxy": False}, "database": "sqlite:///bridge.db"}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config).replace("$", "$$"), encoding="utf-8")
    return loader.load(path, os.environ)
