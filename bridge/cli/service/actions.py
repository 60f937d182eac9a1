"""What installing is made of: steps that can be shown and can be done."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from bridge.domain.errors import BridgeError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PATIENCE = 400
"""Seconds that systemctl may take: longer than the unit's TimeoutStartSec."""


class InstallError(BridgeError):
    """The service cannot be installed or removed like this. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Make a folder that all may read."""

    path: Path


@dataclass(frozen=True, slots=True)
class Write:
    """Write a file as a whole, or not at all. Its text may be a secret."""

    path: Path
    text: str = field(repr=False)
    mode: int = 0o644
    what: str = ""


@dataclass(frozen=True, slots=True)
class SetAside:
    """Keep a file under another name."""

    path: Path
    to: Path


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file, or a folder and all that is in it."""

    path: Path
    what: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Run a command of the machine."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """Leave something as it is, and say so."""

    path: Path
    what: str


Step = Folder | Write | SetAside | Remove | Run | Keep


def describe(step: Step) -> str:
    """Say on one line what a step does."""
    match step:
        case Folder(path):
            return f"make    {path}"
        case Write(path=path, what=what):
            return f"write   {path}{_in_brackets(what)}"
        case SetAside(path, to):
            return f"rename  {path} to {to.name}"
        case Remove(path, what):
            return f"remove  {path}{_in_brackets(what)}"
        case Run(command):
            return f"run     {shlex.join(command)}"
        case Keep(path, what):
            return f"keep    {path}{_in_brackets(what)}"
    assert_never(step)


def carry_out(steps: Iterable[Step], root: Path = Path("/")) -> None:
    """Do steps one after the other, their paths taken below ``root``.

    Raises:
        InstallError: One failed. Those before it are done; all can be done again.
    """
    for step in steps:
        try:
            _do(step, root)
        except OSError as error:
            raise InstallError(f"{describe(step)}: {error.strerror}. Fix that, then do the same again.") from None


def below(root: Path, path: Path) -> Path:
    """Find the place of a path of the installed system."""
    return root / path.relative_to("/")


def _do(step: Step, root: Path) -> None:
    match step:
        case Folder(path):
            _make_folder(below(root, path))
        case Write(path=path, text=text, mode=mode):
            _write(below(root, path), text, mode)
        case SetAside(path, to):
            below(root, path).replace(below(root, to))
        case Remove(path):
            _remove(below(root, path))
        case Run(command):
            _run(command)
        case Keep():
            pass
        case _:
            assert_never(step)


def _make_folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)  # whatever the caller's umask: the service must get in


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file beside its place, and move it there: nobody ever sees half of it, or may read what he must not.

    What is beside it always has the same name, so that the next time replaces what a killed one left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        beside.replace(path)
    except BaseException:
        beside.unlink()
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _run(command: tuple[str, ...]) -> None:
    done = subprocess.run(  # noqa: S603 -- a command of the plan
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise InstallError(f"{shlex.join(command)} failed:", *said.splitlines())


def _in_brackets(what: str) -> str:
    return f"  ({what})" if what else ""
