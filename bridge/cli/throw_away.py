"""A temporary bridge beside a simulated WbizTool, for ``demo`` and ``dev``."""

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
"""The file in the folder with the bridge's API key."""


@contextmanager
def throw_away(prefix: str) -> Iterator[Path]:
    """Make a temporary folder; those that killed processes left behind are removed first.

    Args:
        prefix: Of the folder's name.
    """
    temporary = Path(tempfile.gettempdir())
    sweep(temporary, prefix)
    with workplace(temporary, prefix) as folder:
        yield folder


def configured(folder: Path, simulator: Simulator, sections: Mapping[str, Any]) -> Config:
    """Write and load a configuration that polls a simulator and has its database in the folder.

    Args:
        folder: Made by :func:`throw_away`.
        simulator: What is polled.
        sections: The other sections. A ``$`` in them is a literal dollar.

    Raises:
        InvalidConfiguration: Something in the sections is wrong.
    """
    with os.fdopen(os.open(folder / KEY_FILE, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        file.write(simulator.api_key)
    account = {"client_id": simulator.client_id, "api_key_file": KEY_FILE, "base_url": simulator.base_url}
    # A proxy from the environment does not lead to this machine.
    config = {**sections, "wbiztool": {**account, "proxy": False}, "database": "sqlite:///bridge.db"}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config).replace("$", "$$"), encoding="utf-8")
    return loader.load(path, os.environ)
