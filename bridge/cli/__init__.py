"""The command line: parse, call, render."""

from __future__ import annotations

from bridge.cli import record, service, watching
from bridge.cli.root import app

__all__ = ["app", "record", "service", "watching"]
