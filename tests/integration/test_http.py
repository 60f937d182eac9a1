"""The HTTP server on a real socket: what it answers, whom it refuses, and that no client holds it up."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import requests

from bridge.daemon import logs
from bridge.domain.check import Check
from bridge.domain.errors import NotNowError
from bridge.domain.health import Health
from bridge.server import connection
from bridge.server.app import make_app
from bridge.server.auth import Access
from bridge.server.server import HttpServer
from bridge.server.tcp import TcpPlace
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

TOKEN = "token-0123456789abcdef"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
WELL = Health({"database": Check()})
ILL = Health({"database": Check(), "source": Check(ok=False, why="WbizTool's status API is down")})
BIG = b"x" * 32_000_000
"""More than the system buffers for a client that takes nothing."""


class Serve(Protocol):
    """Starts a server and gives it."""

    def __call__(
        self,
        health: Callable[[], Health] = ...,
        metrics: Callable[[str], tuple[bytes, str]] = ...,
        *,
        host: str = ...,
        ready: Callable[[], bool] = ...,
        listen_host: str | None = ...,
        token: str | None = ...,
    ) -> HttpServer: ...


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers; at the end they stop, and leave no thread."""
    with ExitStack() as stack:

        def start(
            health: Callable[[], Health] = lambda: WELL,
            metrics: Callable[[str], tuple[bytes, str]] = lambda accept: (accept.encode(), "text/plain; version=0.0.4"),
            *,
            host: str = "127.0.0.1",
            ready: Callable[[], bool] = lambda: True,
            listen_host: str | None = None,
            token: str | None = None,
        ) -> HttpServer:
            access = Access(listen_host or host, token)
            server = HttpServer(make_app(health, metrics, ready=ready, access=access), TcpPlace(host, 0))
            server.start()
            stack.callback(server.stop, 1)
            return server

        yield start
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "http"])


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server have less patience, and take fewer clients."""
    monkeypatch.setattr(connection, "PATIENCE", 0.3)
    monkeypatch.setattr(connection, "HTTP_CONNECTIONS", 8)


def url(server: HttpServer, path: str = "") -> str:
    host, port = server.address
    return f"http://[{host}]:{port}{path}" if ":" in host else f"http://{host}:{port}{path}"


def get(server: HttpServer, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url(server, path), headers=headers, timeout=5)


def raw(server: HttpServer, sent: bytes = b"") -> socket.socket:
    client = socket.create_connection(server.address, timeout=5)
    client.sendall(sent)
    return client


def everything(client: socket.socket) -> bytes:
    """Read until the server ends the connection, in whichever manner."""
    received = b""
    with client, suppress(ConnectionError):
        while part := client.recv(65536):
            received += part
    return received


def seconds_to_stop(server: HttpServer) -> float:
    started = time.monotonic()
    server.stop(0.9)
    return time.monotonic() - started


def fail() -> Any:
    raise AssertionError("nobody asked for that")


def test_alive_is_said_without_a_look_at_anything(serve: Serve) -> None:
    answer = get(serve(fail, lambda _: fail()), "/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_ready_says_only_whether_it_can_serve(serve: Serve) -> None:
    can = [True]
    server = serve(lambda: ILL, ready=lambda: can[0])
    assert (get(server, "/readyz").status_code, get(server, "/readyz").text) == (200, "ready\n")
    can[0] = False
    assert (get(server, "/readyz").status_code, get(server, "/readyz").text) == (503, "not ready\n")


@pytest.mark.parametrize(("health", "status"), [(WELL, 200), (ILL, 503)])
def test_health_is_said_with_every_check(serve: Serve, health: Health, status: int) -> None:
    answer = get(serve(lambda: health), "/health")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json() == health.as_json()


def test_metrics_come_in_the_form_that_was_asked_for(serve: Serve) -> None:
    answer = get(serve(), "/metrics", {"Accept": "application/openmetrics-text"})
    assert answer.text == "application/openmetrics-text"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/health", "/metrics"])
def test_monitors_may_ask_for_the_head_alone(serve: Serve, path: str) -> None:
    server = serve()
    head, whole = get(server, path, method="HEAD"), get(server, path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]


@pytest.mark.parametrize(
    ("method", "path", "problem"),
    [
        ("GET", "/nothing", {"title": "Not Found", "status": 404, "detail": "there is no /nothing"}),
        ("GET", "/healthz/", {"title": "Not Found", "status": 404, "detail": "there is no /healthz/"}),
        ("GET", "/redoc", {"title": "Not Found", "status": 404, "detail": "there is no /redoc"}),
        ("POST", "/health", {"title": "Method Not Allowed", "status": 405}),
    ],
)
def test_what_there_is_not_is_told_as_a_problem(serve: Serve, method: str, path: str, problem: dict[str, Any]) -> None:
    answer = get(serve(token=TOKEN), path, SHOWN, method)
    assert answer.status_code == problem["status"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type": "about:blank", **problem}.items() <= answer.json().items()
    if answer.status_code == 405:
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_a_fault_of_a_handler_is_logged_without_secrets_and_not_shown(
    serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", "json", [TOKEN])

    def health() -> Health:
        url_with_secret = f"https://example.com/{TOKEN}"
        raise RuntimeError(f"cannot reach {url_with_secret}")

    server = serve(health)
    answer = get(server, "/health")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "a fault of the bridge; its log says more",
    }
    logs.close()
    (line,) = capfd.readouterr().err.splitlines()
    logged = json.loads(line)
    assert (logged["event"], logged["fault"], logged["path"]) == ("http_internal_error", "RuntimeError", "/health")
    assert logged["why"] == "cannot reach https://example.com/***"
    assert logged["at"].endswith(" health")
    assert TOKEN not in line + answer.text
    assert get(server, "/healthz").status_code == 200


OURS = ("localhost", "localhost:8095", "LOCALHOST", "127.0.0.1:1", "127.8.9.1", "[::1]:8095", "Bridge.example:80")
OTHERS = (
    *("evil.example", "localhost.evil.example", "evil.example:8095", "127.0.0.1.evil.example", "192.168.1.5"),
    *("localhost.", "[::2]", "0.0.0.0", "2130706433"),
)


def test_requests_for_this_machine_or_the_host_it_listens_at_are_answered(serve: Serve) -> None:
    server = serve(listen_host="bridge.EXAMPLE", token=TOKEN)
    for host in OURS:
        assert get(server, "/health", {"Host": host, **SHOWN}).status_code == 200, host


def test_requests_for_others_are_refused(serve: Serve) -> None:
    server = serve(fail)
    for host in OTHERS:
        answer = get(server, "/health", {"Host": host})
        assert answer.status_code == 421, host
        assert answer.json()["detail"] == "the header Host names another server: ask for localhost or 127.0.0.1"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/health"])
def test_probe_without_host_is_answered(serve: Serve, path: str) -> None:
    """As haproxy asks with `option httpchk GET /healthz`."""
    answer = everything(raw(serve(), f"GET {path} HTTP/1.0\r\n\r\n".encode()))
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_name_any_host(serve: Serve, path: str) -> None:
    server = serve(fail)
    for host in (*OURS, *OTHERS):
        assert get(server, path, {"Host": host}).status_code == 200, host


def test_http_1_1_without_host_is_refused(serve: Serve) -> None:
    """RFC 9112, 3.2: a server must."""
    answer = everything(raw(serve(fail), b"GET /health HTTP/1.1\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "headers", [b"Host: localhost\r\nHost: evil.example\r\n", b"Host: a@localhost\r\n", b"Host: localhost:x\r\n"]
)
def test_request_with_two_hosts_or_none_that_is_one_is_refused(serve: Serve, headers: bytes) -> None:
    answer = everything(raw(serve(fail), b"GET /health HTTP/1.0\r\n" + headers + b"\r\n"))
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_where_it_listens_at_every_address_any_name_may_be_asked_for(serve: Serve) -> None:
    server = serve(listen_host="0.0.0.0", token=TOKEN)
    asked = {"Host": "bridge.example", "Authorization": f"Bearer {TOKEN}"}
    assert get(server, "/health", asked).status_code == 200


def test_pages_of_others_get_no_permission_to_read(serve: Serve) -> None:
    server = serve()
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for answer in (get(server, "/health", asked), get(server, "/health", asked, method="OPTIONS")):
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_with_the_token_all_is_answered(serve: Serve) -> None:
    server = serve(listen_host="0.0.0.0", token=TOKEN)
    for path in ("/healthz", "/readyz", "/health", "/metrics"):
        for scheme in ("Bearer", "bearer"):
            assert get(server, path, {"Authorization": f"{scheme} {TOKEN}"}).status_code == 200


def test_without_the_token_only_probes_are_answered(serve: Serve) -> None:
    server = serve(fail, listen_host="0.0.0.0", token=TOKEN)
    for shown in (None, "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer ü"):
        headers = {"Authorization": shown} if shown is not None else {}
        for path in ("/health", "/metrics", "/nothing"):
            answer = get(server, path, headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), shown
            assert answer.json()["title"] == "Unauthorized"
            assert TOKEN not in answer.text
        for path in ("/healthz", "/readyz"):
            assert get(server, path, headers).status_code == 200


@pytest.mark.usefixtures("hurried")
def test_clients_that_say_nothing_keep_nobody_out(serve: Serve) -> None:
    server = serve()
    with ExitStack() as stack:
        for sent in (b"", b"GET /health HTTP/1.1\r\nHost: loc") * 20:
            stack.enter_context(raw(server, sent))
        for _ in range(3):
            assert get(server, "/health").status_code == 200
        until(lambda: len(server._server.server_state.connections) <= 8)
        assert seconds_to_stop(server) < 1


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"GET "])
def test_a_client_that_never_ends_its_request_is_cut(serve: Serve, sent: bytes) -> None:
    client = raw(serve(), sent)
    started = time.monotonic()
    with suppress(ConnectionError):
        while time.monotonic() < started + 5:
            if sent:
                client.sendall(b"x")
            client.settimeout(0.05)
            with suppress(TimeoutError):
                assert client.recv(1) == b""
                break
    client.close()
    assert 0.25 < time.monotonic() - started < 2


@pytest.mark.usefixtures("hurried")
def test_a_client_that_never_sends_the_body_it_promised_is_cut(serve: Serve) -> None:
    promised = b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n123"
    started = time.monotonic()
    assert everything(raw(serve(), promised)).startswith(b"HTTP/1.1 403 ")
    assert time.monotonic() - started < 2


@pytest.mark.usefixtures("hurried")
def test_a_client_that_takes_no_answer_is_cut(serve: Serve) -> None:
    server = serve(metrics=lambda _: (BIG, "text/plain"))
    client = raw(server, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert client.recv(1) == b"H"  # the beginning, and no more
    until(lambda: not server._server.server_state.connections)
    assert len(everything(client)) < len(BIG)
    assert len(get(server, "/metrics").content) == len(BIG)


@pytest.mark.usefixtures("hurried")
def test_a_connection_that_is_used_is_kept(serve: Serve) -> None:
    server = serve()
    with requests.Session() as session:
        session.trust_env = False
        started = time.monotonic()
        while time.monotonic() < started + 1:
            assert session.get(url(server, "/healthz"), timeout=5).status_code == 200
            time.sleep(0.05)
        assert len(server._server.server_state.connections) == 1


@pytest.mark.usefixtures("hurried")
def test_an_answer_that_takes_long_to_make_is_waited_for(serve: Serve) -> None:
    released = threading.Event()

    def health() -> Health:
        released.wait(10)
        return WELL

    server = serve(health)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(get, server, "/health")
        time.sleep(4 * connection.PATIENCE)
        released.set()
        assert slow.result().status_code == 200


def test_handlers_that_hang_hold_up_neither_others_nor_the_end(serve: Serve) -> None:
    released, hanging = threading.Event(), threading.Semaphore(0)

    def health() -> Health:
        hanging.release()
        released.wait(30)
        return WELL

    server = serve(health)
    with ExitStack() as stack:
        stack.callback(released.set)
        for _ in range(10):
            stack.enter_context(raw(server, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        for _ in range(10):
            assert hanging.acquire(timeout=5)
        assert get(server, "/healthz").status_code == 200
        assert seconds_to_stop(server) < 1
        with pytest.raises(OSError, match="refused"):
            raw(server)


def test_the_threads_of_handlers_do_not_hold_up_the_process(serve: Serve) -> None:
    kinds: list[bool] = []

    def health() -> Health:
        kinds.append(threading.current_thread().daemon)
        return WELL

    get(serve(health), "/health")
    assert kinds == [True]


def test_an_answer_under_way_is_finished_before_the_end(serve: Serve) -> None:
    begun = threading.Event()

    def health() -> Health:
        begun.set()
        time.sleep(0.2)
        return WELL

    server = serve(health)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(get, server, "/health")
        assert begun.wait(5)
        assert seconds_to_stop(server) < 1
        assert asked.result().status_code == 200


def test_a_head_that_is_too_large_is_refused(serve: Serve) -> None:
    server = serve(fail)
    answer = everything(raw(server, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1_000_000))
    assert answer.startswith(b"HTTP/1.1 400 ") or not answer
    assert get(server, "/healthz").status_code == 200


def test_many_who_ask_at_once_are_all_answered(serve: Serve) -> None:
    server = serve()
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: get(server, "/health").status_code, range(200)))
    assert answers == [200] * 200


def test_a_port_that_is_taken_is_named_with_what_to_do(serve: Serve) -> None:
    host, port = serve().address
    second = HttpServer(make_app(fail, lambda _: fail()), TcpPlace(host, port))
    with pytest.raises(NotNowError) as refused:
        second.start()
    assert str(refused.value) == (
        f"HTTP cannot listen at 127.0.0.1:{port}: the port is taken: stop the program that has it, or set another in "
        "http.listen"
    )
    assert refused.value.exit_code == 75
    second.stop(1)


def test_an_address_that_this_machine_has_not_is_named() -> None:
    with pytest.raises(NotNowError, match=r"HTTP cannot listen at 192\.0\.2\.1:0: this machine has no such address"):
        HttpServer(make_app(fail, lambda _: fail()), TcpPlace("192.0.2.1", 0)).start()


HOSTS = ("127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::")


@pytest.mark.parametrize(("before", "after"), list(itertools.product(HOSTS, repeat=2)))
def test_server_takes_a_port_over_at_any_address(before: str, after: str) -> None:
    """Until the new one serves, the old one answers as ever; where the new one is abandoned, it goes on to."""
    old = named("old", before, 0)
    old.start()
    port = old.address[1]
    asked = reached(before)
    try:
        abandoned = named("abandoned", after, port)
        abandoned.prepare(old)
        assert who_answers(asked, port) == "old"
        abandoned.abandon()
        assert who_answers(asked, port) == "old"
        if before not in {"0.0.0.0", "::", after} and reached(after) != asked:
            assert who_answers(reached(after), port) is None
        with pytest.raises(NotNowError, match="the port is taken"):
            named("another bridge's", before, port).start()
        new = named("new", after, port)
        new.prepare(old)
        assert who_answers(asked, port) == "old"
        new.serve()
    finally:
        old.stop(1)
    assert who_answers(reached(after), port) == "new"
    with pytest.raises(NotNowError, match="the port is taken"):
        named("another bridge's", after, port).start()
    new.stop(1)
    assert who_answers(reached(after), port) is None


def named(name: str, host: str, port: int) -> HttpServer:
    """A server that says its name as metrics."""
    answered = make_app(fail, lambda _: (name.encode(), "text/plain"), access=Access("0.0.0.0", TOKEN))
    return HttpServer(answered, TcpPlace(host, port))


def reached(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def who_answers(host: str, port: int) -> str | None:
    shown = f"[{host}]" if ":" in host else host
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(f"http://{shown}:{port}/metrics", headers=SHOWN, timeout=5).text
        except requests.ConnectionError:
            return None


def test_a_port_is_free_again_after_the_end(serve: Serve) -> None:
    first = serve()
    assert get(first, "/healthz").status_code == 200
    first.stop(1)
    again = HttpServer(make_app(lambda: WELL, lambda _: (b"", "")), TcpPlace(*first.address))
    again.start()
    assert get(again, "/healthz").status_code == 200
    again.stop(1)
    again.stop(1)


def test_localhost_is_the_address_that_others_expect(serve: Serve) -> None:
    server = serve(host="localhost")
    assert server.address[0] == "127.0.0.1"
    assert server.address[1] > 0


@pytest.mark.parametrize("host", ["::1", "::"])
def test_it_listens_at_addresses_of_ipv6_too(serve: Serve, host: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("not on this platform: no IPv6")
    server = serve(host=host, token=TOKEN)
    _, port = server.address
    for address in ["[::1]", "127.0.0.1"] if host == "::" else ["[::1]"]:
        with requests.Session() as session:
            session.trust_env = False
            assert session.get(f"http://{address}:{port}/health", headers=SHOWN, timeout=5).status_code == 200
