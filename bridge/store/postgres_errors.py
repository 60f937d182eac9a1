"""What PostgreSQL, its client library and poolers mean by an error: whom it concerns, and what to do. Pure.

The server's SQLSTATE says it in every language; see appendix A of PostgreSQL's manual. Only libpq's own errors, and a
pooler's, have none: they are always in English.
"""

from __future__ import annotations

import re

from bridge.domain.errors import BridgeError, ConfigurationError, CredentialsError, NotNowError

Meaning = tuple[type[BridgeError], str]
"""The exception to raise, and what follows ``the database NAME`` in its text."""

READ_ONLY = "25006"

_HOW_TO_GRANT = "let the user own the database (ALTER DATABASE … OWNER TO …), or grant it what it lacks"
LOST: Meaning = (NotNowError, "is out of reach: the connection was lost")
_ENDED = (NotNowError, "is out of reach: the server ended the connection (a restart, a failover, or an administrator)")
_NO_DATABASE = (
    ConfigurationError,
    "does not exist on this server: create it (createdb --encoding=UTF8 --owner=USER NAME), or correct `database:`",
)
_WRONG_PASSWORD = (
    CredentialsError,
    "refuses the password: correct it in `database:`, or where libpq finds it (~/.pgpass, $PGPASSWORD)",
)
_NO_ROOM = (
    NotNowError,
    "has no free connection: raise the limit (max_connections, the role's, the pooler's), or run fewer programs on it",
)
_WAITS = "is busy: another program holds a lock that the bridge needs"

_BY_STATE: dict[str, Meaning] = {
    "28P01": _WRONG_PASSWORD,
    "28000": (
        CredentialsError,
        "refuses the user: see whether the role exists and may log in, and whether pg_hba.conf lets it in from here",
    ),
    "3D000": _NO_DATABASE,
    "3F000": (ConfigurationError, "has no schema for the bridge's tables: see the user's search_path"),
    "57P04": (ConfigurationError, "was dropped: create it, or correct `database:`"),
    "42501": (ConfigurationError, f"does not let the user do what the bridge must do: {_HOW_TO_GRANT}"),
    READ_ONLY: (
        NotNowError,
        "is read-only now: this server is a standby, or it was made read-only (a failover, a disk that is full)",
    ),
    "53100": (NotNowError, "cannot grow: the disk of its server is full"),
    "53300": _NO_ROOM,
    "55P03": (NotNowError, _WAITS),
    "57014": (
        NotNowError,
        "cancelled a statement: it took longer than statement_timeout allows, or somebody stopped it",
    ),
    "57P01": _ENDED,
    "57P02": _ENDED,
    "57P03": (NotNowError, "is out of reach: its server is starting up or shutting down"),
    "57P05": _ENDED,
    "25P03": _ENDED,
    "25P04": _ENDED,
}
_BY_CLASS: dict[str, Meaning] = {
    "08": LOST,
    "28": _BY_STATE["28000"],
    "40": (NotNowError, "is busy: two transactions were in each other's way"),
    "53": (NotNowError, "has too few resources (memory, or a limit of its configuration)"),
    "57": _ENDED,
    "58": (NotNowError, "cannot be read or written (an input/output error of its server)"),
}
_NO_SESSIONS = (
    "is behind a pooler in transaction or statement mode, which the bridge cannot use (it needs LISTEN, and locks that "
    "last as long as its session): use session mode (PgBouncer: pool_mode=session), or name the server itself in "
    "`database:`"
)
NO_SESSIONS: Meaning = (ConfigurationError, _NO_SESSIONS)
"""What is said where a pooler gives each transaction another session."""

_TLS = (
    "cannot be reached with TLS: see the certificates and the sslmode that `database:` names, or lacks "
    "(sslrootcert, sslcert, sslkey)"
)
_PARAMETER = (
    "is behind a pooler that refuses a parameter of `database:` (most likely `options`): remove it, or name it in "
    "PgBouncer's ignore_startup_parameters"
)
_NOBODY = "is out of reach: no server answers at this address (is PostgreSQL running, and does it listen there?)"
_NO_SUCH_HOST = "is out of reach: its host name is not known (see `database:`, and whether DNS works)"
_WRONG_SORT = "is out of reach: none of the servers in `database:` is what its target_session_attrs asks for"
_TEXTS: dict[str, Meaning] = {
    "transaction blocks not allowed|statement pooling": NO_SESSIONS,
    "unsupported startup parameter": (ConfigurationError, _PARAMETER),
    'no such database|database ".*" does not exist': _NO_DATABASE,
    'role ".*" does not exist': (CredentialsError, "refuses the user: there is no such role"),
    "password authentication failed|no password supplied|SASL authentication failed|no such user": _WRONG_PASSWORD,
    "too many connections|no more connections allowed|query_wait_timeout": _NO_ROOM,
    "translate host name|failed to resolve host": (NotNowError, _NO_SUCH_HOST),
    "certificate has expired": (NotNowError, "has a TLS certificate that has expired: renew it"),
    "does not support SSL": (ConfigurationError, "has no TLS, which `database:` asks for (sslmode)"),
    "session is read-only|session is not read-only|hot standby mode": (NotNowError, _WRONG_SORT),
    "invalid connection option|invalid \\S+ value|invalid integer value|bad value for": (
        ConfigurationError,
        "has an address that PostgreSQL's library does not take: see the parameters in it",
    ),
    "certificate|SSL error|TLS": (ConfigurationError, _TLS),
    "timeout expired|timed out|ConnectionTimeout": (NotNowError, "is out of reach: it does not answer in time"),
    "Connection refused|No such file or directory|unreachable|No route": (NotNowError, _NOBODY),
}
"""What libpq and PgBouncer say, as regular expressions; the first that is found counts."""

_HBA: tuple[tuple[str, str], ...] = (
    ("no pg_hba.conf entry", "refuses the user: its pg_hba.conf has no line for this user, database and machine"),
    ("does not exist", "refuses the user: there is no such role"),
    ("not permitted to log in", "refuses the user: the role may not log in (ALTER ROLE … LOGIN)"),
    ("peer authentication", "refuses the user: over its socket it takes only the system's user of the same name"),
    ("certificate", "refuses the user: it asks for a client certificate (sslcert, sslkey)"),
)


def meaning_of(sqlstate: str | None, text: str) -> Meaning | None:
    """Say what an error means; None where it is none that a person can do something about: a fault of the bridge's.

    Args:
        sqlstate: The server's; None where the error is libpq's own.
        text: The error's text, only to tell the causes apart that share a code: it is never shown.
    """
    if sqlstate is None or sqlstate == "08P01":  # a pooler's own errors are all "protocol violations"
        found = next((meaning for pattern, meaning in _TEXTS.items() if re.search(pattern, text)), None)
        return found or (NotNowError, "is out of reach: the connection failed")
    if sqlstate == "28000":
        lower = text.lower()
        words = next((words for mark, words in _HBA if mark in lower), None)
        if words is not None:
            tls = " (it wants TLS: sslmode=require)" if "no encryption" in lower else ""
            return CredentialsError, words + tls
    return _BY_STATE.get(sqlstate) or _BY_CLASS.get(sqlstate[:2])


def ends_session(sqlstate: str | None) -> bool:
    """Tell whether a session is of no use after an error, though its connection may be alive.

    A session that began while the server was read-only stays read-only when it is so no more, and so may one to a
    server that was the primary. Who asks again needs new ones.
    """
    return sqlstate is not None and (sqlstate == READ_ONLY or (sqlstate[:2] in {"08", "57"} and sqlstate != "57014"))
