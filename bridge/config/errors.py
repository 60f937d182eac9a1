"""What is wrong with a configuration, and where."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.config.slips.excerpt import excerpt
from bridge.config.slips.lines import LINE_END
from bridge.config.slips.values import second_look
from bridge.domain.errors import ConfigurationError
from bridge.domain.sanitization import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from bridge.config.glob_patterns import Pattern
    from bridge.domain.account import AccountId

MOST_OF_A_KIND = 20
"""How many faults of one kind are listed one by one: a list of the wrong form has one on every line."""

_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: a file, a line and a column (both from 1), and the path of keys to it."""

    file: Path
    line: int = 1
    column: int = 1
    key: str = ""

    def __str__(self) -> str:
        key = self.key if len(self.key) <= _LONGEST_KEY else f"{self.key[:_LONGEST_KEY]}…"
        return one_line(f"{self.file}:{self.line}:{self.column}: {key}{': ' if key else ''}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. ``what`` says it together with what is allowed, and never holds a secret.

    ``excerpt`` is the line of the file and a caret below it, with what may be a secret masked.
    """

    place: Place
    what: str
    excerpt: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.place}{one_line(self.what)}"


@dataclass(frozen=True, slots=True)
class Sources:
    """What a configuration was read from: the files, and the patterns that others may come to match."""

    files: tuple[Path, ...] = ()
    patterns: tuple[Pattern, ...] = ()

    def __or__(self, other: Sources) -> Sources:
        """Both together."""
        files, patterns = (*self.files, *other.files), (*self.patterns, *other.patterns)
        return Sources(tuple(dict.fromkeys(files)), tuple(dict.fromkeys(patterns)))


class InvalidConfiguration(ConfigurationError):  # noqa: N818 -- it is the state of the file, reported as a whole
    """The configuration is invalid: a line that counts the faults, then each with its excerpt, by their places.

    The first line keeps the others clean of what the command line puts before an error, so that editors and scripts
    can read ``file:line:column:`` in each of them; an excerpt's lines begin with spaces. ``database`` is its database's
    URL, and ``account`` the account, where that much is right: a daemon that began with an earlier configuration may be
    running on it.
    """

    def __init__(
        self,
        faults: Iterable[Fault],
        sources: Sources | None = None,
        database: str | None = None,
        account: AccountId | None = None,
    ) -> None:
        self.sources = sources or Sources()
        self.database = database
        self.account = account
        self.faults = tuple(sorted(faults, key=_order))
        count = f"{len(self.faults)} error{'' if len(self.faults) == 1 else 's'}"
        super().__init__(f"the configuration is invalid ({count}):", *_lines(self.faults))


class Faults:
    """Gathers faults. Of each kind, :data:`MOST_OF_A_KIND` are kept, and the rest counted."""

    def __init__(self) -> None:
        self._kept: dict[Fault, None] = {}
        self._seen: Counter[str] = Counter()
        self._more: dict[str, Place] = {}
        self._texts: dict[Path, str] = {}

    def keep_text(self, file: Path, text: str) -> None:
        """Keep a file's text: its faults show their line of it."""
        self._texts[file] = text

    def add(self, place: Place, what: str, kind: str | None = None, times: int = 1) -> None:
        """Note a fault. Faults that say the same are of one kind, unless a ``kind`` is named.

        ``times`` above 1 is for what is beyond :data:`MOST_OF_A_KIND` already, and only counted. The same fault again
        (in a file that is included twice) is not noted again.
        """
        kind = kind or what
        fault = Fault(place, what)
        if fault in self._kept:
            return
        self._seen[kind] += times
        if self._seen[kind] <= MOST_OF_A_KIND:
            self._kept[fault] = None
        else:
            self._more.setdefault(kind, place)

    def all(self) -> list[Fault]:
        """List what was kept, with its lines, and for each kind that had more, how many, at the first of those."""
        rest = (
            Fault(place, f"… and {self._seen[kind] - MOST_OF_A_KIND} more of this kind, from here on")
            for kind, place in self._more.items()
        )
        return [*dict.fromkeys(map(_Explained(self._texts), self._kept)), *rest]

    def __bool__(self) -> bool:
        return bool(self._kept)


class _Explained:
    """Puts into a fault the line that it is about, and plainer words where that shows a slip."""

    def __init__(self, texts: Mapping[Path, str]) -> None:
        self._texts = texts
        self._lines: dict[Path, list[str]] = {}

    def __call__(self, fault: Fault) -> Fault:
        place = fault.place
        if place.file not in self._texts:
            return fault
        if place.file not in self._lines:
            self._lines[place.file] = LINE_END.split(self._texts[place.file])
        lines = self._lines[place.file]
        slip = second_look(lines, place.line, place.column)
        if slip is not None:
            place = replace(place, line=slip.line, column=slip.column)
        return Fault(place, slip.what if slip else fault.what, excerpt(lines, place.line, place.column))


def _lines(faults: Iterable[Fault]) -> Iterator[str]:
    """Write faults, and below each its line, once for those that follow each other at one place."""
    shown: tuple[str, ...] = ()
    for fault in faults:
        yield str(fault)
        if fault.excerpt != shown:
            yield from fault.excerpt
            shown = fault.excerpt


def _order(fault: Fault) -> tuple[str, int, int]:
    return (str(fault.place.file), fault.place.line, fault.place.column)
