"""Can the database be written? What a daemon finds is left beside a SQLite file, for commands that only read it."""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SETTLES = 5.0
"""Seconds without a failure after which a success counts: on a full disk, small transactions may find room."""

_AT = 32
_LENGTH = 1024
"""Where the note is in the lock file, and its bytes: written at the start, so that it needs no room later."""

_TRIED = _AT + _LENGTH
"""Where the byte is that is written to see whether that can be done."""

_WHYS = {
    errno.EROFS: "cannot be written: its file system is read-only",
    errno.EDQUOT: "cannot grow: the disk quota of its owner or folder is used up",
    errno.ENOSPC: "cannot grow: the disk is full",
    errno.EIO: "cannot be written: its disk reports errors",
}
"""What the errors of a file system say about all that is written there."""


class WriteFault:
    """What keeps transactions from being committed now.

    Args:
        monotonic: Tells seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.changed: Callable[[str], None] = lambda _: None
        """Called with the fault in words when it comes or is another, and with nothing when it is over."""
        self.why = ""
        self.is_known = False
        """Whether this process has tried to commit one."""
        self._monotonic = monotonic
        self._failed_at = 0.0

    def failed(self, why: str) -> None:
        """Note that a transaction failed."""
        self.is_known = True
        self._failed_at = self._monotonic()
        self._say(why)

    def worked(self) -> None:
        """Note that one was committed."""
        self.is_known = True
        if self.why and self._monotonic() - self._failed_at >= SETTLES:
            self._say("")

    def _say(self, why: str) -> None:
        if why != self.why:
            self.why = why
            self.changed(why)


def begin(lock_file: int) -> None:
    """Write the process id into a lock file that was just taken, and make room for the note."""
    os.pwrite(lock_file, f"{os.getpid()}\n".encode().ljust(_TRIED + 1), 0)


def note(lock_file: int, why: str) -> None:
    """Leave the fault for others to read. Where it can't be (:func:`fault_of_place`), they see that themselves."""
    with suppress(OSError):
        os.pwrite(lock_file, why.encode("utf-8", "replace")[:_LENGTH].ljust(_LENGTH), _AT)


def noted(path: Path) -> str:
    """Read what the process that has the database has noted; nothing where that process has ended."""
    with suppress(OSError, ValueError):
        file = os.open(path.with_name(f"{path.name}.lock"), os.O_RDONLY | os.O_CLOEXEC)
        try:
            holder = int(os.pread(file, _AT, 0).strip() or b"0")
            why = os.pread(file, _LENGTH, _AT).decode("utf-8", "ignore").strip()
        finally:
            os.close(file)
        if why and holder and _is_running(holder):
            return why
    return ""


def fault_of_place(path: Path) -> str:
    """Say what keeps everybody from writing into the file system of a database; nothing where it can be written.

    What it says of itself is not all: one that ext4 closed after an error still counts as writable, and a quota is not
    shown. So a byte is written into the lock file, if there is one that this process may write.
    """
    try:
        seen = os.statvfs(path.parent)
    except OSError:
        return ""
    if seen.f_flag & os.ST_RDONLY:
        return _WHYS[errno.EROFS]
    if seen.f_blocks and not seen.f_bavail:
        return _WHYS[errno.ENOSPC]
    try:
        file = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CLOEXEC)
        try:
            os.pwrite(file, b" ", _TRIED)
        finally:
            os.close(file)
    except OSError as error:
        return _WHYS.get(error.errno or 0, "")
    return ""


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
