"""Scripts for Node that read JSON and write JSON, with packages of npm."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from tests.world.programs import find, foreign

if TYPE_CHECKING:
    from pathlib import Path


def run(script: Path, given: object) -> Any:
    """Run a script and give back what it writes."""
    done = subprocess.run(
        [find("node"), script],
        input=json.dumps(given).encode(),
        env=foreign(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=20,
    )
    return json.loads(done.stdout)
