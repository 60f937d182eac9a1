"""Follows the configuration's files: has one of them changed since the configuration was read?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bridge.config.errors import Sources
    from bridge.config.glob_patterns import Pattern
    from bridge.config.models import Config

Print = tuple[object, ...]
"""What changes of a file when it is written, replaced or made readable; the names that a pattern matches."""


class Reloader:
    """Reads the configuration again.

    Args:
        config: As it was read at the start.
        read: Reads it.
        applied: Called with each configuration that takes effect, the first one excepted.
    """

    def __init__(
        self, config: Config, read: Callable[[], Config], applied: Callable[[Config], None] = lambda _: None
    ) -> None:
        self.applied = applied
        self._read = read
        self._sources = config.sources
        self._known = self._latest = fingerprint(self._sources)

    def changed(self) -> bool:
        """Tell whether files are others than were read, and the same as at the last look: nobody is writing them."""
        before, self._latest = self._latest, fingerprint(self._sources)
        return self._latest == before != self._known

    def read(self) -> Config:
        """Read the configuration.

        Raises:
            InvalidConfiguration: It is wrong. Without being asked, it is read again when its files change.
        """
        # Before, not after: what changes while it is read must be read again.
        before = fingerprint(self._sources)
        try:
            config = self._read()
        except InvalidConfiguration as error:
            self._remember(self._sources | error.sources, before)
            raise
        self._remember(config.sources, before)
        return config

    def _remember(self, sources: Sources, before: Mapping[object, Print]) -> None:
        self._sources = sources
        seen = fingerprint(sources)
        self._known = self._latest = {what: before.get(what, seen[what]) for what in seen}


def fingerprint(sources: Sources) -> dict[object, Print]:
    """Look at files and at what patterns match, without reading anything."""
    return {file: _print(file) for file in sources.files} | {
        pattern.key: _matches(pattern) for pattern in sources.patterns
    }


def _print(file: Path) -> Print:
    try:
        seen = file.stat()
    except OSError as error:
        return (error.errno,)
    except ValueError:  # no file can have such a name
        return ()
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def _matches(pattern: Pattern) -> Print:
    try:
        return pattern.is_apart(), *pattern.matches()
    except OSError as error:
        return (error.errno,)
