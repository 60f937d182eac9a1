"""Files, read whole, within bounds, and with faults in place of exceptions."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from bridge.domain.file_kind import other_kind

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024
BOM = b"\xef\xbb\xbf"
"""What some editors put before UTF-8 text."""

_FORMATS = {
    b"PK\x03\x04": "a Word, Excel or zip file",
    b"\xd0\xcf\x11\xe0": "a Word or Excel file",
    b"{\\rtf": "a file with formatting (RTF)",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a compressed file",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
}
"""What editors and browsers save that is not text, or not UTF-8, by how it begins."""

_LOOKED_AT = 4096
_SHARE_OF_NULS = 4  # every second byte of Latin text in UTF-16; text with a few accents or emoji is still above this

NOT_UTF8 = "not UTF-8 text (save the file with the encoding UTF-8)"


class UnreadableError(Exception):
    """A file can't be read; the text says why, without naming it."""


class EncodingError(Exception):
    """Text is not UTF-8, first at this line and this byte of it, both from 1."""

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column
        super().__init__(NOT_UTF8)


def not_plain_text(content: bytes) -> str | None:
    """Say what a file is that was not saved as plain text; None where it may be text. Pure."""
    begin = content[:_LOOKED_AT].removeprefix(BOM).lstrip()
    found = next((words for magic, words in _FORMATS.items() if begin[: len(magic)].lower() == magic.lower()), None)
    if found is None and begin.count(0) * _SHARE_OF_NULS > len(begin):
        found = "text in UTF-16"
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
        mode = file.stat().st_mode
        kind = other_kind(mode)
        if kind is not None and not (pipe and stat.S_ISFIFO(mode)):
            raise UnreadableError(f"this is {kind}, not a file")
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
        size = f"{most // MIB} MiB" if most >= MIB else f"{most // 1024} KiB"
        raise UnreadableError(f"the file is too large (allowed: up to {size})")
    return content


def _open_at_once(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY)


def decode(content: bytes) -> str:
    """Read UTF-8, with or without a byte order mark.

    Raises:
        EncodingError: It is something else.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # With a byte order mark, the codec counts from behind it.
        start = error.start + (len(BOM) if content.startswith(BOM) and len(error.object) < len(content) else 0)
        line = content.count(b"\n", 0, start) + 1
        raise EncodingError(line, start - content.rfind(b"\n", 0, start)) from None
