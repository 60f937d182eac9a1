"""Where the state lives: the database's URL. Pure but for asking where the user's folders are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bridge.config.control_path import default_file
from bridge.domain import postgres_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ALLOWED = (
    "(allowed: sqlite:////path/to/bridge.db, sqlite:///bridge.db beside this file, or postgresql://user@host/name)"
)


def default_url(environ: Mapping[str, str]) -> str:
    """Name ``bridge.db`` in systemd's state folder (the first, if there are several), else in the user's.

    Raises:
        ValueError: The folder's name can't be in a URL, or the user has no home.
    """
    try:
        return _sqlite(default_file(environ))
    except RuntimeError:  # the user is in no list of users, and there is no HOME either
        raise ValueError(
            "this user has no home folder: say where the database is (sqlite:////path/bridge.db)"
        ) from None


def database_url(text: object, folder: Path) -> str:
    """Check a URL and return it in the one form in which the store knows it.

    A relative SQLite path begins at ``folder``. PostgreSQL's is as libpq reads it, but for the driver in its scheme.

    Raises:
        ValueError: It is not usable; the text says why, and holds nothing of the URL.
    """
    if not isinstance(text, str):
        raise ValueError(f"not a usable database {_ALLOWED}")  # noqa: TRY004 -- reported like any other wrong value
    if postgres_url.is_postgres(text):
        postgres_url.parameters(text)
        return f"postgresql+psycopg://{text.partition('://')[2]}"
    try:
        text.encode()  # from the environment: bytes that were no UTF-8
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise ValueError(f"not a usable database {_ALLOWED}") from None
    if url.drivername == "sqlite" and url.host is None and url.database not in {None, "", ":memory:"} and not url.query:
        assert url.database is not None
        return _sqlite(folder / url.database)
    raise ValueError(f"not a usable database {_ALLOWED}")


def passwords(url: str) -> tuple[str, ...]:
    """List the secrets in a URL that was checked: the password before the host, and parameters."""
    return postgres_url.secrets_in(url) if postgres_url.is_postgres(url) else ()


def _sqlite(path: Path) -> str:
    file = str(path)
    try:
        url = sa.URL.create("sqlite", database=file).render_as_string()
    except UnicodeEncodeError:
        raise ValueError("the path of the database must be UTF-8 text") from None
    if sa.make_url(url).database != file or "\0" in file:
        raise ValueError("the path of the database can't hold a question mark or a NUL")
    return url
