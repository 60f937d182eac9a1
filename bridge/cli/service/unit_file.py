"""The unit file: the shipped one with the program's real path, under a seal that shows whether somebody changed it."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from typing import TYPE_CHECKING

from bridge.cli.service.actions import InstallError
from bridge.cli.service.paths import ONLY

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.cli.service.paths import Layout

SHIPPED_PROGRAM = "/opt/wbiz-bridge/bin/wbiz-bridge"

_SEAL = """\
# Written by `wbiz-bridge service install`, which rewrites it with each version: your own changes belong into a
# drop-in (systemctl edit {service}). This tells whether somebody changed it all the same: sha256 {sum}
"""
_SEAL_LINES = 2


def shipped(layout: Layout = ONLY) -> str:
    """Read the unit file that comes with the bridge."""
    return files("bridge.cli.service").joinpath(layout.template).read_text(encoding="utf-8")


def render(template: str, program: Path, layout: Layout = ONLY) -> str:
    """Write the unit for a program.

    Raises:
        InstallError: A unit file has no plain way to write the program's path.
    """
    if not re.fullmatch(r"[\w./+-]+", str(program), re.ASCII):
        raise InstallError(
            f"the path {program} has characters that mean something else in a unit file. Install the bridge into a "
            f"folder with a plain name, such as /opt/wbiz-bridge."
        )
    text = template.replace(SHIPPED_PROGRAM, str(program))
    service = layout.template.removesuffix(".service").replace("@", "@NAME")  # the same for all accounts that share it
    return _SEAL.format(service=service, sum=_sum(text)) + text


def is_ours(unit: str, template: str) -> bool:
    """Tell whether a unit file is as some version of the bridge wrote it, or a plain copy of the shipped one."""
    lines = unit.splitlines(keepends=True)
    seal, text = "".join(lines[:_SEAL_LINES]), "".join(lines[_SEAL_LINES:])
    return unit == template or seal.endswith(f" sha256 {_sum(text)}\n")


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
