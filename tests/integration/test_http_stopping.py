"""Calls end soon after a stop, whatever they wait for; SOCKS proxies, and the adapter in a session of requests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests

from bridge.domain.settings.tls import Tls
from bridge.transport.adapter import CurlAdapter
from bridge.transport.bundle import Bundle
from bridge.transport.client import HttpClient
from bridge.transport.message import Request, StoppedError, TransportError
from tests.world.server import HEAD, OK, Peer, Server, serving
from tests.world.socks import SocksProxy
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELLO = Request(b"hello")
LONG = timedelta(seconds=60)


@contextlib.contextmanager
def full(address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port whose queue is full: it drops what comes, as a firewall does."""
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def stopped_after(url: str) -> float:
    """Begin a call, close its client once it is under way, and return how long the call went on, in seconds."""
    client = HttpClient(url, timeout=LONG, proxy=False)
    ended: list[float] = []

    def call() -> None:
        with pytest.raises(StoppedError):
            client.send(HELLO)
        ended.append(time.monotonic())

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    client.close()
    thread.join(10)
    with pytest.raises(StoppedError):
        client.send(HELLO)
    return ended[0] - began


def test_stop_ends_connecting() -> None:
    with full() as port:
        assert stopped_after(f"http://127.0.0.1:{port}/") < 0.5


def test_stop_ends_tls_handshake() -> None:
    with Server(lambda peer: peer.stopping.wait(20)) as server:
        assert stopped_after(f"https://127.0.0.1:{server.port}/") < 0.5


def test_stop_ends_waiting_for_an_answer() -> None:
    with serving(then=lambda peer: peer.stopping.wait(20)) as server:
        assert stopped_after(server.url) < 0.5


def test_stop_ends_reading_an_answer() -> None:
    with serving(HEAD + b"Content-Length: 9\r\n\r\n", then=lambda peer: peer.stopping.wait(20)) as server:
        assert stopped_after(server.url) < 0.5


HANGING_RESOLVER = """
import threading, time
from datetime import timedelta
from bridge.transport.client import HttpClient
from bridge.transport.message import Request, StoppedError, TransportError

def failure(client):
    began = time.monotonic()
    try:
        client.send(Request(b""))
    except TransportError as error:
        return str(error), type(error), time.monotonic() - began

short = HttpClient("http://hangs.example.com/s3cr3t", timeout=timedelta(seconds=0.6), proxy=False)
words, _, took = failure(short)
assert words == "the name of hangs.example.com cannot be resolved: no answer within 0.6 s", words
assert took < 2, took
long = HttpClient("http://hangs.example.com/", timeout=timedelta(seconds=60), proxy=False)
threading.Timer(0.3, long.close).start()
words, kind, took = failure(long)
assert kind is StoppedError, words
assert took < 0.8 + 0.5, took
short.close()
"""


