"""PostgreSQL's addresses: read as libpq reads them, shown without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from bridge.domain.postgres_url import is_postgres, parameters, secrets_in, shown
from bridge.domain.redaction import Redactor

_WORD = st.text("abcxyz0189.-", min_size=1, max_size=8)
_PASSWORD = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=8, max_size=20)


@pytest.mark.parametrize(
    ("url", "found", "name"),
    [
        ("postgres://bridge@db/x", {"user": "bridge", "host": "db", "dbname": "x"}, "postgresql://bridge@db/x"),
        ("postgresql+psycopg://db/x", {"host": "db", "dbname": "x"}, "postgresql://db/x"),
        ("postgresql:///x", {"dbname": "x"}, "postgresql:///x"),
        (
            "postgresql://a:b@one:5433,two:5434/x?target_session_attrs=read-write",
            {
                "user": "a",
                "password": "b",
                "host": "one,two",
                "port": "5433,5434",
                "dbname": "x",
                "target_session_attrs": "read-write",
            },
            "postgresql://a:***@one:5433,two:5434/x",
        ),
        (
            "postgresql://bridge@%2Fvar%2Frun%2Fpostgresql/x",
            {"user": "bridge", "host": "/var/run/postgresql", "dbname": "x"},
            "postgresql://bridge@%2Fvar%2Frun%2Fpostgresql/x",
        ),
        ("postgresql://[::1]:5/x", {"host": "::1", "port": "5", "dbname": "x"}, "postgresql://[::1]:5/x"),
        ("postgresql:///x?host=/tmp", {"host": "/tmp", "dbname": "x"}, "postgresql://%2Ftmp/x"),
    ],
)
def test_address_is_read_as_libpq_does(url: str, found: dict[str, str], name: str) -> None:
    assert is_postgres(url)
    assert parameters(url) == found
    assert shown(found) == name


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://pw:hunter2@Sup3r@host/db", "write %40 for an @"),
        ("postgresql://pw:hunter2/Sup3r@host/db", "%2F for a slash"),
        ("postgresql://pw:hunter2?x=y@Sup3r@host/db", "write %40 for an @"),
        ("postgresql://host/db?user=hunter2@Sup3r", "write %40 for an @"),
        ("postgresql://host/db?hunter2=Sup3r", "not one of libpq's"),
        ("postgresql://host/db?sslmode", "not NAME=VALUE"),
        ("postgresql://pw:hunter2%zz@host/db", "not a usable database (allowed: postgresql://"),
        ("postgresql://host:hunter2/db", "the port is out of range"),
        ("postgresql://one,two:99999/db", "the port is out of range"),
        ("postgresql://pw:\udcff@host/db", "not a usable database"),
    ],
)
def test_unusable_address_is_refused_without_repeating_it(url: str, words: str) -> None:
    with pytest.raises(ValueError, match="not a usable database") as refused:
        parameters(url)
    assert words in str(refused.value)
    for part in ("hunter2", "Sup3r", "pw", "udcff"):
        assert part not in str(refused.value).replace("psycopg", "")


@given(_WORD, _PASSWORD, st.lists(_WORD, min_size=1, max_size=3), _WORD)
def test_no_part_of_a_password_is_shown(user: str, password: str, hosts: list[str], name: str) -> None:
    """However a password is written: either the address is refused, or it is a secret and not shown."""
    url = f"postgresql://{user}:{password}@{','.join(hosts)}/{name}"
    refused = _refusal(url)
    if refused is not None:
        assert password not in refused
        return
    assert shown(parameters(url)) == f"postgresql://{user}:***@{','.join(hosts)}/{name}"
    redact = Redactor(secrets_in(url))
    assert password not in redact(url)
    assert password not in redact(make_conninfo(password=parameters(url)["password"]))


def _refusal(url: str) -> str | None:
    try:
        parameters(url)
    except ValueError as error:
        return str(error)
    return None


def test_every_secret_of_an_address_is_known() -> None:
    url = "postgresql://me:first%40word@db/x?password=second%40word&sslpassword=third"
    assert set(secrets_in(url)) == {"first%40word", "first@word", "second@word", "third"}
