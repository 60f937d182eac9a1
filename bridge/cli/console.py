"""What is laid out by rich, on the way to a safe stream."""

from __future__ import annotations

import sys
from typing import IO, Any, cast

from rich.console import Console

from bridge.cli.terminal import SafeStream


class _Past:
    """Lets rich write to a safe stream what it has made itself."""

    def __init__(self, stream: SafeStream) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.raw(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def console(*, stderr: bool = False) -> Console:
    """Make a console for what is laid out by rich. What it is given must have been neutralised."""
    stream = sys.stderr if stderr else sys.stdout
    file = cast("IO[str]", _Past(stream)) if isinstance(stream, SafeStream) else stream
    return Console(file=file, highlight=False, emoji=False)
