"""The file ``.env`` beside the configuration: what ``${NAME}`` stands for where the environment does not say.

Nothing in it gets into the process's environment, so that it reaches neither libraries nor the programs of receivers.
Its values may be secrets: no fault shows one, nor a name, which may be a secret that somebody pasted without a name.
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dotenv.parser import parse_stream

from bridge.config.errors import Fault, Place
from bridge.config.exposure import exposure
from bridge.config.files import UnreadableError, not_plain_text, read_bytes
from bridge.domain.text_format import EncodingError, decode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME: Final = ".env"
_LARGEST = 64 * 1024
_LINE_END = re.compile("\r\n|\n|\r")  # as python-dotenv counts lines
_LEADING = re.compile(r"\s*")

_NO_ASSIGNMENT = "this line is not of the form NAME=value (quotes must be closed)"


@dataclass(frozen=True, slots=True)
class EnvFile:
    """What was found beside a configuration. Without a file there are neither values nor faults."""

    path: Path
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    faults: tuple[Fault, ...] = ()

    def under(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Say what ``${NAME}`` stands for: the environment's values, which win, and the file's."""
        return {**self.values, **environ}

    def warnings(self) -> tuple[str, ...]:
        """Warn of a file that every user of the machine may read or change."""
        warning = exposure(self.path, ["values of the configuration"]) if self.values else None
        return () if warning is None else (warning,)


def read_env_file(config: Path) -> EnvFile:
    """Read the file beside a configuration, if there is one. A folder of its name (a virtual environment) is none."""
    path = config.parent / NAME
    if not os.path.lexists(path) or os.path.isdir(path):  # noqa: PTH112 -- Path.is_dir() may raise
        return EnvFile(path)
    try:
        content = read_bytes(path, _LARGEST)
        owner = path.stat().st_uid
    except UnreadableError as error:
        return _refused(path, str(error))
    if os.geteuid() == 0 and owner != 0:
        return _refused(
            path,
            "owned by another user, so root does not read it: `chown root` it, or run this as that user",
        )
    if what := not_plain_text(content):
        return _refused(path, what)
    try:
        values, faults = parse(decode(content))
    except EncodingError as error:
        return EnvFile(path, faults=(Fault(Place(path, error.line, error.column), str(error)),))
    return EnvFile(path, values, tuple(Fault(Place(path, line), what) for line, what in faults))


def parse(text: str) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """Read assignments, as python-dotenv does, but without putting variables into values. Pure.

    Returns:
        The values, and the lines that are wrong, each with what is wrong with it.
    """
    values: dict[str, str] = {}
    first: dict[str, int] = {}
    faults: list[tuple[int, str]] = []
    for binding in parse_stream(io.StringIO(text, newline="")):
        written, name = binding.original.string, binding.key
        leading = _LEADING.match(written)
        line = binding.original.line + len(_LINE_END.findall(leading[0] if leading else ""))
        if binding.error or (name is not None and binding.value is None):
            faults.append((line, _NO_ASSIGNMENT))
        elif name in first:
            faults.append((line, f"this name appears twice (first in line {first[name]}); keep one"))
        elif name is not None:
            first[name] = line
            values[name] = binding.value or ""
    return values, faults


def _refused(path: Path, why: str) -> EnvFile:
    return EnvFile(path, faults=(Fault(Place(path), why),))
