"""Files that hold secrets and let every user of the machine read them: ``check`` warns of those."""

from __future__ import annotations

import re
import shlex
import stat
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from bridge.config.database_url import passwords
from bridge.receivers.registry import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CREDENTIAL: Final = re.compile(r"auth|token|key|secret|signature|password|cookie|credential", re.IGNORECASE)
"""What the name of a header with a secret contains."""

_ADDRESSES: Final = ("url", "proxy", *(key for key, kind in KINDS.items() if kind.value == "address"))
SECRETS: Final = (
    *("api_key", "secret", "token", "hook_token", "key_password", "database"),
    *(key for key, kind in KINDS.items() if kind.value == "secret"),
    *_ADDRESSES,
)
"""Keys that can be given as ``…_file``: secrets, and addresses, which may hold one."""

_GUESSABLE = 16  # characters: a longer part of an address, with digits in it, is rather a token
_SHOWN = 3


def is_secret(key: str, text: str) -> bool:
    """Tell whether the value of a key is a secret. Pure. An address is one where it has a password or a token.

    Args:
        key: One of :data:`SECRETS`.
        text: Its value, which was checked.
    """
    if key in _ADDRESSES:
        return holds_token(text)
    return key != "database" or bool(passwords(text))


def holds_token(url: str) -> bool:
    """Tell whether an address seems to hold what others do not know. Pure."""
    parts = urlsplit(url)
    return bool(parse_qsl(parts.query) or parts.password) or any(
        len(part) >= _GUESSABLE and any(char.isdigit() for char in part) for part in parts.path.split("/")
    )


def exposure(file: Path, holds: Sequence[str]) -> str | None:
    """Say who can get at a file's secrets, and the command that ends it; None where only owner and group can.

    A user who can change the file can have the secrets sent to themselves.

    Args:
        file: It was read.
        holds: The keys of the secrets in it.
    """
    try:
        real = file.resolve()
        mode = real.stat().st_mode
        entered = all(folder.stat().st_mode & stat.S_IXOTH for folder in real.parents)
    except OSError:
        return None
    rights = {"r": ("read", stat.S_IROTH), "w": ("change", stat.S_IWOTH)}
    given = {letter: verb for letter, (verb, bit) in rights.items() if mode & bit}
    if not given or not entered or not stat.S_ISREG(mode):
        return None
    more = f" and {len(holds) - _SHOWN} more" if len(holds) > _SHOWN else ""
    return (
        f"every user of this machine can {' and '.join(given.values())} {file}, which holds "
        f"{', '.join(holds[:_SHOWN])}{more}: chmod o-{''.join(given)} {shlex.quote(str(file))}"
    )
