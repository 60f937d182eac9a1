"""How the text of a CSV file is encoded, and what it is if it is no CSV. Pure."""

from __future__ import annotations

import codecs

from bridge.domain.text_format import EncodingError, decode, foreign_format

_UTF8 = "save it as CSV UTF-8"
_LOOKED_AT = 4096


class ForeignError(EncodingError):
    """It can't be read; the text says what it is, and how to save it."""

    def __init__(self, what: str, line: int = 1, column: int = 1) -> None:
        super().__init__(line, column)
        self.args = (f"{what}: {_UTF8}",)


def encoding_of(content: bytes) -> str:
    """Name the encoding of a CSV file, as Python does: UTF-8, or UTF-16 if there is a byte order mark.

    Raises:
        ForeignError: It has another, or is no text.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            content.decode("utf-16")
        except UnicodeDecodeError:
            raise ForeignError("this is not valid UTF-16") from None
        return "utf-16"
    found = foreign_format(content)
    if found is not None:
        raise ForeignError(f"this is {_named(found, content)}")
    try:
        decode(content)
    except EncodingError as error:
        raise ForeignError("this is not UTF-8 text", error.line, error.column) from None
    return "utf-8-sig"


def _named(found: str, content: bytes) -> str:
    if found.startswith("text"):
        return f"{found} without a byte order mark"
    begin = content[:_LOOKED_AT]
    is_workbook = b"xl/" in begin or (b"[Content_Types].xml" in begin and b"word/" not in begin)
    return "an Excel workbook" if is_workbook else found
