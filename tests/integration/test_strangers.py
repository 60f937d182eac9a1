"""What a client does wrong over HTTP is refused and counted, and is no line of the log. The real daemon."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bridge.server.connection import LARGEST_HEAD
from tests.world.daemon import Daemon, account, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.simulator.api import Simulator

HOST = b"Host: localhost\r\n"
CHUNKED = HOST + b"Transfer-Encoding: chunked\r\n"
TOKEN = "token-0123456789abcdef"
SHOWN = f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n".encode()
BAD_CHUNK = b"\r\nzz\r\n{}\r\n0\r\n\r\n"
TARGETS = (b"/deliveries/retry", b"/hooks/wbiztool", b"/v1/messages", b"/v1/deliveries/retry", b"/nowhere", b"/")

BROKEN = (
    *(b"POST " + target + b" HTTP/1.1\r\n" + CHUNKED + SHOWN + BAD_CHUNK for target in TARGETS),
    *(b"POST " + target + b" HTTP/1.1\r\n" + CHUNKED + BAD_CHUNK for target in TARGETS),
    b"POST /v1/messages HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    b"POST /v1/messages HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/messages HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n{}",
    b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
    b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /%ff%00%1b HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v1/messages?cursor=%ff&limit=" + b"9" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS hello
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x00" * 100,
    b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
    b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST /hooks/wbiztool HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nhalf",  # and it goes
    b"GET / HTTP/1.1\r\n" + HOST + b"\r\nGET / HTTP/1.1\r\n\x01: x\r\n\r\n",  # well, and then not
)


@pytest.fixture
def daemon(tmp_path: Path, simulator: Simulator) -> Iterator[Daemon]:
    settings: dict[str, Any] = {"wbiztool": account(simulator), "database": "sqlite:///bridge.db"}
    settings |= {"receivers": [{"name": "crm", "webhook": "http://127.0.0.1:9/"}]}
    write_config(tmp_path, {**settings, "http": {"listen": "127.0.0.1:0", "token": TOKEN}})
    with Daemon(tmp_path) as running:
        running.wait_until_ready()
        yield running


def address(daemon: Daemon) -> str:
    until(lambda: '"started"' in daemon.log().rpartition("\n")[0])
    started = next(line for line in daemon.log().splitlines() if '"started"' in line)
    return str(json.loads(started)["http"])


def send(daemon: Daemon, sent: bytes, *, leave: bool = True) -> bytes:
    """Send these bytes in one go, close our half, and read what comes until the connection is closed."""
    host, _, port = address(daemon).removeprefix("http://").rpartition(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(sent)
        if leave:
            client.shutdown(socket.SHUT_WR)
        try:
            while part := client.recv(65536):
                answer += part
        except ConnectionResetError:  # it has not read all that we sent
            pass
    return answer


def answers(daemon: Daemon) -> dict[str, int]:
    metrics = requests.get(f"{address(daemon)}/metrics", timeout=20).text
    return {name: int(count) for name, count in re.findall(r'http_requests_total\{answer="(\dxx)"\} (\d+)', metrics)}


def test_broken_requests_are_counted_and_not_logged(daemon: Daemon) -> None:
    before = len(daemon.log().splitlines())
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda sent: send(daemon, sent), BROKEN * 5))
    for sent, answer in zip(BROKEN * 5, got, strict=True):
        assert not answer.startswith(b"HTTP/1.1 5"), (sent[:200], answer)
    until(lambda: answers(daemon)["4xx"] >= 5 * (len(BROKEN) - 3))
    assert answers(daemon)["5xx"] == 0
    assert [line for line in daemon.log().splitlines()[before:] if '"level": "error"' in line] == []
    assert requests.get(f"{address(daemon)}/healthz", timeout=10).status_code == 200


@pytest.mark.parametrize("order", [1, -1])
def test_two_lengths_close_the_connection(daemon: Daemon, order: int) -> None:
    """Content-Length beside Transfer-Encoding (RFC 9112, 6.1): what follows is never read as another request."""
    lengths = [b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n"][::order]
    smuggled = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    head = b"POST /hooks/wbiztool HTTP/1.1\r\n" + HOST + b"".join(lengths)
    answer = send(daemon, head + b"\r\n0\r\n\r\n" + smuggled, leave=False)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("more", [-200, 1])
def test_head_in_one_send_is_bounded(daemon: Daemon, more: int) -> None:
    head = b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: " + b"x" * (LARGEST_HEAD + more) + b"\r\n\r\n"
    assert send(daemon, head).startswith(b"HTTP/1.1 200 " if more < 0 else b"HTTP/1.1 400 ")
