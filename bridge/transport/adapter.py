"""The transport adapter: ``requests`` in front, libcurl behind it (:mod:`bridge.transport.engine`)."""

from __future__ import annotations

import io
import re
import threading
from typing import TYPE_CHECKING, Any

import pycurl
from requests import Response, exceptions
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from bridge.transport.engine import Engine, Transfer
from bridge.transport.errors import explain, place
from bridge.transport.message import BODY_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from requests import PreparedRequest

    from bridge.transport.proxies import Proxy
    from bridge.transport.tls import Bundle, Tls

_SUPPRESS_CONNECT_HEADERS = 265  # CURLOPT_…, which pycurl has no name for: a proxy's own headers are not the answer's
_CONNECTING = 1 / 3
_UNASKED = ("Accept", "Content-Type", "Expect", "User-Agent")
"""Headers that libcurl would add by itself."""

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: (.*?))?\r?\n", re.IGNORECASE)
_INTERIM = b"1"


class Body(io.BytesIO):
    """An answer's body. ``cut`` says that it was longer."""

    cut = False


class CurlAdapter(BaseAdapter):
    """Sends prepared requests, by GET or POST. Safe to use from several threads at once.

    Args:
        timeout: The seconds that a call may take as a whole. A third of it is for connecting,
            once the name is resolved.
        connections: How many are kept open; more calls than that at once open more and close them again.
        tls: Whom to trust, and how to show who calls.
        bundle: Whom to trust where ``tls`` does not say.
        proxy: The proxy to go through.
    """

    def __init__(self, *, timeout: float, connections: int, tls: Tls, bundle: Bundle, proxy: Proxy | None) -> None:
        super().__init__()
        self._timeout = timeout
        self._bundle = bundle if tls.verify and tls.authorities is None else None
        self._proxy = proxy
        self._engine = Engine([*_BASICS, *_of_proxy(proxy), *_of_tls(tls)], connections)

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float | None, ...] | None = None,
        verify: object = True,
        cert: object = None,
        proxies: object = None,
    ) -> Response:
        """Make a call and return its answer, read to its end or its limit.

        Args:
            request: What is sent. Its attribute ``limit``, if it has one, is how many bytes of the body are kept.
            stream: Nothing is streamed.
            timeout: The seconds that this call may take; of several, the sum.
            verify: Whom to trust, which certificate to show and which proxy to use says what the adapter was made with.
            cert: Likewise.
            proxies: Likewise.

        Raises:
            requests.exceptions.RequestException: There is no whole answer. The text is for people, and holds no secret.
        """
        del stream, verify, cert, proxies
        seconds = sum(filter(None, timeout)) if isinstance(timeout, tuple) else timeout
        waiting = threading.Lock()
        waiting.acquire()
        transfer = self.begin(request, lambda _: waiting.release(), seconds)
        waiting.acquire()
        return self.answer(request, transfer, seconds)

    def begin(
        self, request: PreparedRequest, done: Callable[[Transfer], None], timeout: float | None = None
    ) -> Transfer:
        """Begin a call; its end is told to ``done`` by the engine's thread, and :meth:`answer` then has the answer.

        Raises:
            requests.exceptions.RequestException: It can't be sent.
        """
        seconds = timeout or self._timeout
        transfer = Transfer(
            self._settings(request, seconds), seconds * _CONNECTING, getattr(request, "limit", BODY_LIMIT), done
        )
        self._engine.begin(transfer)
        return transfer

    def answer(self, request: PreparedRequest, transfer: Transfer, timeout: float | None = None) -> Response:
        """Return the answer to a call that has ended.

        Raises:
            requests.exceptions.RequestException: There is no whole one.
        """
        url, cut = str(request.url), transfer.size > transfer.limit
        if transfer.failure is not None and not (cut and transfer.failure.code == pycurl.E_WRITE_ERROR):
            seconds, proxy = timeout or self._timeout, self._proxy.address if self._proxy else None
            raise explain(transfer.failure, url, proxy, timeout=seconds, patience=seconds * _CONNECTING)
        response = Response()
        response.status_code, response.reason, headers = read_head(transfer.head, place(url))
        if response.status_code == 407 and self._proxy is not None:  # noqa: PLR2004 -- only a proxy says so
            raise exceptions.ProxyError(f"the proxy on the way to {place(url)} wants another user and password")
        response.headers = CaseInsensitiveDict(headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw = body = Body(b"".join(transfer.body)[: transfer.limit])
        body.cut = cut
        response.url, response.request = url, request
        return response

    def close(self) -> None:
        """End the calls in flight, and close the connections."""
        self._engine.close()

    def _settings(self, request: PreparedRequest, timeout: float) -> list[tuple[int, Any]]:
        """List what libcurl is told of one call."""
        url = str(request.url)
        scheme, _, rest = url.partition("://")
        if scheme.lower() not in {"http", "https"} or request.method not in {"GET", "POST"} or not url.isascii():
            raise exceptions.InvalidURL(f"{place(url)} is not an address that can be called")
        authority, slash, path = rest.partition("/")
        settings: list[tuple[int, Any]] = [
            (pycurl.URL, f"{scheme}://{authority.rpartition('@')[2]}{slash}{path.partition('#')[0]}"),
            (pycurl.HTTPHEADER, _lines(request.headers, place(url))),
            (pycurl.TIMEOUT_MS, max(1, round(timeout * 1000))),
        ]
        if request.method == "GET":
            settings.append((pycurl.HTTPGET, 1))
        else:
            settings += [(pycurl.POST, 1), (pycurl.POSTFIELDS, request.body or b"")]
        if self._bundle is not None:
            name = self._bundle.name()
            settings += [(option, name) for option in (_FOLDERS if self._bundle.folder else _FILES)]
        return settings


def read_head(lines: Sequence[bytes], where: str) -> tuple[int, str, dict[str, str]]:
    """Read status, reason and headers (in lower case, the last of each) of the answer among an exchange's header lines.

    Interim answers may stand before it, and trailers behind it.

    Raises:
        requests.exceptions.ConnectionError: There is no whole one.
    """
    status: re.Match[bytes] | None = None
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if status is None or line[:5].upper() == b"HTTP/":
            status, headers = _STATUS.fullmatch(line), {}
            if status is None:
                raise exceptions.ConnectionError(f"{where} does not answer in HTTP")
        elif colon:
            headers[name.strip().decode("latin-1").lower()] = value.strip().decode("latin-1")
        elif not line.strip():
            if status[1][:1] != _INTERIM:
                return int(status[1]), (status[2] or b"").decode("latin-1"), headers
            status = None
    raise exceptions.ConnectionError(f"{where} cut its answer in the middle")


def _lines(headers: Mapping[str, str | bytes], where: str) -> list[bytes]:
    """Write headers as libcurl takes them: an empty value is written with a semicolon, and a colon alone is "none"."""
    try:
        lines = [
            b"%s: %s" % (_bytes(name), _bytes(value)) if value else b"%s;" % _bytes(name)
            for name, value in headers.items()
            if name.lower() != "content-length"
        ]
    except UnicodeEncodeError:
        lines = [b"\n"]
    if any(character in line for line in lines for character in (b"\n", b"\r", b"\0")):
        raise exceptions.InvalidHeader(f"what is to be sent to {where} can't be written as HTTP: look at its headers")
    return lines + [b"%s:" % name.encode() for name in _UNASKED if name not in headers]


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


_FILES = (pycurl.CAINFO, pycurl.PROXY_CAINFO)
_FOLDERS = (pycurl.CAPATH, pycurl.PROXY_CAPATH)
_BASICS: list[tuple[int, Any]] = [
    (pycurl.NOSIGNAL, 1),
    (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.PATH_AS_IS, 1),
    (pycurl.HTTP_CONTENT_DECODING, 0),
    (_SUPPRESS_CONNECT_HEADERS, 1),
    (pycurl.DNS_CACHE_TIMEOUT, 0),  # it would remember failures, too
    (pycurl.NOPROXY, ""),  # nor what the environment says
]


def _of_proxy(proxy: Proxy | None) -> list[tuple[int, Any]]:
    settings: list[tuple[int, Any]] = [(pycurl.PROXY, proxy.address if proxy else "")]
    if proxy is not None and proxy.user is not None:
        settings += [
            (pycurl.PROXYUSERNAME, proxy.user.encode()),
            (pycurl.PROXYPASSWORD, (proxy.password or "").encode()),
        ]
    return settings


def _of_tls(tls: Tls) -> list[tuple[int, Any]]:
    """List what holds for the place, and without the client's certificate for a proxy that is reached over TLS."""
    # A libcurl of a distribution has a folder of its own, which it trusts beside any file.
    settings: list[tuple[int, Any]] = [(option, None) for option in (*_FILES, *_FOLDERS)]
    if not tls.verify:
        settings += [(pycurl.SSL_VERIFYPEER, 0), (pycurl.SSL_VERIFYHOST, 0)]
        settings += [(pycurl.PROXY_SSL_VERIFYPEER, 0), (pycurl.PROXY_SSL_VERIFYHOST, 0)]
    elif tls.authorities is not None:
        pem = tls.authorities.encode()
        settings += [(pycurl.CAINFO_BLOB, pem), (pycurl.PROXY_CAINFO_BLOB, pem)]
    if tls.certificate:
        settings += [
            (pycurl.SSLCERT_BLOB, tls.certificate.encode()),
            (pycurl.SSLKEY_BLOB, (tls.key or tls.certificate).encode()),
            (pycurl.KEYPASSWD, tls.key_password.encode()),
        ]
    return settings
