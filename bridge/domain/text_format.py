"""What bytes are that should be text: UTF-8, or what an editor or a spreadsheet saved instead. Pure."""

from __future__ import annotations

BOM = b"\xef\xbb\xbf"
"""What some editors put before UTF-8 text."""

NOT_UTF8 = "not UTF-8 text (save the file with the encoding UTF-8)"

_UTF16 = "text in UTF-16"
_FORMATS = {
    b"PK\x03\x04": "a Word, Excel or zip file",
    b"\xd0\xcf\x11\xe0": "a Word or Excel file",
    b"{\\rtf": "a file with formatting (RTF)",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a compressed file",
    b"\xff\xfe": _UTF16,
    b"\xfe\xff": _UTF16,
    b"<!doctype html": "a web page",
    b"<html": "a web page",
}
"""What editors and browsers save that is not text, or not UTF-8, by how it begins."""

_LOOKED_AT = 4096
_SHARE_OF_NULS = 4  # every second byte of Latin text in UTF-16; text with a few accents or emoji is still above this


class EncodingError(Exception):
    """Text is not UTF-8, first at this line and this byte of it, both from 1."""

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column
        super().__init__(NOT_UTF8)


def foreign_format(content: bytes) -> str | None:
    """Name what content is that was not saved as plain UTF-8 text; None where it may be that."""
    begin = content[:_LOOKED_AT].removeprefix(BOM).lstrip()
    found = next((words for magic, words in _FORMATS.items() if begin[: len(magic)].lower() == magic.lower()), None)
    if found is None and begin.count(0) * _SHARE_OF_NULS > len(begin):
        found = _UTF16
    return found


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
