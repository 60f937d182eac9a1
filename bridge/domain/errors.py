"""What can go wrong in a way that a person has to know about. Each class says what to do, and its exit code."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import ClassVar, Final, NoReturn, Self


class BridgeError(Exception):
    """The command could not do what was asked. The text says what to do next; it never holds a secret.

    Each argument is a line of its own. A line break within one comes from outside, and is shown as an escape.
    """

    exit_code: ClassVar[int] = 1

    @property
    def lines(self) -> tuple[str, ...]:
        """The text, line by line."""
        return tuple(map(str, self.args))

    def __str__(self) -> str:
        return "\n".join(self.lines)


class UsageError(BridgeError):
    """The command was called with something it cannot use: see its ``--help``."""

    exit_code = 2


class NotNowError(BridgeError):
    """It may work later: the database is locked or another daemon runs on it, or the API is down. Try again."""

    exit_code = 75


class CredentialsError(BridgeError):
    """WbizTool or the database refused the credentials. Correct them in the configuration."""

    exit_code = 77


class ConfigurationError(BridgeError):
    """The configuration is wrong, or names a database that cannot be used. The text says what to change, and where."""

    exit_code = 78


class OtherAccountError(ConfigurationError):
    """The database belongs to another account than the configuration. Set ``database:`` to a file of its own."""


class UnrenderableError(BridgeError):
    """The template of a receiver can't be rendered for an event. Fix it, and send the dead letter again."""


class InternalError(BridgeError):
    """A fault of the bridge's own. Please report it; what it concerns was set aside and is tried again later."""

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Say in one line what was raised. The text may quote what was worked on: mask secrets before it is shown."""
        said = " ".join(str(error).split())[:_LONGEST_FAULT]
        fault = cls(f"{type(error).__name__}: {said}" if said else type(error).__name__)
        fault.__cause__ = error
        return fault


REPORT_IT: Final = "please report it (see CONTRIBUTING.md)"
"""What to do about a fault of the bridge's own."""

_LONGEST_FAULT = 300


def place_of(error: BaseException) -> str:
    """Say where an exception comes from, the innermost place last; no values, as a traceback's lines may show."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-5:])


def raise_again(error: Exception) -> NoReturn:
    """Raise an error where it is heard: bound to it, this is the result of a call that failed in another thread."""
    raise error
