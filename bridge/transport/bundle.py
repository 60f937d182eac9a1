"""The certificates that are trusted where the configuration names none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import certifi

if TYPE_CHECKING:
    from collections.abc import Mapping

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""The variables that name a file of certificates to trust, or a folder of them; the first one counts."""

_SPELLINGS = 1000


class Bundle:
    """The file or folder of certificates that are trusted where the configuration names none."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._path = Path(next(filter(None, map(environ.get, BUNDLES)), certifi.where()))
        self.folder = self._path.is_dir()
        self._changes = -1
        self._seen: tuple[int, ...] | None = None

    def name(self) -> str:
        """Name it. Once it has changed, it is spelled in another way: libcurl reads a file once a day by its name."""
        try:
            stat = self._path.stat()
            seen: tuple[int, ...] = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        except OSError:  # libcurl will find the same
            seen = ()
        if seen != self._seen:
            self._seen, self._changes = seen, (self._changes + 1) % _SPELLINGS
        return f"{self._path.parent}/{'./' * self._changes}{self._path.name}"
