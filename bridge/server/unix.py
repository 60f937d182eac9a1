"""Where HTTP is answered on this machine alone: a Unix socket that only its owner and root can use."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.domain.errors import NotNowError
from bridge.domain.settings.listen_address import LONGEST_SOCKET_PATH
from bridge.server.limits import HTTP_CONNECTIONS

if TYPE_CHECKING:
    from pathlib import Path


class UnixPlace:
    """The path of a Unix socket.

    Args:
        path: Of the socket. One that nobody answers at any more is removed: whoever binds must hold the database's
            lock, so that no other bridge of this database is about to answer there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made: tuple[int, int] | None = None

    def bind(self, held: socket.socket | None = None, *, same: bool = False) -> socket.socket:
        """Make the socket, with mode 0600 from its first moment on.

        Raises:
            NotNowError: It cannot be had; the text says why.
        """
        del held, same
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._clear()
            os.fchmod(bound.fileno(), 0o600)  # what bind() makes gets the descriptor's mode, less the umask (unix(7))
            bound.bind(os.fsencode(self._path))
            bound.listen(HTTP_CONNECTIONS)
            self._made = _identity(self._path)
        except OSError as error:
            bound.close()
            raise NotNowError(f"commands cannot reach this bridge at {self._path}: {_why(error)}") from None
        except BaseException:
            bound.close()
            raise
        return bound

    def settle(self, bound: socket.socket) -> None:
        """Nothing is shared."""

    def leave(self) -> None:
        """Remove the socket, if it is still this one."""
        if self.is_here():
            with suppress(OSError):
                self._path.unlink()

    def is_here(self) -> bool:
        """Tell whether the path still leads to this socket: somebody may have tidied up."""
        return self._made is not None and _identity(self._path) == self._made

    def _clear(self) -> None:
        """Remove what a bridge left behind that was killed.

        Raises:
            NotNowError: Something else is there, or somebody answers.
            OSError: It cannot be looked at, or not be removed.
        """
        try:
            mode = self._path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise NotNowError(f"commands cannot reach this bridge at {self._path}: a file is there that is no socket")
        if is_answered(self._path):
            raise NotNowError(f"commands cannot reach this bridge at {self._path}: another program answers there")
        self._path.unlink()


def is_answered(path: Path) -> bool:
    """Tell whether somebody answers at a socket.

    Raises:
        PermissionError: This user may not ask.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        try:
            client.connect(os.fsencode(path))
        except BlockingIOError:  # it has more clients than it takes
            return True
        except PermissionError:
            raise
        except OSError:
            return False
    return True


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _why(error: OSError) -> str:
    if str(error) == "AF_UNIX path too long":
        return f"a socket's path has at most {LONGEST_SOCKET_PATH} bytes; set `control:` to a shorter one"
    return f"{error.strerror or error}: set `control:` to another path, or to off"
