"""What is wrong with a configuration, and where."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file, a line and a column (both from 1), and the path of keys to it."""

    file: Path
    line: int = 1
    column: int = 1
    key: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.key}{': ' if self.key else ''}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. ``what`` says it together with what is allowed, and never holds a secret."""

    place: Place
    what: str

    def __str__(self) -> str:
        return f"{self.place}{self.what}"


class InvalidConfiguration(ConfigurationError):  # noqa: N818 -- it is the state of the file, told as a whole
    """The configuration is wrong: every fault, one to a line, in the order of the files and their lines."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(
            sorted(faults, key=lambda fault: (str(fault.place.file), fault.place.line, fault.place.column))
        )
        lines = [str(fault) for fault in self.faults[:MOST_SHOWN]]
        if len(self.faults) > MOST_SHOWN:
            lines.append(f"… and {len(self.faults) - MOST_SHOWN} more")
        count = f"{len(self.faults)} fault{'' if len(self.faults) == 1 else 's'}"
        super().__init__(f"the configuration is wrong ({count}):\n" + "\n".join(lines))


def suggestion(name: str, allowed: Iterable[str]) -> str:
    """Point to the nearest of the allowed names, or list them."""
    names = sorted(allowed)
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(names)}"
