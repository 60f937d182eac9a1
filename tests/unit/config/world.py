"""A folder with a configuration in it."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

from bridge.config.errors import InvalidConfiguration
from bridge.config.loader import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bridge.config.models import Config

ENVIRON = {"KEY": "api-key-0123456789", "SLACK": "https://hooks.slack.com/services/T0/B0/slack-secret"}
LEAST = """\
    wbiztool: {client_id: 123, api_key: "${KEY}"}
    receivers:
      - slack: ${SLACK}
"""


class Folder:
    """Where a test's files are."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str | bytes, name: str = "config.yaml") -> Path:
        """Write a file; a text is unindented first."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
        return file

    def load(self, text: str | bytes | None = None, environ: Mapping[str, str] = ENVIRON) -> Config:
        """Load a configuration."""
        if text is not None:
            self.write(text)
        return load(self.path / "config.yaml", environ)

    def faults(self, text: str | bytes | None = None, environ: Mapping[str, str] = ENVIRON) -> list[str]:
        """List what is wrong with a configuration, the folder's name left out."""
        try:
            self.load(text, environ)
        except InvalidConfiguration as error:
            return [str(fault).replace(f"{self.path}/", "") for fault in error.faults]
        return []