@pytest.fixture
def hanging_resolver(tmp_path: Path) -> Iterator[list[str]]:
    """How to begin a command on a machine whose name server never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind(("127.0.0.77", 53))
        except OSError:
            pytest.skip("not on this platform: only root may be a name server")
        (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.77\n")
        mount = f'mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && exec "$@"'
        yield ["unshare", "--mount", "sh", "-c", mount, "sh"]


@pytest.mark.slow
def test_hanging_resolver_is_bounded_and_holds_up_no_end(hanging_resolver: list[str]) -> None:
    """Freeing what looks up a name blocks until the resolver gives up, ten seconds here: nobody waits for that."""
    began = time.monotonic()
    done = subprocess.run(
        [*hanging_resolver, sys.executable, "-c", textwrap.dedent(HANGING_RESOLVER)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began < 9


@pytest.mark.chaos
def test_daemon_ends_in_time_with_a_hanging_resolver(hanging_resolver: list[str], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "wbiztool: {client_id: 1, api_key: key, base_url: https://hangs.example.com/api, timeout: 60s}\n"
        "messages: [1, 2, 3]\nhttp: off\ndatabase: sqlite:///bridge.db\n"
        "receivers: [{name: crm, webhook: https://hangs.example.com/hook?token=x, timeout: 60s}]\n"
    )
    environ = {key: value for key, value in os.environ.items() if not key.startswith("WBIZ")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*hanging_resolver, sys.executable, "-m", "bridge", "run"],
            cwd=tmp_path,
            stdout=log,
            stderr=log,
            env={**environ, "no_proxy": "*"},
        )
        try:
            until(lambda: "started" in (tmp_path / "log").read_text(), seconds=40)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert process.wait(20) == 0, (tmp_path / "log").read_text()
            assert time.monotonic() - began < 6
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("kind", ["socks5", "socks5h"])
@pytest.mark.parametrize("credentials", ["", "bridge:gr%C3%BC%C3%9Fe"])
def test_socks_proxy_leads_to_the_host(kind: str, credentials: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(OK) as server, SocksProxy("bridge:grüße" if credentials else "") as proxy:
        # What is resolved here may come to ::1 first, of which the server knows nothing.
        url = server.url.replace("127.0.0.1", "localhost") if kind == "socks5h" else server.url
        address = f"{kind}://{credentials}{'@' if credentials else ''}{proxy.address}"
        with contextlib.closing(HttpClient(url, timeout=LONG, proxy=address)) as client:
            assert [client.send(HELLO).body for _ in range(2)] == [b"ok"] * 2
        assert proxy.asked == ["localhost" if kind == "socks5h" else "127.0.0.1"]
        monkeypatch.setenv("ALL_PROXY", address)
        for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        with contextlib.closing(HttpClient(url, timeout=LONG)) as client:
            assert client.send(HELLO).body == b"ok"
        assert len(proxy.asked) == 2


def test_socks_proxy_that_refuses_is_told_as_one() -> None:
    def failure(address: str, url: str) -> str:
        with contextlib.closing(HttpClient(url, timeout=LONG, proxy=address)) as client:
            with pytest.raises(TransportError) as caught:
                client.send(HELLO)
            return str(caught.value)

    with serving() as server:
        gone = server.port
    with SocksProxy("bridge:right") as proxy:
        url = f"http://127.0.0.1:{gone}/s3cr3t"
        words = failure(f"socks5://bridge:wrong@{proxy.address}", url)
        assert words == f"the proxy on the way to 127.0.0.1:{gone} wants another user and password"
        words = failure(f"socks5://bridge:right@{proxy.address}", url)
        assert words == f"the proxy on the way to 127.0.0.1:{gone} does not connect to it: connection refused"
    assert failure(f"socks5://{proxy.address}", url) == f"the proxy on the way to 127.0.0.1:{gone} refuses connections"


def test_session_of_requests_can_mount_the_adapter() -> None:
    adapter = CurlAdapter(timeout=5, connections=1, tls=Tls(), bundle=Bundle({}), proxy=None)
    with serving(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\nok"
    ) as server:
        with requests.Session() as session:
            session.trust_env = False
            session.mount("http://", adapter)
            response = session.post(server.url, data={"a": "b"}, timeout=(2, 3))
            assert (response.status_code, response.text, response.reason) == (200, "ok", "OK")
            assert session.get(server.url).content == b"ok"
        assert server.seen[0].body == b"a=b"
        assert [seen.line.split()[0] for seen in server.seen] == ["POST", "GET"]


def test_early_answer_is_taken_while_the_body_is_still_being_sent() -> None:
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    def answer_at_once(peer: Peer) -> None:
        peer.send(early)
        peer.stopping.wait(1)

    with (
        Server(answer_at_once) as server,
        contextlib.closing(HttpClient(server.url, timeout=LONG, proxy=False)) as client,
    ):
        assert client.send(Request(b"x" * 8_000_000)).status == 413


DEAD_ADDRESSES = """
import sys, time
from datetime import timedelta
from bridge.transport.client import HttpClient
from bridge.transport.message import Request

client = HttpClient(f"http://many.example.com:{sys.argv[1]}/", timeout=timedelta(seconds=10), proxy=False)
began = time.monotonic()
assert client.send(Request(b"hello")).body == b"ok"
print(time.monotonic() - began)
client.close()
"""


@pytest.mark.slow
def test_host_is_reached_behind_three_addresses_that_drop_what_comes(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("not on this platform: only root may name hosts")
    # The system sorts addresses by what they have in common with the one that they are called from, 127.0.0.1.
    dead, good = ("127.0.0.1", "127.0.0.2", "127.0.0.4"), "127.0.0.200"
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving(OK, host=good))
        for address in dead:
            stack.enter_context(full(address, server.port))
        names = "".join(f"{address} many.example.com\n" for address in (*dead, good))
        (tmp_path / "hosts").write_text(names)
        mount = f'mount --bind {tmp_path}/hosts /etc/hosts && exec "$@"'
        line = ["unshare", "--mount", "sh", "-c", mount, "sh", sys.executable, "-c", DEAD_ADDRESSES, str(server.port)]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert 0.3 < float(done.stdout) < 2, "the dead ones were tried, and did not take long"


def test_connection_that_died_while_idle_costs_no_call() -> None:
    """libcurl makes the call again over a new connection where the old one was dead before it answered anything."""
    calls: list[bytes] = []

    def once(peer: Peer) -> None:
        seen = peer.request()
        assert seen is not None
        calls.append(seen.body)
        peer.send(OK)  # and the connection is closed, which nobody was told before

    with Server(once) as server, contextlib.closing(HttpClient(server.url, timeout=LONG, proxy=False)) as client:
        for number in range(5):
            assert client.send(Request(b"%d" % number)).body == b"ok"
    assert calls == [b"0", b"1", b"2", b"3", b"4"]
