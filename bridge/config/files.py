"""Files, read whole, within bounds, and with faults in place of exceptions."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from bridge.domain.file_kind import other_kind
from bridge.domain.text_format import foreign_format

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024
_LONGEST_NAME = 200
_SHORT_WORD = re.compile(r"(?:[a-z]{1,12}|[A-Z]{1,12}|[A-Z][a-z]{1,11})[0-9]{0,2}|[0-9]{1,4}", re.ASCII)


class UnreadableError(Exception):
    """A file can't be read; the text says why, without naming it."""


def is_plain_name(name: str) -> bool:
    """Tell whether something is rather the name of a file than a secret: it consists of short words. Pure."""
    parts = re.split(r"[/._ -]+", name.strip("/._ -"))
    return len(name) <= _LONGEST_NAME and all(map(_SHORT_WORD.fullmatch, parts))


def not_plain_text(content: bytes) -> str | None:
    """Say what a file is that was not saved as plain text; None where it may be text. Pure."""
    found = foreign_format(content)
    return (
        f"this is not a plain text file but {found}: save it as plain text, with the encoding UTF-8" if found else None
    )


def read_bytes(file: Path, most: int, *, pipe: bool = False) -> bytes:
    """Read a file of at most ``most`` bytes, without waiting for anybody to write into it.

    Args:
        file: Which one.
        most: How many bytes it may have.
        pipe: It may be a pipe, which is waited for.

    Raises:
        UnreadableError: It is missing, no regular file, not readable, or larger.
    """
    try:
        found = file.stat()
        kind = other_kind(found.st_mode)
        if kind is not None and not (pipe and stat.S_ISFIFO(found.st_mode)):
            raise UnreadableError(f"this is {kind}, not a file")
        if found.st_size > most:  # nothing of it is read
            raise _too_large(most)
        # Should a pipe take its place just now, nobody waits for it: it is as an empty file.
        with open(file, "rb", opener=None if pipe else _open_at_once) as opened:
            content = opened.read(most + 1)
    except FileNotFoundError:
        raise UnreadableError("no such file") from None
    except OSError as error:
        raise UnreadableError(f"the file cannot be read: {error.strerror or 'input/output error'}") from None
    except ValueError:  # NUL, or what cannot be written in the file system's encoding
        raise UnreadableError("no file can have such a name") from None
    if len(content) > most:
        raise _too_large(most)
    return content


def _too_large(most: int) -> UnreadableError:
    size = f"{most // MIB} MiB" if most >= MIB else f"{most // 1024} KiB"
    return UnreadableError(f"the file is too large (allowed: up to {size})")


def _open_at_once(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY)
