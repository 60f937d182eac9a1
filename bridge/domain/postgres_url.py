"""The address of a PostgreSQL database: read as libpq reads it, and shown without its secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEME = re.compile(r"(?:postgres|postgresql|postgresql\+psycopg)://")  # the last is SQLAlchemy's name for it
_PORTS = range(1, 65536)
_SECRETS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
"""libpq's parameters that are secret: those that it marks so in ``PQconndefaults``."""

EXTRA = "PostgreSQL needs the extra `postgres`: pip install 'wbiztool-bridge[postgres]'"
"""What to do where the driver is not installed."""

ALLOWED = "(allowed: postgresql://user:password@host:5432/name)"

_UNUSABLE = "not a usable database"
_QUERY = "a parameter is not one of libpq's, or not NAME=VALUE (in a value, write %3D for = and %26 for &)"


def is_postgres(url: str) -> bool:
    """Tell whether an address is PostgreSQL's."""
    return _SCHEME.match(url) is not None


def parameters(url: str) -> dict[str, str]:
    """Read an address: libpq's parameters, such as ``host``, ``port``, ``user``, ``password`` and ``dbname``.

    Several hosts and ports are separated by commas.

    Raises:
        ValueError: It is not usable. The text says why, and holds nothing of the address.
    """
    try:
        from psycopg import ProgrammingError  # noqa: PLC0415 -- only who uses PostgreSQL has it
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 -- as above
    except ImportError:
        raise ValueError(EXTRA) from None
    rest = _rest(url)
    before, at, after = rest.partition("@")
    # libpq takes the first @ for the end of the password, so that a password's tail would become a host.
    if "@" in after or (at and "/" in before):
        raise ValueError(f"{_UNUSABLE}: write %40 for an @ in the user or the password, and %2F for a slash there")
    try:
        found = {key: str(value) for key, value in conninfo_to_dict(f"postgresql://{rest}").items()}
    except ProgrammingError as error:
        if "query parameter" in str(error):
            raise ValueError(f"{_UNUSABLE}: after the ?, {_QUERY}") from None
        raise ValueError(f"{_UNUSABLE} {ALLOWED}") from None
    except ValueError:  # bytes of the environment that are no UTF-8
        raise ValueError(f"{_UNUSABLE} {ALLOWED}") from None
    for port in filter(None, found.get("port", "").split(",")):
        if not (port.isascii() and port.isdigit() and int(port[:6]) in _PORTS):
            raise ValueError(f"{_UNUSABLE}: the port is out of range (allowed: 1 to 65535)")
    return found


def shown(found: Mapping[str, str]) -> str:
    """Write the address that has these parameters as it may be shown: user, hosts and name."""
    hosts = (found.get("host") or found.get("hostaddr", "")).split(",")
    ports = found.get("port", "").split(",")
    ports += ports[-1:] * (len(hosts) - len(ports))  # one port is for all hosts
    places = [_shown_host(host) + (f":{port}" if port else "") for host, port in zip(hosts, ports, strict=False)]
    user = quote(found.get("user", ""), safe="")
    password = ":***" if "password" in found else ""
    return f"postgresql://{user}{password}{'@' if user or password else ''}{','.join(places)}/{found.get('dbname', '')}"


def secrets_in(url: str) -> tuple[str, ...]:
    """List the secrets in a usable address, as they are and as they are written in it."""
    user_and_password, at, _ = _rest(url).partition("@")
    written = user_and_password.partition(":")[2] if at else ""
    found = parameters(url)
    given = (written, unquote(written, errors="replace"), *(found.get(name) for name in _SECRETS))
    return tuple(dict.fromkeys(filter(None, given)))


def _rest(url: str) -> str:
    return url[_end(url) :]


def _end(url: str) -> int:
    match = _SCHEME.match(url)
    assert match is not None
    return match.end()


def _shown_host(host: str) -> str:
    if ":" in host:
        return f"[{host}]"
    return quote(host, safe="")
