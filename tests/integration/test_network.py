"""The ways to a place: authorities of one's own, client certificates, proxies, IPv6; straight and through a proxy.

Real TLS servers and a real proxy on loopback; the certificates are made here.
"""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import traceback
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from bridge.config.loader import load
from bridge.daemon.credentials import try_credentials
from bridge.delivery.attempt import attempt
from bridge.domain.clock import SystemClock
from bridge.domain.outcome import Delivered
from bridge.domain.redaction import Redactor
from bridge.domain.samples import sample_event
from bridge.domain.settings.tls import Tls
from bridge.receivers.registry import sender_for
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from bridge.transport.client import HttpClient
from bridge.transport.message import Request, TransportError
from tests.world.clock import START
from tests.world.daemon import account, command, write_config
from tests.world.proxy import Proxy
from tests.world.server import OK, SECRET, serving
from tests.world.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELLO = Request(b"hello")
PASSWORD = "pr0xy-p4ssword"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"))


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


@pytest.fixture(params=["straight", "through a proxy"])
def proxy(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The address of a proxy, or None: each test goes both ways."""
    if request.param == "straight":
        yield None
        return
    with Proxy(f"bridge:{PASSWORD}") as running:
        yield running.url
        assert running.asked, "what should go through the proxy did"


@contextlib.contextmanager
def channel(url: str, **how: Any) -> Iterator[HttpClient]:
    opened = HttpClient(url, timeout=timedelta(seconds=10), **how)
    try:
        yield opened
    finally:
        opened.close()


def answers(url: str, times: int = 1, **how: Any) -> set[bytes]:
    with channel(url, **how) as opened:
        return {opened.send(HELLO).body for _ in range(times)}


def failure(url: str, **how: Any) -> str:
    """Call in vain; return the words, which hold no secret, nor does the traceback that a log would show."""
    with pytest.raises(TransportError) as caught:
        answers(url, **how)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert PASSWORD not in shown
    return str(caught.value)


def test_only_who_a_configured_authority_vouches_for_is_trusted(
    ours: Authority, theirs: Authority, proxy: str | None
) -> None:
    with serving(OK, tls=ours.server()) as server:
        assert answers(server.url, proxy=proxy, tls=Tls(ours.pem)) == {b"ok"}
        assert "is not trusted" in failure(server.url, proxy=proxy, tls=Tls(theirs.pem))
        assert "is not trusted" in failure(server.url, proxy=proxy)
        assert len(server.seen) == 1


def test_a_certificate_for_another_name_is_refused(ours: Authority, proxy: str | None) -> None:
    with serving(OK, tls=ours.server("elsewhere.example.com")) as server:
        assert "is not trusted: it is for another name" in failure(server.url, proxy=proxy, tls=Tls(ours.pem))
        assert server.seen == []


def test_a_configured_authority_goes_before_that_of_the_environment(
    ours: Authority, theirs: Authority, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(theirs.file))
    with serving(OK, tls=ours.server()) as server, serving(OK, tls=theirs.server()) as other:
        assert answers(server.url, proxy=proxy, tls=Tls(ours.pem)) == {b"ok"}
        assert "is not trusted" in failure(other.url, proxy=proxy, tls=Tls(ours.pem))
        assert answers(other.url, proxy=proxy) == {b"ok"}


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_changed_bundle_of_the_environment_holds_from_the_next_connection(
    ours: Authority, theirs: Authority, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libcurl by itself would go by the old one for a day."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(theirs.pem)
    monkeypatch.setenv(variable, str(bundle))
    with serving(OK, tls=ours.server()) as server, channel(server.url) as opened:
        with pytest.raises(TransportError, match="is not trusted"):
            opened.send(HELLO)
        bundle.write_text(theirs.pem + ours.pem)
        assert opened.send(HELLO).body == b"ok"


@pytest.mark.parametrize("password", [None, b"open sesame"])
def test_a_server_that_demands_a_certificate_is_shown_it(
    ours: Authority, proxy: str | None, password: bytes | None
) -> None:
    certificate, key = ours.client(password=password)
    tls = Tls(ours.pem, certificate.read_text(), key.read_text(), key_password=(password or b"").decode())
    with serving(OK, tls=ours.server(demanding=ours)) as server:
        assert answers(server.url, 3, proxy=proxy, tls=tls) == {b"ok"}
        assert (server.connections, len(server.seen)) == (1, 3)


def test_a_server_that_is_not_shown_what_it_demands_is_told_as_one(
    ours: Authority, theirs: Authority, proxy: str | None
) -> None:
    with serving(OK, tls=ours.server(demanding=ours)) as server:
        # Which words it has depends on whether the server's alert is read before its end of the connection.
        words = r"127\.0\.0\.1:\d+ (wants|cut the connection|ended TLS at once: it may want) .*client certificate"
        assert re.match(words, failure(server.url, proxy=proxy, tls=Tls(ours.pem)))
        certificate, key = (file.read_text() for file in theirs.client("stranger"))
        assert re.match(words, failure(server.url, proxy=proxy, tls=Tls(ours.pem, certificate, key)))
        assert server.seen == []


def test_who_is_not_verified_is_called_whoever_it_is(ours: Authority, proxy: str | None) -> None:
    with serving(OK, tls=ours.server("elsewhere.example.com", demanding=ours)) as server:
        certificate, key = (file.read_text() for file in ours.client())
        tls = Tls(verify=False)
        # It says so and hangs up: where that is faster than its words, less is known.
        assert "client certificate" in failure(server.url, proxy=proxy, tls=tls)
        assert answers(server.url, proxy=proxy, tls=replace(tls, certificate=certificate, key=key)) == {b"ok"}


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
@pytest.mark.parametrize("secure", [False, True])
def test_an_ipv6_address_is_called(ours: Authority, proxy: str | None, secure: bool) -> None:
    with serving(OK, tls=ours.server() if secure else None, host="::1") as server:
        assert answers(server.url, 2, proxy=proxy, tls=Tls(ours.pem) if secure else None) == {b"ok"}
        assert {seen.headers["host"] for seen in server.seen} == {f"[::1]:{server.port}"}
        port = server.port
    if proxy is None:
        assert failure(f"http://[::1]:{port}/{SECRET}") == f"[::1]:{port} refuses connections"


@pytest.mark.parametrize("secure", [False, True])
def test_connections_are_kept_and_used_again_both_ways(ours: Authority, secure: bool) -> None:
    tls = Tls(ours.pem) if secure else None
    with serving(OK, tls=ours.server() if secure else None) as server, Proxy() as proxy:
        assert answers(server.url, 10, tls=tls) == {b"ok"}
        assert (server.connections, len(server.seen)) == (1, 10)
        assert answers(server.url, 10, tls=tls, proxy=proxy.url) == {b"ok"}
        assert (server.connections, len(server.seen)) == (2, 20)
        assert proxy.asked[0].startswith("CONNECT 127.0.0.1:" if secure else "POST http://127.0.0.1:")
        assert len(proxy.asked) == 1


def test_a_configured_proxy_goes_before_the_environment_and_off_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(OK) as server, Proxy() as configured, Proxy() as named:
        monkeypatch.setenv("HTTP_PROXY", named.url)
        assert answers(server.url) == {b"ok"}
        assert (len(named.asked), len(configured.asked)) == (1, 0)
        assert answers(server.url, proxy=configured.url) == {b"ok"}
        assert answers(server.url, proxy=False) == {b"ok"}
        assert (len(named.asked), len(configured.asked)) == (1, 1)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert answers(server.url, proxy=configured.url) == {b"ok"}
        assert len(configured.asked) == 2


@pytest.mark.parametrize("wrong", ["", "bridge:other@"])
@pytest.mark.parametrize("secure", [False, True])
def test_a_proxy_that_wants_another_password_is_told_as_one(ours: Authority, wrong: str, secure: bool) -> None:
    """It answers the call itself where that is plain HTTP, and CONNECT otherwise."""
    with serving(OK, tls=ours.server() if secure else None) as server, Proxy(f"bridge:{PASSWORD}") as proxy:
        words = failure(server.url, tls=Tls(ours.pem), proxy=f"http://{wrong}{proxy.address}")
        assert words == f"the proxy on the way to 127.0.0.1:{server.port} wants another user and password"
        assert server.connections == 0


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("escaped", [False, True])
def test_a_proxy_password_of_any_letters_is_sent_as_utf_8(ours: Authority, secure: bool, escaped: bool) -> None:
    password = f"{PASSWORD}-grün-पासवर्ड-€"
    with serving(OK, tls=ours.server() if secure else None) as server, Proxy(f"brücke:{password}") as proxy:
        shown = [quote(each) if escaped else each for each in ("brücke", password)]
        tls = Tls(ours.pem)
        assert answers(server.url, tls=tls, proxy=f"http://{':'.join(shown)}@{proxy.address}") == {b"ok"}
        words = failure(server.url, tls=tls, proxy=f"http://{':'.join(shown)}x@{proxy.address}")
        assert words == f"the proxy on the way to 127.0.0.1:{server.port} wants another user and password"
        assert proxy.asked[-1].startswith("CONNECT" if secure else "POST http://")


@pytest.mark.slow
def test_commands_tell_of_a_proxy_that_refuses_and_never_its_password(tmp_path: Path) -> None:
    password = f"{PASSWORD}-grün-€"
    with Simulator() as simulator, Sink() as sink, Proxy(f"bridge:{PASSWORD}") as proxy:
        through = f"http://bridge:{password}@{proxy.address}"
        write_config(
            tmp_path,
            {
                "wbiztool": account(simulator, proxy=through),
                "messages": [1],
                "database": "sqlite:///bridge.db",
                "receivers": [{"name": "crm", "webhook": sink.url, "proxy": through}],
            },
        )
        done = [command(tmp_path, *each) for each in (("check", "--online"), ("test", "crm"), ("poll",), ("status",))]
        assert sink.count == 0
        assert simulator.calls.total() == 0
    assert [each.returncode for each in done] == [75, 1, 75, 3]
    refused = "the proxy on the way to 127.0.0.1:[0-9]+ wants another user and password"
    for each in done[:3]:
        assert re.search(refused, each.stdout + each.stderr), each
    shown = "".join(each.stdout + each.stderr for each in done)
    for spelled in (
        password,
        PASSWORD,
        quote(password),
        "grün",
        base64.b64encode(f"bridge:{password}".encode()).decode(),
    ):
        assert spelled not in shown


def test_a_proxy_that_is_itself_reached_over_tls_is_verified_by_the_same_authority(
    ours: Authority, theirs: Authority
) -> None:
    with serving(OK, tls=ours.server()) as proxy:
        url = f"https://127.0.0.1:{proxy.port}"
        assert answers("http://crm.example.com/x", proxy=url, tls=Tls(ours.pem)) == {b"ok"}
        assert proxy.seen[0].line == "POST http://crm.example.com/x HTTP/1.1"
        words = "the TLS certificate of the proxy on the way to crm.example.com is not trusted: "
        assert failure("http://crm.example.com/x", proxy=url, tls=Tls(theirs.pem)).startswith(words)


CONFIG = """\
wbiztool:
  client_id: 1
  api_key: k3y-of-the-account
  base_url: https://127.0.0.1:{port}/api/v1
  proxy: {proxy}
  tls: {{ca_file: {ca}, cert_file: {cert}, key_file: {key}}}
receivers:
  - name: crm
    webhook: https://127.0.0.1:{port}/hook
    proxy: {proxy}
    tls: {{ca_file: {ca}, cert_file: {cert}, key_file: {key}}}
  - name: ops
    slack: https://127.0.0.1:{port}/slack
    proxy: {proxy}
    tls: {{ca_file: {ca}, cert_file: {cert}, key_file: {key}}}
database: sqlite:///bridge.db
"""


def test_wbiztool_and_every_receiver_are_called_as_the_configuration_says(
    ours: Authority, proxy: str | None, tmp_path: Path
) -> None:
    certificate, key = ours.client()
    me = b'{"status": 1, "name": "Acme"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(me), me)
    with serving(answer, tls=ours.server(demanding=ours)) as server:
        written = CONFIG.format(port=server.port, proxy=proxy or "off", ca=ours.file, cert=certificate, key=key)
        (tmp_path / "config.yaml").write_text(written)
        config = load(tmp_path / "config.yaml", {})
        assert try_credentials(config.wbiztool, SystemClock(), attempts=1) == "Acme"
        for receiver in config.receivers:
            with contextlib.closing(sender_for(receiver)) as sender:
                made = attempt(sender, [sample_event(START)], clock=SystemClock(), redact=Redactor())
            assert made.outcome == Delivered()
        targets = [seen.line.split()[1] for seen in server.seen]
    assert targets == ["/api/v1/me/", "/hook", "/slack"]
