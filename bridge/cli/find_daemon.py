"""Finds the daemon that a command speaks of. It needs no secret and no valid configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bridge.config import control_path, locate
from bridge.config.peek import Peek
from bridge.domain.errors import BridgeError, NotNowError, UsageError
from bridge.server.unix import is_answered

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVER, TOKEN_FILE = "WBIZ_BRIDGE_SERVER", "WBIZ_BRIDGE_TOKEN_FILE"
_LARGEST_TOKEN = 4096
_ANY_HOST = "http://localhost"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a command line says of the daemon that it means; None for what it leaves out."""

    config: Path | None = None
    server: str | None = None
    token_file: Path | None = None
    control: Path | None = None
    instance: str | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a daemon answers. ``name`` is for people; ``socket`` is None for one on the network."""

    url: str
    name: str
    socket: Path | None = None
    token: str | None = field(default=None, repr=False)


class NoDaemonError(NotNowError):
    """Nobody answers where a daemon was said to be."""


@dataclass(frozen=True, slots=True)
class Missing:
    """No daemon answers for a configuration. ``killed`` tells that one left its socket behind."""

    killed: bool


def find(wanted: Wanted, environ: Mapping[str, str]) -> Address | Missing:
    """Find the daemon that is meant.

    Raises:
        UsageError: More than one is named, or an address is none.
        NoDaemonError: Nobody answers where one was named.
        ConfigurationError: None is named, and there is no configuration that could name one.
    """
    server = wanted.server or (None if wanted.control or wanted.instance else environ.get(SERVER))
    named = [name for name, value in _named(wanted) if value is not None]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} name different daemons: keep one")
    if server:
        return _at(server, wanted, environ)
    if wanted.control is not None:
        return _only(wanted.control, "is it running, and is `control:` this path?")
    if wanted.instance is not None:
        return _only(control_path.of_instance(wanted.instance), f"systemctl status wbiz-bridge@{wanted.instance}")
    return _of_configuration(locate.find(wanted.config, environ), environ)


def _named(wanted: Wanted) -> list[tuple[str, object]]:
    return [("--server", wanted.server), ("--control", wanted.control), ("--instance", wanted.instance)]


def _at(server: str, wanted: Wanted, environ: Mapping[str, str]) -> Address:
    url = server.rstrip("/")
    try:
        parts = urlsplit(url)
        right = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
    except ValueError:
        right = False
    if not right or parts.username or parts.query or parts.fragment:
        raise UsageError("--server: not the address of a bridge (allowed: https://bridge.example.com)")
    file = wanted.token_file or (Path(environ[TOKEN_FILE]) if environ.get(TOKEN_FILE) else None)
    return Address(url, f"the bridge at {parts.netloc}", token=None if file is None else _token(file))


def _token(file: Path) -> str:
    try:
        with file.open(encoding="ascii") as opened:
            text = opened.read(_LARGEST_TOKEN).strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"--token-file {file}: it cannot be read: {why}") from None
    if not text or not text.isprintable() or " " in text:
        raise UsageError(f"--token-file {file}: there is no token in it")
    return text


def _only(socket: Path, hint: str) -> Address:
    if not _answers(socket):
        raise NoDaemonError(f"no daemon answers at {socket} ({hint})")
    return Address(_ANY_HOST, "the daemon", socket)


def _of_configuration(config: Path, environ: Mapping[str, str]) -> Address | Missing:
    said = Peek(config, control_path.unit_environ(config) | dict(environ))
    killed = False
    if not said.switched_off:
        for socket in control_path.candidates(environ, config, said.control, said.database):
            try:
                if is_answered(socket):
                    return Address(_ANY_HOST, "the daemon", socket)
            except PermissionError:
                if os.access(config, os.R_OK):  # else that is what is wrong, and said next
                    raise _forbidden(socket) from None
            killed |= os.path.lexists(socket)
    return Missing(killed)


def _answers(socket: Path) -> bool:
    try:
        return is_answered(socket)
    except PermissionError:
        raise _forbidden(socket) from None


def _forbidden(socket: Path) -> BridgeError:
    return BridgeError(
        f"this user may not ask the daemon at {socket}: only root and the daemon's own user may (try it with sudo)"
    )
