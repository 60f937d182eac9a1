"""Where this bridge is installed, and whether a service may run it there."""

from __future__ import annotations

import os
import shlex
import stat
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bridge
from bridge.cli.service.actions import below
from bridge.config import env_file
from bridge.config.env_vars import NOT_SET
from bridge.config.errors import InvalidConfiguration
from bridge.config.loader import load
from bridge.config.receiver_loader import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.cli.service.paths import Layout

HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108 -- named, not used
"""What ProtectHome= and PrivateTmp= hide from the service."""

_ELSEWHERE = """\
Install the bridge into a folder of its own (in the folder of its source, as root):
  /usr/bin/python3 -m venv /opt/wbiz-bridge
  /opt/wbiz-bridge/bin/pip install .
  /opt/wbiz-bridge/bin/wbiz-bridge service install"""


@dataclass(frozen=True, slots=True)
class Place:
    """The files without which the service cannot start."""

    program: Path
    python: Path
    package: Path


def here() -> Place:
    """Find the bridge that is running."""
    return Place(
        program=Path(sysconfig.get_path("scripts"), "wbiz-bridge"),
        python=Path(sys.executable),
        package=Path(bridge.__file__),
    )


def faults(layout: Layout, root: Path) -> list[str]:
    """List what is wrong with the installed configuration, read as the service reads it.

    What drop-ins may change (variables, whether programs are receivers) is not judged where there are some.
    """
    config, env = (below(root, layout.folder) / name for name in (layout.config.name, env_file.NAME))
    if _is_hidden(config):
        return [f"{config}: the service can't read it: chmod o+r {shlex.quote(str(config))}"]
    if _is_hidden(env):
        return [f"{env}: the service can't read it: hand over its values as credentials instead (systemd/README.md)"]
    changed = any(below(root, folder).exists() for folder in (layout.drop_ins, layout.shared_drop_ins))
    given = {"CREDENTIALS_DIRECTORY": below(root, layout.folder), "STATE_DIRECTORY": below(root, layout.state)}
    environ = {name: str(path) for name, path in given.items()}
    if not changed:
        environ[COMMANDS] = "off"  # as the unit says
    try:
        load(config, environ)
    except InvalidConfiguration as error:
        return [str(fault) for fault in error.faults if not (changed and NOT_SET in fault.what)]
    return []


def _is_hidden(file: Path) -> bool:
    return file.exists() and not file.stat().st_mode & stat.S_IROTH


def obstacle(place: Place, *, hidden: Sequence[Path] = HIDDEN, top: Path = Path("/")) -> str | None:
    """Say why a service could not run a bridge, and what to do; None where it can.

    Args:
        place: Where it is.
        hidden: Folders that services don't see.
        top: This folder, and what is above it, may be used by everybody.
    """
    for file, name in ((place.program, "the program"), (place.python, "its Python"), (place.package, "its code")):
        real = Path(os.path.realpath(file))
        if not real.is_file():
            return f"{name}, {file}, is not there. {_ELSEWHERE}"
        # The name by which it is called, and what that leads to: both must be in sight.
        for path in (Path(os.path.abspath(file)), real):  # noqa: PTH100 -- resolve() would follow links
            for folder in hidden:
                if path.is_relative_to(folder):
                    return f"{name}, {path}, is in {folder}, which systemd hides from services. {_ELSEWHERE}"
            closed = next((part for part in _sender(path, top) if not _is_open(part)), None)
            if closed is not None:
                return f"{name}, {path}, may be used by its owner only. Let others in: chmod -R o+rX {closed}"
    return None


def _sender(path: Path, top: Path) -> Iterator[Path]:
    """List the folders that lead to a file, from the top, and the file."""
    return (part for part in (*reversed(path.parents), path) if part != top and part.is_relative_to(top))


def _is_open(path: Path) -> bool:
    needed = stat.S_IXOTH if path.is_dir() else stat.S_IROTH
    return bool(path.stat().st_mode & needed)
