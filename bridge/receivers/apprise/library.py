"""Apprise, kept quiet.

It is imported where a configuration needs it, and its log lines, which may hold addresses, go only to who asked.
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

HOW_TO_INSTALL = "needs Apprise, which is not installed: pip install 'wbiztool-bridge[apprise]'"

_MOST_LINES = 20
_SHORTEST_PART = 6
_HOST = re.compile(r"localhost|[0-9.]+|\[.*\]|[a-z0-9.-]+\.[a-z]{2,}")
_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


class _Ear(logging.Handler):
    """Gives lines to who listens in this context, and to nobody else."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line's text, without a traceback."""
        lines = _heard.get()
        if lines is not None and len(lines) < _MOST_LINES:
            try:
                lines.append(record.getMessage())
            except Exception:  # noqa: BLE001 -- a line that can't be written must not stop who wrote it
                lines.append("a line that cannot be read")


@contextmanager
def listening() -> Iterator[list[str]]:
    """Hear what Apprise warns of meanwhile."""
    lines: list[str] = []
    token = _heard.set(lines)
    try:
        yield lines
    finally:
        _heard.reset(token)


def service(url: str) -> Any:
    """Build what sends to a URL. Nothing is called yet.

    Raises:
        ValueError: Apprise is not installed, or does not know such a URL. The text holds nothing of it.
    """
    quiet()
    try:
        import apprise  # noqa: PLC0415 -- an extra, and slow to load
    except ImportError:
        raise ValueError(HOW_TO_INSTALL) from None
    # Nothing of its own on disk, and no code from there.
    asset = apprise.AppriseAsset(secure_logging=True, storage_mode="memory", plugin_paths=[])
    try:
        made = apprise.Apprise.instantiate(url, asset=asset)
    except Exception:  # noqa: BLE001 -- its parsers' faults with strange addresses, whose texts hold them
        made = None
    if made is None:
        raise ValueError("Apprise does not understand this address (https://github.com/caronc/apprise/wiki lists them)")
    return made


def address(text: str) -> None:
    """Allow a URL that Apprise understands."""
    service(text)


def quiet() -> None:
    """Let Apprise's log lines go to :func:`listening` only."""
    log = logging.getLogger("apprise")
    log.propagate = False
    log.setLevel(logging.WARNING)
    if not any(isinstance(handler, _Ear) for handler in log.handlers):
        log.handlers[:] = [_Ear(logging.WARNING)]


def parts_of(url: str) -> list[str]:
    """List an Apprise URL and each part of it that may be a token: they can be anywhere in it, even as its host."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query)
    except ValueError:
        return [url]
    user, _, host = parts.netloc.rpartition("@")
    port = re.compile(r":\d+$")
    host = port.sub("", host)
    found = [*user.split(":"), *parts.path.split("/"), *(value for _, value in query), parts.fragment]
    if not _HOST.fullmatch(host):
        found += [parts.netloc, host, *host.split(":")]
    plain = [unquote(part) for part in found]
    return list(dict.fromkeys([url, *(part for part in (*found, *plain) if len(part) >= _SHORTEST_PART)]))
