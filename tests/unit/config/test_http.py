"""Where the daemon answers over HTTP: by itself to this machine only, and to others with a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.models import Config, HttpConfig
from bridge.domain.settings.listen_address import Listen, parse_listen
from tests.unit.config.world import ENVIRON, LEAST, Folder

if TYPE_CHECKING:
    import ipaddress

TOKEN = "token-0123456789abcdef"
OTHERS = "other machines can reach this address: set http.token_file (or token) too, or listen on 127.0.0.1"


def with_http(text: str) -> str:
    return f"{LEAST}    http: {text}\n"


def http_of(config: Config) -> HttpConfig:
    assert config.http is not None
    return config.http


def test_by_itself_it_listens_to_this_machine_only(folder: Folder) -> None:
    loaded = folder.load(LEAST)
    assert loaded.http == HttpConfig()
    assert (str(http_of(loaded).listen), http_of(loaded).token) == ("127.0.0.1:8095", None)


def test_it_can_be_switched_off(folder: Folder) -> None:
    loaded = folder.load(with_http("off"))
    assert loaded.http is None


@pytest.mark.parametrize("text", ["", "{}", f"{{token: {TOKEN}}}"])
def test_without_an_address_it_is_the_usual_one(folder: Folder, text: str) -> None:
    loaded = folder.load(with_http(text))
    assert http_of(loaded).listen == Listen("127.0.0.1", 8095)


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("127.0.0.1:8095", Listen("127.0.0.1", 8095)),
        ("127.0.0.2:1", Listen("127.0.0.2", 1)),
        ("'[::1]:0'", Listen("::1", 0)),
        ("localhost:65535", Listen("localhost", 65535)),
        ("LocalHost:80", Listen("LocalHost", 80)),
    ],
)
def test_addresses_of_this_machine_need_no_token(folder: Folder, text: str, listen: Listen) -> None:
    loaded = folder.load(with_http(f"{{listen: {text}}}"))
    assert http_of(loaded).listen == listen


@pytest.mark.parametrize(
    "text", ["0.0.0.0:8095", "'[::]:8095'", "192.168.1.5:80", "bridge.example.com:80", "localhost.evil.com:80", "0:80"]
)
def test_addresses_that_others_reach_need_a_token(folder: Folder, text: str) -> None:
    (fault,) = folder.faults(with_http(f"{{listen: {text}}}"))
    assert fault == f"config.yaml:4:16: http.listen: {OTHERS}"
    loaded = folder.load(with_http(f"{{listen: {text}, token: {TOKEN}}}"))
    assert str(http_of(loaded).listen) == text.strip("'")


def test_the_token_is_a_secret_and_may_stand_in_a_file(folder: Folder) -> None:
    folder.write(f"{TOKEN}\n", "http-token")
    loaded = folder.load(with_http("{listen: '0.0.0.0:80', token_file: http-token}"))
    token = http_of(loaded).token
    assert token is not None
    assert token.get_secret_value() == TOKEN
    assert TOKEN in loaded.secrets()
    assert TOKEN not in repr(loaded)
    assert folder.path / "http-token" in loaded.sources.files


def test_a_token_that_cannot_be_read_is_told_once(folder: Folder) -> None:
    (fault,) = folder.faults(with_http("{listen: '0.0.0.0:80', token_file: nowhere}"))
    assert fault == "config.yaml:4:42: http.token_file: the secret cannot be read: no such file (nowhere)"


@pytest.mark.parametrize("token", ["short", "with a space in it", "token-with-ü-0123456789", "x" * 15])
def test_a_token_that_no_header_carries_or_that_is_soon_guessed_is_refused(folder: Folder, token: str) -> None:
    (fault,) = folder.faults(with_http("{token: '${TOKEN}'}"), {**ENVIRON, "TOKEN": token})
    assert fault.startswith("config.yaml:4:15: http.token: not usable as a token (allowed: 16 and more of ")
    assert "`openssl rand -hex 32` makes one" in fault
    assert token not in fault


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("':8095'", "the address before the port is missing (allowed: host:port, e.g. 127.0.0.1:8095"),
        ("8095", "not an address with a port"),
        ("127.0.0.1", "not an address with a port"),
        ("'127.0.0.1:'", "not an address with a port"),
        ("localhost:http", "not an address with a port"),
        ("'127.0.0.1:-1'", "not an address with a port"),
        ("'127.0.0.1:\\u0661'", "not an address with a port"),
        ("127.0.0.1:65536", "the port is out of range (allowed: 1 to 65535, or 0 for any that is free)"),
        (f"127.0.0.1:{'9' * 5000}", "the port is out of range"),
        ("'::1:8095'", "an IPv6 address is written in brackets"),
        ("'[::1'", "not the name or address of a host"),
        ("'[localhost]:80'", "what is in brackets is not an IPv6 address"),
        ("'*:80'", "not the name or address of a host"),
        ("http://127.0.0.1:80", "not the name or address of a host"),
        ("'unix/socket:80'", "not the name or address of a host"),
        ("[a, b]", "not an address with a port"),
    ],
)
def test_what_is_no_address_is_told_with_what_is_one(folder: Folder, text: str, what: str) -> None:
    (fault,) = folder.faults(with_http(f"{{listen: {text}}}"))
    assert fault.startswith(f"config.yaml:4:16: http.listen: {what}")


@pytest.mark.parametrize("text", ["8095", "on", "127.0.0.1:8095", "[]"])
def test_what_is_neither_keys_nor_off_is_told_so(folder: Folder, text: str) -> None:
    (fault,) = folder.faults(with_http(text))
    assert fault == 'config.yaml:4:7: http: must be a section, for example `http: {listen: "127.0.0.1:8095"}`, or off'


@given(address=st.ip_addresses(), port=st.integers(0, 65535))
def test_every_address_survives_being_written_and_read(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    listen = Listen(str(address), port)
    assert parse_listen(str(listen)) == listen
    assert listen.loopback == address.is_loopback


@given(text=st.text(alphabet="0123456789.:[]%ahlost-_ \u0661é", max_size=20))
def test_whatever_is_written_is_an_address_or_refused_with_what_is_one(text: str) -> None:
    try:
        listen = parse_listen(text)
    except ValueError:
        with pytest.raises(ValueError, match="allowed: "):
            parse_listen(text)
    else:
        assert parse_listen(str(listen)) == listen


@pytest.mark.parametrize(
    ("text", "origin", "prefix"),
    [
        ("https://bridge.example.com/wa", "https://bridge.example.com", "/wa"),
        ("https://Bridge.Example.com:443/", "https://bridge.example.com", ""),
        ("http://10.0.0.1:8080/a/b-c_d.e/", "http://10.0.0.1:8080", "/a/b-c_d.e"),
        ("'https://[2001:db8::1]:444'", "https://[2001:db8::1]:444", ""),
    ],
)
def test_a_reverse_proxy_is_named_by_the_address_that_browsers_see(
    folder: Folder, text: str, origin: str, prefix: str
) -> None:
    external = http_of(folder.load(with_http(f"{{external_url: {text}, token: {TOKEN}}}"))).external_url
    assert external is not None
    assert (external.origin, external.prefix, str(external)) == (origin, prefix, origin + prefix)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("bridge.example.com", "not a usable address"),
        ("ftp://bridge.example.com", "not a usable address"),
        ("https://bridge.example.com:99999", "not a usable address"),
        ("https://user@bridge.example.com", "must be an address without user"),
        ("https://bridge.example.com/?a=b", "must be an address without user"),
        ("https://bridge.example.com/a%20b", "its path may hold letters"),
        ("https://bridge.example.com/a/../b", "its path may hold letters"),
        ("https://bridge.example.com/v1", "its path must not begin with /v1"),
        ("https://bridge.example.com/docs", "its path must not begin with /docs"),
    ],
)
def test_what_is_no_address_of_a_proxy_is_refused(folder: Folder, text: str, what: str) -> None:
    (fault,) = folder.faults(with_http(f"{{external_url: '{text}', token: {TOKEN}}}"))
    assert fault.startswith(f"config.yaml:4:22: http.external_url: {what}")


def test_through_a_proxy_others_reach_the_bridge_so_that_it_needs_a_token(folder: Folder) -> None:
    (fault,) = folder.faults(with_http("{external_url: 'https://bridge.example.com'}"))
    assert fault == (
        "config.yaml:4:22: http.external_url: other machines can reach this address: set http.token_file (or token) too"
    )


def test_the_token_of_the_hook_is_a_secret_that_stands_in_urls(folder: Folder) -> None:
    folder.write(f"{TOKEN}\n", "hook-token")
    loaded = folder.load(with_http("{hook_token_file: hook-token, hook_watch: on}"))
    assert http_of(loaded).hook_watch
    assert TOKEN in loaded.secrets()
    assert TOKEN not in repr(loaded)
    (fault,) = folder.faults(with_http("{hook_token: 'not/in-a-url-0123456789'}"))
    assert fault.startswith("config.yaml:4:20: http.hook_token: not usable in a URL (allowed: 16 and more of ")


def test_one_token_for_the_hook_and_the_api_is_warned_of(folder: Folder) -> None:
    (warning,) = folder.load(with_http(f"{{token: {TOKEN}, hook_token: {TOKEN}}}")).warnings()
    assert warning.startswith("http.hook_token is the same as http.token")
    assert TOKEN not in warning
    assert folder.load(with_http(f"{{token: {TOKEN}, hook_token: another-{TOKEN}}}")).warnings() == ()
