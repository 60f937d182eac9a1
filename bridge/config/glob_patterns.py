"""Patterns of files, such as ``watch.d/*.yaml``: what can't be read is a fault, where ``glob`` would find nothing."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import filter as filter_names
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.config.errors import Place

LISTS = "lists"
"""The fact of the database that says which patterns matched when its watch list was written."""

_WILD = re.compile(r"[*?[]")  # as glob.has_magic


def is_pattern(name: str) -> bool:
    """Tell whether a name has wildcards."""
    return _WILD.search(name) is not None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, as it is in ``place``. ``folder`` is where a relative one begins."""

    folder: str
    name: str
    place: Place

    @property
    def key(self) -> str:
        """The pattern from the root of the file system on."""
        return os.path.join(self.folder, self.name)  # noqa: PTH118 -- a pattern is no path

    @property
    def home(self) -> Path:
        """The folder that it names before its first wildcard."""
        parts = self.name.split("/")
        first = next(number for number, part in enumerate(parts) if is_pattern(part))
        return Path(self.folder, "/".join(parts[:first]) or ("/" if self.name.startswith("/") else ""))

    def matches(self) -> list[str]:
        """List the files, sorted. A folder that is not there has none.

        Raises:
            OSError: A folder cannot be read, or looked into.
        """
        try:
            return sorted(_matches(self.key, 0 if self.name.startswith("/") else len(self.folder)))
        except ValueError:  # what cannot be written in the file system's encoding matches nothing
            return []

    def is_apart(self) -> bool | None:
        """Tell whether its folder is on another file system than ``/``; None where it is not there.

        Raises:
            OSError: It cannot be looked at.
        """
        try:
            return self.home.stat().st_dev != Path("/").stat().st_dev
        except (FileNotFoundError, ValueError):
            return None


def written(patterns: Iterable[Pattern]) -> str:
    """Write down which patterns match something, and whether their folder is on another file system than ``/``."""
    found = {}
    for pattern in patterns:
        with suppress(OSError):  # it could be read a moment ago
            if pattern.matches():
                found[pattern.key] = bool(pattern.is_apart())
    return json.dumps(found)


def vanished(patterns: Iterable[Pattern], before: str | None) -> list[Fault]:
    """List the patterns whose lists were there ``before`` (:func:`written`), and whose folder is gone, or not mounted.

    An empty folder is no fault: its lists may have been removed.
    """
    known: Mapping[str, bool] = json.loads(before or "{}")
    whys = ((pattern, _gone(pattern, was_apart=known[pattern.key])) for pattern in patterns if pattern.key in known)
    return [Fault(pattern.place, why) for pattern, why in whys if why is not None]


def _gone(pattern: Pattern, *, was_apart: bool) -> str | None:
    try:
        if pattern.matches():
            return None
        apart = pattern.is_apart()
    except OSError as error:
        return unreadable(pattern, error)
    if apart is None:
        return (
            f"the folder {pattern.home} is gone, and lists were read from it before: put it back (it may be empty), "
            "or remove the include"
        )
    if was_apart and not apart:
        return (
            f"the folder {pattern.home} is empty, and the file system that it was on is not mounted: mount it, "
            "or remove the include"
        )
    return None


def unreadable(pattern: Pattern, error: OSError) -> str:
    """Say why a pattern's folder, or one in it, can't be read."""
    return f"{error.filename or pattern.home}: the folder cannot be read: {error.strerror or 'input/output error'}"


def _matches(pattern: str, named: int) -> list[str]:
    """List what matches.

    Args:
        pattern: From the root on.
        named: How many characters at its beginning are a folder's own name, whatever is there.

    Raises:
        OSError: A folder cannot be read, or looked into.
    """
    head, tail = os.path.split(pattern)
    wild_head = is_pattern(head[named:])
    if not is_pattern(tail):
        folders = _matches(head, named) if wild_head else [head]
        candidates = [os.path.join(folder, tail) for folder in folders]  # noqa: PTH118 -- quick, and text as glob has it
        return [candidate for candidate in candidates if _is_there(candidate, among_files=wild_head)]
    found: list[str] = []
    for folder in _matches(head, named) if wild_head else [head]:
        names = [name for name in _names(folder, among_files=wild_head) if tail.startswith(".") or name[0] != "."]
        found += [os.path.join(folder, name) for name in filter_names(names, tail)]  # noqa: PTH118 -- as above
    return found


def _is_there(path: str, *, among_files: bool) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        if among_files:
            return False
        raise
    return True


def _names(folder: str, *, among_files: bool) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 -- names, as they are matched
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        if among_files:  # `lists/*/ids.txt` where a file is in lists
            return []
        raise
