"""A wall clock that tests set for one process and those that it starts: Debian's libfaketime."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest


class WallClock:
    """What the machine's clock shows to a process; clocks that nobody sets go on as they are.

    Args:
        file: Says how far it is set away.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.step = 0
        self.set(0)

    def set(self, seconds: int) -> None:
        """Set it this many seconds ahead of the true time."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n", encoding="ascii")
        new.rename(self._file)
        self.step = seconds

    def now(self) -> float:
        """The seconds since the epoch that it shows."""
        return time.time() + self.step

    def environment(self) -> dict[str, str]:
        """What lets a process see this clock."""
        return {
            "LD_PRELOAD": _library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # which has waiting threads spin with some versions of glibc
        }


def _library() -> str:
    given = os.environ.get("WBIZ_BRIDGE_TEST_FAKETIME")
    if given:
        return given
    for folder in Path("/usr/lib").glob("*/faketime"):
        return str(folder / "libfaketimeMT.so.1")
    pytest.skip("libfaketime is not installed (Debian's package faketime; .ci/faketime gets it)")
