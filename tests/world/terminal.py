"""A command on a terminal, and somebody who answers what it asks."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.world.daemon import environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def answered(
    folder: Path, *arguments: str, answers: Iterable[tuple[str, str]], extra: Mapping[str, str] | None = None
) -> tuple[str, int]:
    """Run a command of the bridge and answer its questions; all that was shown, and the exit code.

    Args:
        folder: Where it runs.
        arguments: The command line.
        answers: Words that have to be shown since the answer before, and what is typed then.
        extra: More environment variables.
    """
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", *arguments],
        cwd=folder,
        env=environment(extra),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = ""
        try:
            for words, answer in answers:
                new = ""
                while not (words in new and new.endswith(": ")):  # before that, the terminal is not ready yet
                    new += os.read(ours, 1024).decode()
                shown += new
                os.write(ours, f"{answer}\n".encode())
            while piece := os.read(ours, 1024):
                shown += piece.decode()
        except OSError:  # how a terminal ends
            pass
        finally:
            os.close(ours)
        return shown, process.wait(20)
