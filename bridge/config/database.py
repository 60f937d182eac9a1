"""Where the state lives: the database's URL. Pure but for asking where the user's folders are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALLOWED = (
    "(allowed: sqlite:////path/to/bridge.db, sqlite:///bridge.db beside this file, or postgresql://user@host/name)"
)


def default_url(environ: Mapping[str, str]) -> str:
    """Name ``bridge.db`` in systemd's state folder (the first, if there are several), else in the user's.

    Raises:
        ValueError: The folder's name can't stand in a URL.
    """
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return _sqlite(Path(state) if state else platformdirs.user_state_path("wbiz-bridge"), "bridge.db")


def database_url(text: object, folder: Path) -> str:
    """Check a URL and bring it into the form that SQLAlchemy needs; a relative SQLite path begins at ``folder``.

    Raises:
        ValueError: It is not usable; the text says what is, and holds nothing of the URL.
    """
    if not isinstance(text, str):
        raise ValueError(f"not a usable database {_ALLOWED}")  # noqa: TRY004 -- told like any other wrong value
    try:
        text.encode()  # from the environment: bytes that were no UTF-8
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise ValueError(f"not a usable database {_ALLOWED}") from None
    match url.drivername:
        case "sqlite" if url.host is None and url.database and url.database != ":memory:" and not url.query:
            return _sqlite(folder, url.database)
        case "postgresql" | "postgresql+psycopg" if url.port is None or url.port in range(1, 65536):
            return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    raise ValueError(f"not a usable database {_ALLOWED}")


def passwords(url: str) -> tuple[str, ...]:
    """List the passwords in a URL: before the host, or as a parameter."""
    parts = sa.make_url(url)
    given = parts.query.get("password", ())
    return tuple(filter(None, (parts.password, *((given,) if isinstance(given, str) else given))))


def _sqlite(folder: Path, name: str) -> str:
    file = str(folder / name)
    try:
        url = sa.URL.create("sqlite", database=file).render_as_string()
    except UnicodeEncodeError:
        raise ValueError("the path of the database must be UTF-8 text") from None
    if sa.make_url(url).database != file or "\0" in file:
        raise ValueError("the path of the database can't hold a question mark or a NUL")
    return url
