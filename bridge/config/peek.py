"""Two keys of a configuration that may be wrong in all else: what leads a command to the daemon, and to its database.

It must cost little, also where thousands of messages are listed, and reads ``.env`` only for a variable of these two.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bridge.config.control_path import default_file
from bridge.config.env_vars import substitute

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEY = re.compile(r"""^["']?(?P<key>control|database|database_file)["']?\s*:.*\n?(?:(?:[ \t#].*)?\n)*""", re.MULTILINE)
_SQLITE = "sqlite:///"


class Peek:
    """What a configuration says under ``control`` and ``database``; None for what it does not say, or not in words.

    ``switched_off`` tells that it wants no socket. ``database`` is a URL whose SQLite path is absolute.

    Args:
        path: The configuration; it need not be there.
        environ: The variables that it may name, beside those of ``.env``.
    """

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path = path
        self._folder = path.absolute().parent
        self._environ = environ
        said = _read(path)
        control = said.get("control")
        self.switched_off = control is False
        text = self._text(control)
        self.control = self._folder / text if text else None
        self.database = self._database(said)

    def _database(self, said: Mapping[str, Any]) -> str | None:
        url = self._text(said.get("database"))
        if named := self._text(said.get("database_file")):
            url = _content(self._folder / named).strip()
        if url is None:
            try:
                return f"{_SQLITE}{default_file(self._environ)}" if "database" not in said else None
            except RuntimeError:
                return None
        if url.startswith(_SQLITE):
            return f"{_SQLITE}{self._folder / url.removeprefix(_SQLITE)}"
        return url

    def _text(self, value: object) -> str | None:
        if not isinstance(value, str):
            return None
        if "$" not in value:
            return value
        env_file = import_module("bridge.config.env_file").read_env_file(self._path)
        text, wrong = substitute(value, env_file.under(self._environ))
        return None if wrong else text


def _read(path: Path) -> dict[str, Any]:
    text = _content(path)
    found = [match.group() for match in _KEY.finditer(text)]
    if not found and not text.lstrip().startswith("{"):
        return {}
    yaml = import_module("yaml")
    try:
        said = yaml.load("".join(found) or text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _content(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace").removeprefix("\ufeff") if path.is_file() else ""
    except OSError:
        return ""
