"""What is written to a terminal, a pipe or a file: nothing from outside drives a terminal, and any encoding will do.

Every command writes through :class:`SafeStream`, which :func:`bridge.__main__.main` puts in place of the standard
streams. What rich adds for colours goes past it (:mod:`bridge.cli.console`); texts from outside are neutralised before.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, TextIO

from bridge.domain.errors import BridgeError
from bridge.domain.sanitization import neutral

if TYPE_CHECKING:
    from collections.abc import Callable


class UnwritableError(BridgeError):
    """Standard output can't be written: the disk is full, say. Make room, or write somewhere else."""


class ReaderGoneError(Exception):
    """Who reads what a command writes (head, less) has read enough. No fault."""


class SafeStream(io.TextIOWrapper):
    """A standard stream that neutralises what is written, escapes what its encoding lacks, and fails in words.

    Args:
        stream: What it takes the place of.
        quiet: Drop what can't be written, where there is nobody left to tell (standard error).
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        # Where the encoding is ASCII, click writes UTF-8 past us: so it does not hear of it, and we escape the rest.
        self.narrow = codecs.lookup(stream.encoding).name == "ascii"
        super().__init__(
            stream.buffer,
            encoding="utf-8" if self.narrow else stream.encoding,
            errors="backslashreplace",
            line_buffering=stream.isatty() or quiet,
        )
        self._instead_of = stream  # as long as it lives, it does not close what we write to
        self._quiet = quiet

    def write(self, text: str) -> int:
        """Write text that may come from outside."""
        return self.raw(neutral(text))

    def raw(self, text: str) -> int:
        """Write what has been neutralised, with colours.

        Raises:
            ReaderGoneError: Nobody reads it any more.
            UnwritableError: It can't be written.
        """
        shown = text.encode("ascii", "backslashreplace").decode() if self.narrow else text
        self._tried(lambda: super(SafeStream, self).write(shown))
        return len(text)

    def exact(self, content: bytes) -> None:
        """Write bytes as they are, for what reads them; to a terminal, nothing from outside may be written so.

        Raises as :meth:`raw` does.
        """
        self._tried(partial(self.buffer.write, content))

    def flush(self) -> None:
        """Write what is waiting. Raises as :meth:`raw` does."""
        self._tried(super().flush)

    def _tried(self, step: Callable[[], object]) -> None:
        try:
            step()
        except OSError as error:
            self._give_up()
            if self._quiet:
                return
            if error.errno == errno.EPIPE:
                raise ReaderGoneError from None
            raise UnwritableError(f"cannot write the output: {error.strerror}") from None

    def _give_up(self) -> None:
        """Let what is still waiting go nowhere: it would fail once more when the process ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def protect() -> None:
    """Put safe streams in place of standard output and standard error."""
    if not isinstance(sys.stdout, SafeStream) and hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout = SafeStream(sys.stdout)
    if not isinstance(sys.stderr, SafeStream) and hasattr(sys.stderr, "buffer"):
        sys.stderr.flush()
        sys.stderr = SafeStream(sys.stderr, quiet=True)


def holds_everything(stream: TextIO) -> bool:
    """Tell whether a stream can hold every character."""
    narrow = isinstance(stream, SafeStream) and stream.narrow
    return not narrow and codecs.lookup(stream.encoding or "utf-8").name == "utf-8"
