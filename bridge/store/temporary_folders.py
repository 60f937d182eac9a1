"""Folders for files that are there for a moment only. What a killed process left in one is removed by the next."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


@contextmanager
def workplace(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder that only its owner can enter, hold its lock, and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as name:
        folder = parent / name
        with locked(folder):
            yield folder


def sweep(parent: Path, prefix: str, holds: Collection[str] | None = None) -> None:
    """Remove what killed processes of this user left. A folder that is in use is locked, and stays.

    Args:
        parent: Where to look.
        prefix: What the names of the folders begin with.
        holds: The names of files that may be in one; one with others stays. None for any.
    """
    with suppress(OSError):
        for left in parent.glob(f"{glob.escape(prefix)}*"):
            with suppress(OSError):
                found = {each.name for each in left.iterdir()}
                # One that is empty may be so new that it is not locked yet: files come after the lock.
                if found and (holds is None or found <= set(holds)):
                    with locked(left) as owner:
                        if owner == os.geteuid():
                            shutil.rmtree(left)


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold a folder's lock, and say whose folder it is. The system releases it when the process ends, however it ends.

    Raises:
        OSError: It is locked already, no folder, or not this user's to open.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield os.fstat(opened).st_uid
    finally:
        os.close(opened)
