"""What can go wrong in a way that a person has to know about. Each class says what to do, and its exit code."""

from __future__ import annotations

from typing import ClassVar


class BridgeError(Exception):
    """The command could not do what was asked. The text says what to do next; it never holds a secret."""

    exit_code: ClassVar[int] = 1


class UsageError(BridgeError):
    """The command was called with something it cannot use: see its ``--help``."""

    exit_code = 2


class NotNowError(BridgeError):
    """It may work later: the database is locked or another daemon runs on it, or the API is down. Try again."""

    exit_code = 75


class CredentialsError(BridgeError):
    """WbizTool refused the client id or the API key. Mend them in the configuration."""

    exit_code = 77


class ConfigurationError(BridgeError):
    """The configuration is wrong. Each line of the text names a place in it and what is allowed there."""

    exit_code = 78


class OtherAccountError(ConfigurationError):
    """The database belongs to another account than the configuration. Set ``database:`` to a file of its own."""


class UnrenderableError(BridgeError):
    """The template of a receiver can't be rendered for an event. Mend it, and send the dead letter again."""
