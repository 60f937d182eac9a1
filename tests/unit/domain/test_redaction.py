"""Secrets are taken out of text, in the spellings in which programs echo them."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.redaction import MASK, Redactor, clean_text

KEY = 'k3y/with+odd "signs" & ümläut'
SLACK = "https://hooks.slack.com/services/T0AAA/B0BBB/cccDDDeee"


@pytest.mark.parametrize(
    "echo",
    [
        KEY,
        quote(KEY),
        quote(KEY, safe=""),
        quote_plus(KEY),
        json.dumps(KEY)[1:-1],
        json.dumps(KEY, ensure_ascii=False)[1:-1],
        json.dumps(KEY)[1:-1].replace("/", "\\/"),  # PHP's json_encode, and Slack's answers
    ],
)
def test_a_secret_is_taken_out_however_it_is_spelled(echo: str) -> None:
    assert Redactor([KEY])(f"before {echo} after") == f"before {MASK} after"


def test_a_secret_is_taken_out_everywhere_it_stands() -> None:
    assert Redactor(["s3cret-token"])("s3cret-token,s3cret-token") == f"{MASK},{MASK}"


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert Redactor(["abcdef", "abcdefghi"])("abcdefghi abcdef") == f"{MASK} {MASK}"


@pytest.mark.parametrize(
    "echo", [SLACK, "/services/T0AAA/B0BBB/cccDDDeee", SLACK.replace("/", "\\/"), quote(SLACK, safe="")]
)
def test_a_secret_url_is_taken_out_whole_or_by_its_path(echo: str) -> None:
    assert "cccDDDeee" not in Redactor([SLACK])(f"404: no such hook {echo}")


def test_a_secret_url_is_taken_out_by_its_query() -> None:
    redact = Redactor(["https://crm.example.com/hook?token=abcdef123"])
    assert redact("GET /hook?token=abcdef123") == f"GET {MASK}"
    assert redact("bad query token=abcdef123") == f"bad query {MASK}"


def test_the_host_of_a_secret_url_may_be_shown() -> None:
    assert "hooks.slack.com" in Redactor([SLACK])("no connection to hooks.slack.com within 5 s")


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql://bridge:pa55word@db/bridge", "pa55word"),
        ("postgresql://bridge:123456@db/bridge", "123456"),
        ("postgresql://bridge:p%40ssw%2Frd@db/bridge", "p@ssw/rd"),
        ("postgresql://bridge:p%40ssw%2Frd@db/bridge", "p%40ssw%2Frd"),
    ],
)
def test_the_password_within_a_url_is_taken_out_on_its_own(url: str, password: str) -> None:
    assert Redactor([url])(f'password "{password}" refused for user "bridge"') == (
        f'password "{MASK}" refused for user "bridge"'
    )


def test_the_password_within_a_url_is_taken_out_of_a_header_that_is_echoed() -> None:
    echoed = requests.Request("POST", url := "https://ada:p%40ss@crm.example.com/hooks").prepare().headers
    assert Redactor([url])(echoed["Authorization"]) == f"Basic {MASK}"


@pytest.mark.parametrize("short", ["", "a", "token"])
def test_what_is_too_short_to_be_a_secret_is_left(short: str) -> None:
    assert Redactor([short])("a token is a token") == "a token is a token"


def test_without_secrets_nothing_changes() -> None:
    assert Redactor()(SLACK) == SLACK


@pytest.mark.parametrize(
    "odd", ["postgresql://u:pa[ssword@h/db", "https://[::1/hook-secret", "://abcdef", "\udcff\udcfesecret"]
)
def test_a_secret_that_is_no_proper_url_or_text_is_a_secret_all_the_same(odd: str) -> None:
    assert Redactor([odd])(f"<{odd}>") == f"<{MASK}>"


_SECRETS = st.lists(st.text(min_size=6, max_size=30).filter(lambda text: "*" not in text), min_size=1, max_size=4)


@given(data=st.data(), secrets=_SECRETS)
def test_no_secret_is_left_in_any_text(data: st.DataObject, secrets: list[str]) -> None:
    pieces = st.sampled_from(
        [*secrets, *(json.dumps(secret)[1:-1] for secret in secrets), *(secret[:-1] for secret in secrets), " ", "/"]
    )
    text = "".join(data.draw(st.lists(pieces, max_size=8)))
    shown = Redactor(secrets)(text)
    assert not [secret for secret in secrets if secret in shown]


@given(st.text(max_size=60), _SECRETS)
def test_a_text_without_secrets_is_left_alone(text: str, secrets: list[str]) -> None:
    shown = Redactor(secrets)(text)
    assert shown == text or MASK in shown
    assert Redactor(secrets)(shown) == shown


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Invalid phone number", "Invalid phone number"),
        ("a\x00b", "a\N{REPLACEMENT CHARACTER}b"),
        ("half \ud83d", "half \N{REPLACEMENT CHARACTER}"),
        ("\ude00 half", "\N{REPLACEMENT CHARACTER} half"),
        ("\ud83d\ude00", "😀"),
        ("\ufeffmark", "\ufeffmark"),
        ("", ""),
    ],
)
def test_text_from_outside_is_made_storable(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


@given(st.text(st.characters(), max_size=60))
def test_clean_text_is_storable_anywhere_and_stays_as_it_is(raw: str) -> None:
    text = clean_text(raw)
    assert "\x00" not in text
    assert text.encode().decode() == text
    assert clean_text(text) == text
    if "\x00" not in raw and not any("\ud800" <= sign <= "\udfff" for sign in raw):
        assert text == raw
