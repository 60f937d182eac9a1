"""The command line: parse, call, render."""

from __future__ import annotations

# In the order in which the help lists their commands.
from bridge.cli import service  # isort: skip
from bridge.cli import watching  # isort: skip
from bridge.cli import record  # isort: skip
from bridge.cli import routing  # isort: skip
from bridge.cli import signing  # isort: skip
from bridge.cli import upkeep  # isort: skip
from bridge.cli import moving  # isort: skip
from bridge.cli import installing  # isort: skip
from bridge.cli.root import app

__all__ = ["app", "installing", "moving", "record", "routing", "service", "signing", "upkeep", "watching"]
