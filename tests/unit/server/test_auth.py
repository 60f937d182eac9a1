"""Who may ask for what: the rules by themselves."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from bridge.domain.settings.external_url import parse_external
from bridge.server.auth import HOOK, Access, same

PROXIED = Access("127.0.0.1", "t" * 16, parse_external("https://bridge.example.com/wa"))


@pytest.mark.parametrize(
    ("access", "method", "path", "needed"),
    [
        (Access(), "GET", "/v1/messages", False),
        (Access("::1"), "HEAD", "/metrics", False),
        (Access(), "POST", "/v1/messages", True),
        (Access(), "DELETE", "/", True),
        (Access(), "PURGE", "/v1/messages", True),
        (Access("0.0.0.0"), "GET", "/v1/messages", True),
        (Access("bridge.example.com"), "GET", "/", True),
        (Access("0.0.0.0"), "GET", "/healthz", False),
        (Access("0.0.0.0"), "GET", "/healthz/", True),
        (PROXIED, "GET", "/v1/messages", True),
        (PROXIED, "GET", "/healthz", False),
        (Access("0.0.0.0"), "POST", HOOK, False),
        (Access("0.0.0.0"), "POST", f"{HOOK}/token", False),
        (Access("0.0.0.0"), "POST", f"{HOOK}s", True),
    ],
)
def test_the_token_is_needed_to_change_something_and_for_all_where_others_can_ask(
    access: Access, method: str, path: str, needed: bool
) -> None:
    assert access.needs_token(method, path) == needed


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:8095"}, True),
        ({"origin": "https://bridge.example.com"}, True),
        ({"origin": "http://bridge.example.com"}, False),
        ({"origin": "https://bridge.example.com.evil.example"}, False),
        ({"origin": "https://bridge.example.com:444"}, False),
        ({"origin": "http://127.0.0.1:8096"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://[::1"}, False),
        ({"origin": ""}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:8095"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8095"}, True),
    ],
)
def test_only_programs_and_own_pages_may_change_something(headers: dict[str, str], own: bool) -> None:
    assert PROXIED.is_own_page(Headers({"host": "127.0.0.1:8095", **headers})) == own


def test_tokens_are_the_same_or_not_whatever_they_hold() -> None:
    assert same("abc", "abc")
    assert not any(same(given, "abc") for given in ("", "ab", "abcd", "ü", "\udcff", "ABC"))
