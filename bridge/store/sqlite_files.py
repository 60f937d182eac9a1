"""The files of a SQLite database: nobody but their owner may read them, and others are refused in words."""

from __future__ import annotations

import errno
import os
import pwd
import shlex
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from stat import S_IMODE

import platformdirs

from bridge.domain.errors import BridgeError, NotNowError
from bridge.domain.file_kind import other_kind
from bridge.store.errors import DatabaseError

ENDS = ("", "-wal", "-shm", "-journal", ".lock")
"""What the names of a database's files end with."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of the system that pass when there is room again."""

_EXPLAINED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})
_OTHERS = 0o077


def prepare(file: Path) -> None:
    """Make what a database needs to be opened: its folder, and the file itself, readable for its owner only.

    SQLite gives the files that it puts beside it the same mode. Files that are there already are narrowed to that
    mode, where that is possible.

    Raises:
        DatabaseError: The folder or the file cannot be made.
        NotNowError: There is no room for it.
    """
    check_kinds(file)
    _make_folder(file.parent)
    try:
        os.close(make(file))
    except FileExistsError:
        pass
    except OSError as error:
        raise refused(f"the database {file} cannot be made", file, error) from None
    for each in of(file):
        _narrow(each, _OTHERS)
    # No other folder is the bridge's own. In a container, a user may have no home: it has no such folder either.
    with suppress(RuntimeError):
        if file.parent == platformdirs.user_state_path("wbiz-bridge"):
            _narrow(file.parent, _OTHERS)


def check_kinds(file: Path) -> None:
    """Check that nothing but regular files is where a database has its files: a pipe would be waited for.

    Raises:
        DatabaseError: Something else is there.
    """
    for each in of(file):
        with suppress(OSError):  # it is not there, or whoever opens it says why it can't be looked at
            kind = other_kind(each.stat().st_mode)
            if kind is not None:
                own = "name a file in it" if kind == "a folder" else "name another file"
                advice = own if each == file else "remove it"
                raise DatabaseError(f"the database {file} cannot be opened: {each} is {kind}: {advice}")


def of(file: Path) -> list[Path]:
    """Name all files that belong to a database, whether or not they are there."""
    return [file.with_name(f"{file.name}{end}") for end in ENDS]


def make(file: Path) -> int:
    """Make a new file that only its owner can read, whatever the umask says, and return its descriptor.

    What root makes in somebody's folder belongs to that one: the service that runs as that user must get in.

    Raises:
        FileExistsError: There is such a file.
        OSError: It cannot be made.
    """
    made = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(made, 0o600)
        folder = file.parent.stat()
        if os.geteuid() == 0 and folder.st_uid != 0:
            os.fchown(made, folder.st_uid, folder.st_gid)
    except OSError:
        os.close(made)
        raise
    return made


class Presence:
    """Whether the files that a database was opened on are still in their places.

    Args:
        named: The path that the configuration names.
        file: The real one.
    """

    def __init__(self, named: Path, file: Path) -> None:
        self._places = (named, *of(file)[1:3])
        self._known: dict[Path, tuple[int, int]] = {}

    def check(self, *, learn: bool) -> str | None:
        """Look at them, and say what is wrong; None where nothing is.

        Args:
            learn: Remember those that were not there before. Only while a connection is open, which keeps them there.
        """
        for place in self._places:
            try:
                seen = place.stat()
            except OSError as error:
                if place in self._known and error.errno in _GONE:
                    return f"{place} was removed, or its file system unmounted"
                continue
            found = seen.st_dev, seen.st_ino
            if (self._known.setdefault(place, found) if learn else self._known.get(place, found)) != found:
                return f"{place} was replaced"
        return None

    def forget(self) -> None:
        """Learn them again: the connections were closed, and SQLite removes the files beside the database then."""
        self._known.clear()


def refused(what: str, file: Path, error: OSError) -> BridgeError:
    """Say why a file of a database cannot be made or opened, and what to do."""
    if error.errno in FULL:
        full = "the disk quota is used up" if error.errno == errno.EDQUOT else "the disk is full"
        return NotNowError(f"{what}: {full}")
    if error.errno == errno.EROFS:
        where = "is on a file system that is mounted read-only (under systemd: set ReadWritePaths=)"
        return DatabaseError(f"{what}: {file.parent} {where}")
    known = obstacle(file) if error.errno in _EXPLAINED else None
    return DatabaseError(f"{what}: {known or error.strerror}")


def obstacle(file: Path) -> str | None:
    """Say what keeps this process from using a database, with what to do; None where nothing is found."""
    me = _user(os.geteuid())
    folder = Path("/")
    for inner in [*reversed(file.absolute().parents)][1:]:
        if not os.access(folder, os.X_OK):
            return f"user {me} may not enter {_whose(folder)}"
        if not inner.exists():
            break
        if not inner.is_dir():
            return f"{inner} is not a folder"
        folder = inner
    if not os.access(folder, os.W_OK | os.X_OK):
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return f"{folder} is on a file system that is mounted read-only (under systemd: set ReadWritePaths=)"
        return f"user {me} may not write in {_whose(folder)}; fix: {_fix(folder, me, 'u+rwx')}"
    if file.is_dir():
        return f"{file} is a folder: name a file in it"
    for each in of(file):
        if each.exists() and not os.access(each, os.R_OK | os.W_OK):
            return f"user {me} may not read and write {_whose(each)}; fix: {_fix(each, me, 'u+rw', file)}"
    return None


def _make_folder(folder: Path) -> None:
    try:
        missing = list(takewhile(lambda each: not each.exists(), [folder, *folder.parents]))
        for each in reversed(missing):
            each.mkdir(exist_ok=True)
            each.chmod(0o700)  # whatever the umask says
    except OSError as error:
        raise refused(f"{folder}: cannot make this folder for the database", folder, error) from None


def _narrow(path: Path, forbidden: int) -> None:
    """Take rights away. Where somebody else owns it, it is for that one to do."""
    try:
        mode = S_IMODE(path.stat().st_mode)
        if mode & forbidden:
            path.chmod(mode & ~forbidden)
    except OSError:
        pass


def _whose(path: Path) -> str:
    seen = path.stat()
    return f"{path}, which belongs to {_user(seen.st_uid)} (mode {S_IMODE(seen.st_mode):04o})"


def _fix(path: Path, me: str, mode: str, file: Path | None = None) -> str:
    """Name the command that lets this user in: all files of the database that belong to the other one at once."""
    if path.stat().st_uid == os.geteuid():
        return f"chmod {mode} {shlex.quote(str(path))}"
    return f"chown {me} {shlex.quote(str(path)) if file is None else shlex.quote(str(file)) + '*'}"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
