"""How ``trigger`` finds ``dev``: a file in the user's runtime folder."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from bridge.config.control_path import SOCKET, user_folder
from bridge.domain.errors import BridgeError, NotNowError
from bridge.store.temporary_folders import locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_FOLDER: Final = "dev"
_FILE: Final = "dev.json"


@dataclass(frozen=True, slots=True)
class Presence:
    """A running ``dev``: its process, the address and token for ``trigger``, and its receiver."""

    pid: int
    url: str
    forward_to: str
    token: str = field(repr=False)


class Place:
    """The runtime folder of ``dev``; see :func:`sole`."""

    def __init__(self, folder: Path) -> None:
        self.control = folder / SOCKET
        """The daemon's socket."""
        self._file = folder / _FILE

    def announce(self, presence: Presence) -> None:
        """Write the file, readable by this user only."""
        new = self._file.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(presence), file)
        new.replace(self._file)

    def leave(self) -> None:
        """Remove the file."""
        self._file.unlink(missing_ok=True)


@contextmanager
def sole(environ: Mapping[str, str]) -> Iterator[Place]:
    """Be this user's only ``dev``.

    Raises:
        NotNowError: Another one is running.
        BridgeError: The runtime folder cannot be used.
    """
    with ExitStack() as stack:
        try:
            folder = user_folder(environ) / _FOLDER
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(locked(folder))
        except BlockingIOError:
            raise NotNowError(_already(_read(folder))) from None
        except (OSError, RuntimeError) as error:  # RuntimeError: the user has no home
            why = error.strerror if isinstance(error, OSError) else error
            raise BridgeError(
                f"`dev` cannot use your runtime folder ({why}): set $XDG_RUNTIME_DIR to a folder of yours"
            ) from None
        place = Place(folder)
        stack.callback(place.leave)
        yield place


def find(environ: Mapping[str, str]) -> Presence | None:
    """Find this user's running ``dev``. One that was killed left its file behind, and does not count."""
    for each in (environ, {}):  # `dev` may have been started without a login session
        with suppress(RuntimeError):  # the user has no home
            found = _read(user_folder(each) / _FOLDER)
            if found is not None and _is_alive(found.pid):
                return found
    return None


def _read(folder: Path) -> Presence | None:
    with suppress(OSError, ValueError, TypeError):
        return Presence(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _already(running: Presence | None) -> str:
    if running is None:
        return "another `wbiz-bridge dev` is starting, and each user can run one"
    return (
        f"`wbiz-bridge dev` is already running (process {running.pid}, forwarding to {running.forward_to}), and each"
        " user can run one: stop it first"
    )
