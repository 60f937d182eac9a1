"""Where the daemon's Unix socket is: what the daemon makes, and where commands look for it.

Pure but for asking where the user's folders are, and light: to find the daemon, a command needs neither a secret nor a
valid configuration.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SOCKET: Final = "control.sock"
"""The socket's name in a folder of its own."""

_SETTINGS: Final = Path("/etc/wbiz-bridge")
_RUN: Final = Path("/run")
_STATE: Final = Path("/var/lib")
_UNITS: Final = tuple(Path(folder) / "systemd/system" for folder in ("/etc", "/usr/lib", "/lib"))
_SQLITE: Final = "sqlite:///"


def control_path(environ: Mapping[str, str], database: str, config: Path) -> Path:
    """Name the socket of a daemon whose configuration says nothing of it.

    It is in systemd's runtime folder; else beside the SQLite file; else, with PostgreSQL, in the user's runtime folder,
    named after the configuration.

    Args:
        environ: Has ``RUNTIME_DIRECTORY``, under systemd.
        database: A SQLAlchemy URL.
        config: The configuration file.

    Raises:
        ValueError: The user has neither a runtime folder nor a home, as in a container.
    """
    runtime = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    try:
        return Path(runtime) / SOCKET if runtime else beside(environ, database, config)
    except RuntimeError:
        raise ValueError(
            "this user has no home folder: say where commands find the bridge (control: /run/wbiz-bridge/control.sock, "
            "or off), or set XDG_RUNTIME_DIR"
        ) from None


def beside(environ: Mapping[str, str], database: str, config: Path) -> Path:
    """Name the socket of a daemon that systemd does not run; see :func:`control_path`.

    Raises:
        RuntimeError: The user has neither a runtime folder nor a home.
    """
    if database.startswith(_SQLITE):
        file = Path(database.removeprefix(_SQLITE))
        return file.with_name(f"{file.name}.sock")
    named = hashlib.sha256(bytes(config.absolute())).hexdigest()[:12]
    return user_folder(environ) / f"{config.stem}-{named}.sock"


def user_folder(environ: Mapping[str, str]) -> Path:
    """Name the user's runtime folder; where there is none, as for a job of cron, that of the user's state."""
    runtime = environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "wbiz-bridge" if runtime else platformdirs.user_state_path("wbiz-bridge")


def of_unit(config: Path) -> Path | None:
    """Name the socket of the unit that has this configuration; None where it is at none of the units' places."""
    folder = config.absolute().parent
    if folder == _SETTINGS:
        return of_instance(None)
    return of_instance(folder.name) if folder.parent == _SETTINGS else None


def of_instance(name: str | None) -> Path:
    """Name the socket of the service ``wbiz-bridge``, or ``wbiz-bridge@NAME``."""
    return _RUN / (f"wbiz-bridge@{name}" if name else "wbiz-bridge") / SOCKET


def default_file(environ: Mapping[str, str]) -> Path:
    """Name the SQLite file of a configuration without ``database``: in systemd's state folder, else in the user's.

    Raises:
        RuntimeError: The user has no home.
    """
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return (Path(state) if state else platformdirs.user_state_path("wbiz-bridge")) / "bridge.db"


def unit_environ(config: Path) -> dict[str, str]:
    """Say what systemd gives to the unit of a configuration, as far as commands need it; nothing for other places.

    Root's shell has neither: without them, a command would speak of root's own database.
    """
    unit = of_unit(config)
    if unit is None:
        return {}
    return {"STATE_DIRECTORY": str(_STATE / unit.parent.name), "CREDENTIALS_DIRECTORY": str(config.absolute().parent)}


def unit_files(config: Path) -> Iterator[Path]:
    """List where the unit of a configuration may be installed; nothing for other places."""
    unit = of_unit(config)
    if unit is not None:
        name = "wbiz-bridge@.service" if "@" in unit.parent.name else "wbiz-bridge.service"
        yield from (folder / name for folder in _UNITS)


def candidates(environ: Mapping[str, str], config: Path, control: Path | None, database: str | None) -> Iterator[Path]:
    """List where the daemon of a configuration may answer, in the order in which to ask.

    Args:
        environ: The command's.
        config: The configuration file.
        control: What it says under ``control``, if anything.
        database: The URL that it has, or that a daemon of this environment would have.
    """
    if control is not None:
        yield control
    runtime = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if runtime:
        yield Path(runtime) / SOCKET
    unit = of_unit(config)
    if unit is not None:
        yield unit
    if database is not None:
        with suppress(RuntimeError):  # without a home, there is none
            yield beside(environ, database, config)
            yield beside({}, database, config)  # of a daemon that was started without a session
