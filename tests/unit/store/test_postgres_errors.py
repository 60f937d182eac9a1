"""What PostgreSQL's errors mean: by SQLSTATE, and by libpq's and PgBouncer's own words."""

from __future__ import annotations

import psycopg.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.errors import BridgeError, ConfigurationError, CredentialsError, NotNowError
from bridge.store.postgres_errors import ends_session, meaning_of


@pytest.mark.parametrize(
    ("sqlstate", "kind", "words"),
    [
        ("28P01", CredentialsError, "refuses the password"),
        ("28000", CredentialsError, "refuses the user"),
        ("3D000", ConfigurationError, "does not exist on this server: create it"),
        ("42501", ConfigurationError, "does not let the user do"),
        ("3F000", ConfigurationError, "search_path"),
        ("53300", NotNowError, "no free connection"),
        ("53100", NotNowError, "the disk of its server is full"),
        ("25006", NotNowError, "is read-only now"),
        ("57P01", NotNowError, "the server ended the connection"),
        ("57P02", NotNowError, "the server ended the connection"),
        ("57P03", NotNowError, "starting up or shutting down"),
        ("08006", NotNowError, "the connection was lost"),
        ("40P01", NotNowError, "is busy"),
        ("55P03", NotNowError, "is busy"),
        ("57014", NotNowError, "statement_timeout"),
        ("58030", NotNowError, "input/output error"),
    ],
)
def test_sqlstate_says_who_must_act(sqlstate: str, kind: type[BridgeError], words: str) -> None:
    """In whatever language the server says it."""
    meaning = meaning_of(sqlstate, "FATAL:  Passwort-Authentifizierung fehlgeschlagen")
    assert meaning is not None
    assert (meaning[0], words in meaning[1]) == (kind, True)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("failed to resolve host 'db': Name or service not known", NotNowError, "host name"),
        ("server does not support SSL, but SSL was required", ConfigurationError, "has no TLS"),
        ("SSL error: certificate verify failed", ConfigurationError, "with TLS"),
        ('root certificate file "/x/root.crt" does not exist', ConfigurationError, "with TLS"),
        ("SSL error: certificate has expired", NotNowError, "renew it"),
        ("fe_sendauth: no password supplied", CredentialsError, "refuses the password"),
        ("connection failed: Connection refused", NotNowError, "no server answers"),
        ("ConnectionTimeout: connection timeout expired", NotNowError, "in time"),
        ("session is read-only", NotNowError, "target_session_attrs"),
        ("FATAL: unsupported startup parameter: options", ConfigurationError, "ignore_startup_parameters"),
        ("transaction blocks not allowed in statement pooling mode", ConfigurationError, "pool_mode=session"),
        ("query_wait_timeout", NotNowError, "no free connection"),
        ("something new", NotNowError, "is out of reach"),
    ],
)  # fmt: skip
def test_errors_without_a_code_are_known_by_their_words(text: str, kind: type[BridgeError], words: str) -> None:
    for sqlstate in (None, "08P01"):
        meaning = meaning_of(sqlstate, text)
        assert meaning is not None
        assert (meaning[0], words in meaning[1]) == (kind, True)


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=5, max_size=5), st.text())
def test_text_of_an_error_is_never_repeated(sqlstate: str, text: str) -> None:
    meaning = meaning_of(sqlstate, f"secret-{text}")
    assert meaning is None or "secret-" not in meaning[1]


def test_only_errors_of_the_session_end_it() -> None:
    ending = {
        code
        for code in psycopg.errors._sqlcodes
        if len(code) == len("25006") and code.isupper() | code.isdigit() and ends_session(code)
    }
    assert {"25006", "57P01", "57P02", "57P03", "57P05", "08006", "08003"} <= ending
    assert not {"57014", "40001", "40P01", "55P03", "23505", "22P05", "42501", "53100"} & ending
