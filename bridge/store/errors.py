"""What can be wrong with the database, beyond what passes by itself."""

from __future__ import annotations

from bridge.domain.errors import BridgeError


class DatabaseError(BridgeError):
    """The database cannot be used: damaged, not writable, from a newer version. Fix it or restore a backup."""

    exit_code = 74


class DamagedError(DatabaseError):
    """The database is damaged. Restore a backup, or move it away to start afresh."""


class GoneError(DamagedError):
    """A file of the database was removed or replaced while it was open. Put it back, or restore a backup."""


class UnstorableError(DatabaseError):
    """The database cannot hold a value: too large, or no text. Nothing of its transaction was written."""
