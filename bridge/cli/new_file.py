"""Files that are made, and never written over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bridge.domain.errors import BridgeError

if TYPE_CHECKING:
    from pathlib import Path


def write_new(file: Path, text: str, *, mode: int = 0o666) -> None:
    """Make a file, whole or not at all.

    Args:
        file: Must not exist.
        text: What goes into it.
        mode: Its permissions, less the umask's: 0o600 for secrets.

    Raises:
        FileExistsError: There is one.
        BridgeError: It can't be written.
    """
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise
    except OSError as error:
        raise BridgeError(f"{file} can't be written: {error.strerror}") from None
    try:
        with os.fdopen(opened, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(opened)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise BridgeError(f"{file} can't be written: {error.strerror}") from None
