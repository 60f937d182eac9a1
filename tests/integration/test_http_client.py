"""A channel against servers that behave and servers that don't, over real sockets on loopback."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import subprocess
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bridge.transport.client import HttpClient
from bridge.transport.message import BODY_LIMIT, Reply, Request, TransportError
from tests.world.server import CHUNKED, HEAD, OK, SECRET, Peer, Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHORT = timedelta(seconds=0.4)
LONG = timedelta(seconds=10)
HELLO = Request(b'{"hello": 1}', {"Content-Type": "application/json"})


@contextlib.contextmanager
def channel(server: Server | str, timeout: timedelta = LONG, connections: int = 1) -> Iterator[HttpClient]:
    url = server if isinstance(server, str) else server.url
    opened = HttpClient(url, timeout=timeout, connections=connections)
    try:
        yield opened
    finally:
        opened.close()


def post(server: Server | str, timeout: timedelta = LONG, request: Request = HELLO) -> Reply:
    with channel(server, timeout) as opened:
        return opened.send(request)


def failure(server: Server | str, timeout: timedelta = LONG, request: Request = HELLO) -> str:
    """Post in vain; return the words, which hold no secret, nor does the traceback that a log would show."""
    with pytest.raises(TransportError) as caught:
        post(server, timeout, request)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert SECRET not in shown
    assert "hello" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1 that nobody trusts, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "both.pem", folder / "key.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    name = ["-subj", "/CN=loopback", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", *curve, *name, "-keyout", str(key), "-out", str(made)],
        check=True,
        capture_output=True,
    )
    made.write_bytes(made.read_bytes() + key.read_bytes())
    return made


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_what_is_posted_arrives_byte_for_byte() -> None:
    body = bytes(range(256)) * 100
    with serving(OK) as server, channel(server) as opened:
        opened.send(Request(body, {"Content-Type": "x/y", "webhook-id": "evt_1"}), "/message/status/5/")
    (seen,) = server.seen
    assert seen.line == f"POST /{SECRET}/message/status/5/ HTTP/1.1"
    assert seen.body == body
    assert seen.headers["content-length"] == str(len(body))
    assert (seen.headers["content-type"], seen.headers["webhook-id"]) == ("x/y", "evt_1")


def test_an_empty_body_is_posted_with_its_length() -> None:
    with serving(OK) as server:
        post(server, request=Request(b""))
    assert server.seen[0].headers["content-length"] == "0"


def test_headers_of_the_channel_go_with_each_call_and_a_call_s_own_before_them() -> None:
    with serving(OK) as server:
        opened = HttpClient(server.url, timeout=LONG, headers={"Authorization": "Bearer a", "X-One": "1"})
        opened.send(Request(b"", {"authorization": "Bearer b"}))
        opened.send(Request(b""))
        opened.close()
    first, second = (seen.headers for seen in server.seen)
    assert (first["authorization"], first["x-one"]) == ("Bearer b", "1")
    assert second["authorization"] == "Bearer a"


@pytest.mark.parametrize("status", [200, 201, 299, 304, 400, 404, 410, 418, 429, 500, 503, 599])
def test_every_status_is_an_answer_and_no_error(status: int) -> None:
    with serving(f"HTTP/1.1 {status} Words\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n".encode()) as server:
        reply = post(server)
    assert (reply.status, reply.headers["retry-after"], reply.cut) == (status, "5", False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with serving(OK) as elsewhere:
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with serving(moved) as server:
            reply = post(server)
        assert (reply.status, reply.headers["location"]) == (status, elsewhere.url)
        assert (elsewhere.connections, len(server.seen)) == (0, 1)


def test_a_cookie_is_not_kept() -> None:
    with (
        serving(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n") as server,
        channel(server) as opened,
    ):
        opened.send(HELLO)
        opened.send(HELLO)
    assert "cookie" not in server.seen[1].headers


def test_a_compressed_answer_is_neither_asked_for_nor_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with serving(head, bomb) as server:
        assert post(server).body == bomb
    assert server.seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("start", "dripped"),
    [
        (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"),
        (HEAD, b"X-Slow: yes, very slow\r\n"),
        (HEAD + b"Content-Length: 1000\r\n\r\n", b"x" * 1000),
        (HEAD + b"\r\n", b"x" * 1000),
        (CHUNKED, b"1\r\nx\r\n" * 100),
        (CHUNKED + b"3e8\r\n", b"x" * 1000),
        (CHUNKED + b"0\r\n", b"Trailer: x\r\n" * 100),
    ],
    ids=["status line", "header", "body", "body until the end", "chunks", "chunk", "trailer"],
)
def test_an_answer_that_comes_byte_by_byte_is_cut_off_when_the_whole_takes_too_long(
    start: bytes, dripped: bytes
) -> None:
    with serving(start, then=lambda peer: peer.drip(dripped)) as server:
        started = time.monotonic()
        words = failure(server, SHORT)
        took = time.monotonic() - started
    assert words == f"no whole answer from 127.0.0.1:{server.port} within 0.4 s"
    assert 0.35 < took < 1.5


def test_an_answer_that_announces_itself_for_ever_is_cut_off() -> None:
    with serving(
        then=lambda peer: peer.flood(b"HTTP/1.1 100 Continue\r\nX-Filler: %s\r\n\r\n" % (b"x" * 900))
    ) as server:
        assert failure(server, SHORT) == f"127.0.0.1:{server.port} sends too many headers"


def test_silence_is_cut_off() -> None:
    with serving(then=lambda peer: peer.stopping.wait(5)) as server:
        assert failure(server, SHORT) == f"no whole answer from 127.0.0.1:{server.port} within 0.4 s"


@pytest.mark.slow
def test_a_byte_just_in_time_buys_no_more_of_it() -> None:
    def dawdle(peer: Peer) -> None:
        peer.stopping.wait(0.7)
        peer.send(HEAD)
        peer.stopping.wait(5)

    with serving(then=dawdle) as server:
        started = time.monotonic()
        assert failure(server, timedelta(seconds=0.8)) == f"no whole answer from 127.0.0.1:{server.port} within 0.8 s"
        assert time.monotonic() - started < 1.3


def test_a_slow_answer_that_ends_in_time_is_taken() -> None:
    with serving(HEAD + b"Content-Length: 3\r\n\r\n", then=lambda peer: peer.drip(b"abc")) as server:
        assert post(server, timedelta(seconds=2)).body == b"abc"


def test_each_call_over_a_kept_connection_has_all_of_the_time() -> None:
    late = threading.Event()

    def behave(peer: Peer) -> None:
        while server.keep(peer) is not None:
            late.wait(0.25)
            peer.send(OK)

    with Server(behave) as server, channel(server, SHORT) as opened:
        assert [opened.send(HELLO).body for _ in range(3)] == [b"ok"] * 3
    assert server.connections == 1


@pytest.mark.parametrize(
    "head",
    [HEAD + b"Content-Length: 1000000000000\r\n\r\n", HEAD + b"\r\n", CHUNKED + b"ffffffffff\r\n"],
    ids=["with a length", "without a length", "one chunk"],
)
def test_a_body_without_end_is_read_up_to_the_limit_and_the_connection_closed(head: bytes) -> None:
    closed = threading.Event()

    def flood(peer: Peer) -> None:
        try:
            peer.flood(b"x" * 65536)
        except OSError:
            closed.set()
            raise

    with serving(head, then=flood) as server, channel(server) as opened:
        reply = opened.send(HELLO)
        assert closed.wait(5)
    assert (len(reply.body), reply.cut, reply.status) == (BODY_LIMIT, True, 200)


@pytest.mark.parametrize(("size", "cut"), [(BODY_LIMIT - 1, False), (BODY_LIMIT, False), (BODY_LIMIT + 1, True)])
def test_the_limit_is_64_kib_to_the_byte(size: int, cut: bool) -> None:
    body = HEAD + b"Content-Length: %d\r\n\r\n" % size + b"x" * size
    with serving(body) as server, channel(server) as opened:
        replies = [opened.send(HELLO) for _ in range(2)]
    assert [(len(reply.body), reply.cut) for reply in replies] == [(min(size, BODY_LIMIT), cut)] * 2
    assert server.connections == (2 if cut else 1)  # what is cut closes its connection


def test_what_was_cut_off_is_not_taken_for_the_next_answer() -> None:
    with serving(HEAD + b"Content-Length: %d\r\n\r\n" % (10 * BODY_LIMIT), b"x" * 10 * BODY_LIMIT) as server:
        with channel(server) as opened:
            replies = [opened.send(HELLO) for _ in range(2)]
        assert [(reply.status, reply.cut) for reply in replies] == [(200, True)] * 2
        assert server.connections == 2


def test_many_small_chunks_are_one_body() -> None:
    with serving(CHUNKED, b"1\r\nx\r\n" * 30_000, b"0\r\n\r\n") as server, channel(server) as opened:
        assert opened.send(HELLO).body == b"x" * 30_000
        assert opened.send(HELLO).cut is False
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        HEAD,
        HEAD + b"Content-Le",
        HEAD + b"Content-Length: 100\r\n\r\nhalf",
        CHUNKED + b"ff\r\nhalf",
        CHUNKED + b"2\r\nok\r\n",
    ],
    ids=["before", "in the status", "before the headers", "in a header", "in the body", "in a chunk", "between chunks"],
)
def test_a_cut_connection_is_no_answer(answer: bytes) -> None:
    with serving(answer, then=Peer.close) as server:
        words = failure(server)
        assert words.startswith(f"127.0.0.1:{server.port} cut ")


def test_a_connection_that_is_reset_is_no_answer() -> None:
    def reset(peer: Peer) -> None:
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer._file.close()
        peer.sock.close()

    with serving(HEAD, then=reset) as server:
        assert failure(server) == f"127.0.0.1:{server.port} cut the connection"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 0 OK\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
        b"hello, I am older than HTTP/1.0",
        HEAD + b"nonsense\r\n\r\n",
        HEAD + b"X: a\0b\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\nok",
        HEAD + b"Content-Length: 1, 2\r\n\r\nab",
        CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    ],
    ids=[
        *("another protocol", "no status", "status 0", "status 999", "status 600", "status 99", "HTTP/0.9"),
        *("a header without a colon", "a NUL in a header", "a coding nobody asked for", "two lengths", "a chunk of -5"),
    ],
)
def test_what_is_no_http_is_no_answer(answer: bytes) -> None:
    with serving(answer, then=Peer.close) as server:
        assert failure(server) == f"127.0.0.1:{server.port} does not answer in HTTP"


@pytest.mark.parametrize(
    "answer",
    [HEAD + b"X-Filler: x\r\n" * 20_000 + b"\r\n", HEAD + b"X-Filler: " + b"x" * 200_000 + b"\r\n\r\n"],
    ids=["headers", "a header"],
)
def test_headers_are_bounded(answer: bytes) -> None:
    with serving(answer, then=Peer.close) as server:
        assert failure(server) == f"127.0.0.1:{server.port} sends too many headers"


@pytest.mark.parametrize("interim", [b"100 Continue", b"103 Early Hints", b"101 Switching Protocols"])
def test_an_interim_answer_is_none(interim: bytes) -> None:
    with serving(b"HTTP/1.1 %s\r\n\r\n" % interim, then=Peer.close) as server:
        assert failure(server).startswith(f"127.0.0.1:{server.port} cut ")


ODD = {
    "line feeds alone": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a length twice": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "a length as a list": HEAD + b"Content-Length: 2, 2\r\n\r\nok",
    "a length beside chunks": CHUNKED[:-2] + b"Content-Length: 9\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "a space in a header's name": HEAD + b"X Y: z\r\nContent-Length: 2\r\n\r\nok",
    "a folded header": HEAD + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "an older version's 100": b"HTTP/1.0 100 Continue\r\n\r\n" + OK,
    "an early hint": b"HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n" + OK,
    "100-continue": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "a trailer": CHUNKED + b"2\r\nok\r\n0\r\nRetry-After: 9\r\n\r\n",
}
ENDS = {
    "a coding that is none": HEAD + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
    "a space behind a header's name": HEAD + b"Content-Length : 2\r\n\r\nok",
    "no length": HEAD + b"\r\nok",
}
"""What ends with its connection only."""


@pytest.mark.parametrize("answer", [*ODD.values(), *ENDS.values()], ids=[*ODD, *ENDS])
@pytest.mark.parametrize("pieces", ["at once", "byte by byte"])
def test_odd_answer_is_taken_like_a_plain_one(answer: bytes, pieces: str) -> None:
    def behave(peer: Peer) -> None:
        while server.keep(peer) is not None:
            for piece in [answer] if pieces == "at once" else [answer[at : at + 1] for at in range(len(answer))]:
                peer.send(piece)
            if answer in ENDS.values():
                peer.close()
                return

    with Server(behave) as server, channel(server) as opened:
        replies = [opened.send(HELLO) for _ in range(2)]
    assert [(reply.status, reply.body) for reply in replies] == [(200, b"ok")] * 2
    assert not any("retry-after" in reply.headers for reply in replies)


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"2 \r\nok\r\n 0\r\n\r\n",
        CHUNKED + b"2\r\nok\r\n0\r\nnothing\r\n\r\n",
        CHUNKED + b"2\r\nok\r\n0\r\n",
        b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["spaces around a chunk's size", "a trailer that is none", "no line behind the last chunk", "another version"],
)
def test_answer_that_libcurl_refuses_is_none(answer: bytes) -> None:
    """http.client, which read odd answers before, took these."""
    with serving(answer, then=Peer.close) as server:
        assert failure(server).startswith(f"127.0.0.1:{server.port} ")


@pytest.mark.parametrize("version", [b"RTSP/1.0", b"ICE/1.0", b"HTTP/2.0"])
def test_another_protocol_s_success_is_none(version: bytes) -> None:
    with serving(version + b" 200 OK\r\nContent-Length: 0\r\n\r\n") as server:
        assert failure(server) == f"127.0.0.1:{server.port} does not answer in HTTP"


def test_a_chunk_of_minus_one_byte_does_not_fill_the_memory() -> None:
    sent = []

    def flood(peer: Peer) -> None:
        while not peer.stopping.is_set():
            peer.send(b"x" * 65536)
            sent.append(65536)

    with serving(CHUNKED + b"-1\r\n", then=flood) as server:
        assert failure(server) == f"127.0.0.1:{server.port} does not answer in HTTP"
    assert sum(sent) < 64 * 1024 * 1024  # what the two sockets buffer, and a little more


@pytest.mark.parametrize(
    "value", ["caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{HORIZONTAL ELLIPSIS}", "a\nb", "a\r\nX: b"]
)
def test_a_header_that_http_cannot_carry_is_told_without_its_value(value: str) -> None:
    with serving(OK) as server, channel(server) as opened:
        with pytest.raises(TransportError, match="look at its headers") as caught:
            opened.send(Request(b"", {"Authorization": f"{SECRET} {value}"}))
        assert SECRET not in "".join(traceback.format_exception(caught.value))
        assert opened.send(HELLO).body == b"ok"
    assert len(server.seen) == 1


def test_a_refused_connection_is_told_as_one() -> None:
    with serving() as server:
        url = server.url
    assert failure(url) == f"127.0.0.1:{server.port} refuses connections"


def test_a_host_that_does_not_answer_to_a_connection_is_given_up_after_a_third_of_the_time() -> None:
    with socket.socket() as full, contextlib.ExitStack() as fillers:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # A queue that is full drops what comes, as a firewall does.
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        port, started = full.getsockname()[1], time.monotonic()
        words = failure(f"http://127.0.0.1:{port}/{SECRET}", timedelta(seconds=0.9))
        assert words == f"no connection to 127.0.0.1:{port} within 0.3 s"
        assert time.monotonic() - started < 0.8


@pytest.mark.parametrize(
    "url", ["", "nowhere", "http://", "http://[::1/x", "http://a:99999/", "http://" + "a" * 70 + "/"]
)
def test_an_address_that_cannot_be_called_is_told_without_a_traceback(url: str) -> None:
    with pytest.raises(TransportError):
        post(url)


def test_a_name_that_does_not_resolve_is_told_as_one() -> None:
    # "invalid" never resolves (RFC 6761), with or without a network.
    assert failure(f"http://hooks.invalid/{SECRET}") == "the name of hooks.invalid cannot be resolved"


def test_connections_are_kept_and_used_again() -> None:
    with serving(OK) as server, channel(server) as opened:
        for _ in range(20):
            opened.send(HELLO)
    assert (server.connections, len(server.seen)) == (1, 20)


def test_threads_share_no_more_connections_than_there_are_threads() -> None:
    with serving(OK) as server, channel(server, connections=4) as opened, ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda number: opened.send(Request(str(number).encode())), range(200)))
    assert {reply.body for reply in replies} == {b"ok"}
    assert sorted(int(seen.body) for seen in server.seen) == list(range(200))
    assert server.connections <= 4


def test_many_answers_at_once_are_all_taken() -> None:
    """More of them than the engine looks at in one turn."""
    many = 64
    together = threading.Barrier(many)

    def answer_together(peer: Peer) -> None:
        server.keep(peer)
        together.wait(10)
        peer.send(OK)

    with (
        Server(answer_together) as server,
        channel(server, connections=many) as opened,
        ThreadPoolExecutor(many) as pool,
    ):
        replies = list(pool.map(opened.send, [HELLO] * many))
    assert [reply.body for reply in replies] == [b"ok"] * many


def test_a_kept_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    with serving(OK, then=Peer.close) as server, channel(server) as opened:
        for _ in range(3):
            assert opened.send(HELLO).body == b"ok"
            for thread in server._threads[1:]:
                thread.join(5)
    assert server.connections == 3


def test_a_failed_call_leaves_nothing_behind_for_the_next_one() -> None:
    answers = iter([HEAD + b"Content-Length: 9\r\n\r\nhalf", OK, CHUNKED + b"-5\r\n", OK, b"nonsense\r\n\r\n", OK])

    def behave(peer: Peer) -> None:
        while server.keep(peer) is not None:
            answer = next(answers)
            peer.send(answer)
            if answer != OK:
                return

    with Server(behave) as server, channel(server) as opened:
        for _ in range(3):
            with pytest.raises(TransportError):
                opened.send(HELLO)
            assert opened.send(HELLO).body == b"ok"


def test_a_certificate_that_is_not_trusted_is_refused_and_nothing_sent(tls: ssl.SSLContext) -> None:
    with serving(OK, tls=tls) as server:
        assert (
            failure(server) == f"the TLS certificate of 127.0.0.1:{server.port} is not trusted: self-signed certificate"
        )
    assert server.seen == []


def test_a_certificate_is_trusted_where_the_environment_says_so(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(OK, tls=tls) as server, channel(server) as opened:
        assert opened.send(HELLO).body == b"ok"
        assert opened.send(HELLO).body == b"ok"
        wrong_name = server.url.replace("127.0.0.1", "localhost")
        assert "is not trusted: it is for another name" in failure(wrong_name)
    assert len(server.seen) == 2


def test_the_total_holds_over_tls(tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    head = HEAD + b"Content-Length: 1000\r\n\r\n"
    with serving(head, tls=tls, then=lambda peer: peer.drip(b"x" * 1000)) as server:
        started = time.monotonic()
        assert failure(server, SHORT) == f"no whole answer from 127.0.0.1:{server.port} within 0.4 s"
        assert time.monotonic() - started < 1.5


def test_a_server_without_tls_is_told_as_one() -> None:
    with serving(then=lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        words = failure(server.url.replace("http:", "https:"), SHORT)
    assert words.startswith(("TLS with 127.0.0.1", "no ", "127.0.0.1"))


def test_a_handshake_that_hangs_is_cut_off() -> None:
    with Server(lambda peer: peer.drip(b"\x16" * 1000)) as server:
        started = time.monotonic()
        failure(server.url.replace("http:", "https:"), SHORT)
        assert time.monotonic() - started < 1.5


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(OK) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:{SECRET}@127.0.0.1:{proxy.port}")
        with channel(f"http://crm.example.com/{SECRET}") as opened:
            # Read once: what changes later does not lead a running daemon elsewhere.
            monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
            assert opened.send(HELLO).body == b"ok"
    assert proxy.seen[0].line == f"POST http://crm.example.com/{SECRET} HTTP/1.1"
    assert proxy.seen[0].headers["proxy-authorization"].startswith("Basic ")


def test_no_proxy_is_used_for_who_is_excepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(OK) as server:
        assert post(server).body == b"ok"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_does_not_work_is_told_as_one_and_not_where_it_is(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as gone:
        port = gone.port
    monkeypatch.setenv("ALL_PROXY", f"http://user:{SECRET}@127.0.0.1:{port}")
    words = failure(f"{scheme}://crm.example.com/{SECRET}")
    assert words == "the proxy on the way to crm.example.com refuses connections"


def test_tls_goes_through_a_proxy_s_tunnel_and_the_total_holds_there(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tunnel(peer: Peer) -> None:
        seen = proxy.keep(peer)
        assert seen is not None
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        peer._file.close()
        with tls.wrap_socket(peer.sock, server_side=True) as inner:
            end = Peer(inner, peer.stopping)
            proxy._peers.append(end)
            proxy.keep(end)
            end.send(OK)
            proxy.keep(end)
            end.send(HEAD + b"Content-Length: 1000\r\n\r\n")
            try:
                end.drip(b"x" * 1000)
            finally:
                end.close()

    with Server(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with channel(f"https://127.0.0.1:9/{SECRET}", SHORT) as opened:
            assert opened.send(HELLO).body == b"ok"
            started = time.monotonic()
            with pytest.raises(TransportError, match=r"no whole answer from 127\.0\.0\.1:9 within 0\.4 s"):
                opened.send(HELLO)
            assert time.monotonic() - started < 1.5
    assert [seen.line.split()[0] for seen in proxy.seen] == ["CONNECT", "POST", "POST"]


def test_a_proxy_that_answers_to_connect_byte_by_byte_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(then=lambda peer: peer.drip(b"HTTP/1.1 200 " + b"x" * 1000)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        started = time.monotonic()
        failure(f"https://crm.example.com/{SECRET}", SHORT)
        assert time.monotonic() - started < 1.5


def test_a_netrc_does_not_replace_what_was_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(OK) as server:
        post(server)
        post(server, request=Request(b"", {"Authorization": "Bearer mine"}))
    assert "authorization" not in server.seen[0].headers
    assert server.seen[1].headers["authorization"] == "Bearer mine"


def test_a_user_and_password_in_the_address_are_sent_and_never_shown() -> None:
    with serving(OK) as server:
        url = server.url.replace("127.0.0.1", f"user:{SECRET}@127.0.0.1")
        assert post(url).body == b"ok"
    assert server.seen[0].headers["authorization"].startswith("Basic ")
    assert failure(f"{url}?token={SECRET}") == f"127.0.0.1:{server.port} refuses connections"
