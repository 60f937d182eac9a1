"""How this program was called, for commands that people copy."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def program() -> str:
    """Name the program as it was called: by its path, where the shell finds none, or another, by its name."""
    called, found = Path(sys.argv[0]), shutil.which("wbiz-bridge")
    by_path = called.name == "wbiz-bridge" and called.exists() and not (found and called.samefile(found))
    return str(called) if by_path else "wbiz-bridge"
