"""Why a call failed is one plain sentence, for every code of libcurl, and never holds what may be secret."""

from __future__ import annotations

from contextlib import suppress

import pycurl
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from bridge.transport.engine import STOPPED, Failure
from bridge.transport.errors import STOPPED_CALL, explain
from bridge.transport.message import read_head

URL = "https://user:p4ssw0rd@api.example.com:8443/s3cr3t-p4th?key=s3cr3t-k3y"
PROXY = "http://pr0xy-us3r:pr0xy-p4ss@proxy.example.com:3128"
SECRETS = ("p4ssw0rd", "s3cr3t", "pr0xy", "user", "proxy.example.com")
CODES = sorted({code for name, code in vars(pycurl).items() if name.startswith("E_") and 0 < code < 200})
TEXTS = [
    "",
    "Resolving timed out after 600 milliseconds",
    "Connection timed out after 600 milliseconds",
    "SSL connection timeout",
    "Operation timed out after 600 milliseconds with 0 bytes received",
    "Received HTTP code 407 from proxy after CONNECT: response 407",
    "CONNECT tunnel failed, response 502",
    "SSL certificate problem: certificate has expired",
    "SSL: no alternative certificate subject name matches target host name",
    "OpenSSL SSL_read: error: tlsv13 alert certificate required",
    "OpenSSL SSL_connect: SSL_ERROR_SYSCALL",
    "User was rejected by the SOCKS5 server",
    f"Could not connect to {PROXY} for {URL}",
]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("proxy", [None, PROXY, "socks5h://pr0xy-us3r:pr0xy-p4ss@proxy.example.com"])
def test_every_code_is_a_sentence_that_names_the_host_and_nothing_secret(code: int, proxy: str | None) -> None:
    for text in TEXTS:
        name, words = explain(Failure(code, text), URL, proxy, timeout=10, patience=3)
        assert issubclass(getattr(requests.exceptions, name), requests.RequestException)
        assert "api.example.com:8443" in words
        assert not [secret for secret in SECRETS if secret in words.replace("another user", "")], words
        assert "{" not in words
        assert len(words.splitlines()) == 1


def test_a_call_that_was_stopped_is_told_apart() -> None:
    assert explain(Failure(STOPPED), URL, None, timeout=10, patience=3)[0] == STOPPED_CALL


_NAME = st.text("abcdefghijklmnopqrstuvwxyz-ABC", min_size=1, max_size=12)
_VALUE = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)


@given(status=st.integers(200, 599), headers=st.dictionaries(_NAME, _VALUE, max_size=6), interim=st.integers(0, 3))
def test_head_is_read_as_it_was_written(status: int, headers: dict[str, str], interim: int) -> None:
    lines = [b"HTTP/1.1 103 Early Hints\r\n", b"Link: </a>\r\n", b"\r\n"] * interim
    lines += [b"HTTP/1.1 %d Some Words\r\n" % status]
    lines += [f"{name}: {value}\r\n".encode() for name, value in headers.items()]
    read, reason, found = read_head([*lines, b"\r\n", b"Trailer: x\r\n"])
    assert (read, reason) == (status, "Some Words")
    assert {name.lower(): value for name, value in found.items()} == {
        name.lower(): value for name, value in headers.items()
    }
    with pytest.raises(ValueError, match="cut its answer"):
        read_head(lines)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_whatever_comes_is_read_or_refused_in_words(lines: list[bytes]) -> None:
    status = 200
    with suppress(ValueError):
        status, _, _ = read_head(lines)
    assert 200 <= status <= 599


@pytest.mark.parametrize(
    "line", [b"HTTP/1.1 099 x\r\n", b"HTTP/1.1 600 x\r\n", b"HTTP/0.9 200 x\r\n", b"ICY 200 OK\r\n"]
)
def test_what_is_no_status_of_http_1_is_no_answer(line: bytes) -> None:
    with pytest.raises(ValueError, match="does not answer in HTTP"):
        read_head([line, b"\r\n"])
