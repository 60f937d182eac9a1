"""Reads message ids from text: the one rule for files, commands and the API. Pure."""

from __future__ import annotations

import re
from typing import Final

from bridge.domain.model import LARGEST_ID

ALLOWED: Final = f"a message id is a whole number (allowed: 1 to {LARGEST_ID})"
NO_PHONE: Final = "this looks like a phone number; a message id is the msg_id of WbizTool's answer to what was sent"

_DIGITS = re.compile(r"\+?([0-9]{1,40})", re.ASCII)
_SHORTENED = re.compile(r"[0-9]{1,20}([.,][0-9]{0,20})?[eE]\+?[0-9]{1,3}", re.ASCII)
_PHONE = re.compile(r"\+[0-9 ()./-]+", re.ASCII)


def read_id(text: str) -> int:
    """Read an id. A plus before it is taken, see :func:`like_a_phone`, and so are leading zeros.

    Raises:
        ValueError: It is none; the text says what is allowed.
    """
    match = _DIGITS.fullmatch(text)
    if _SHORTENED.fullmatch(text):
        how = "format the column as a number without decimals, enter the id again, and save"
        raise ValueError(f"{text} is a number that a spreadsheet has shortened: {how}; {ALLOWED}")
    if match is None:
        raise ValueError(f"{ALLOWED}; {NO_PHONE}" if like_a_phone(text) else ALLOWED)
    if not 0 < (id_ := int(match[1])) <= LARGEST_ID:
        raise ValueError(ALLOWED)
    return id_


def like_a_phone(text: str) -> bool:
    """Tell whether an id is rather a phone number: it has a plus before its digits."""
    return _PHONE.fullmatch(text) is not None
