"""The commands, in the order in which the help lists them."""

from __future__ import annotations

from bridge.cli import run  # isort: skip
from bridge.cli import messages  # isort: skip
from bridge.cli import history  # isort: skip
from bridge.cli import route  # isort: skip
from bridge.cli import secret  # isort: skip
from bridge.cli import backup  # isort: skip
from bridge.cli import move  # isort: skip
from bridge.cli import install  # isort: skip
from bridge.cli.app import app

__all__ = ["app", "backup", "history", "install", "messages", "move", "route", "run", "secret"]
