"""An event that a command line names: a file, standard input, the id of one that happened, or a type."""

from __future__ import annotations

import sys
from pathlib import Path

from bridge.config.files import UnreadableError, read_bytes
from bridge.domain.errors import UsageError
from bridge.domain.text_format import EncodingError, decode

_LARGEST = 16 * 1024 * 1024


def is_id(source: str) -> bool:
    """Tell whether it is the id of an event that happened."""
    return source.startswith("evt_") and not Path(source).exists()


def read_text(source: str) -> str:
    """Read a file, or standard input for ``-``.

    Raises:
        UsageError: It can't be read.
    """
    try:
        content = sys.stdin.buffer.read(_LARGEST) if source == "-" else read_bytes(Path(source), _LARGEST, pipe=True)
        return decode(content)
    except (UnreadableError, EncodingError) as error:
        raise UsageError(f"{name_of(source)}: {error}") from None


def name_of(source: str) -> str:
    """Name it for people."""
    return "standard input" if source == "-" else source
