"""A channel: one place that is called, each call bounded in time and size, its connections kept open.

``requests`` bounds the wait between two bytes, not the whole; it decodes bodies of any size, follows redirects and puts
the URL (which may be the secret) into its exceptions. A channel mends these four.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import select_proxy

from bridge.proxied import Proxied
from bridge.straight import NoConnectionError, Straight
from bridge.tls import FilesError, Tls, Trust
from bridge.wire import Reply, Request, WireError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

_FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,  # a header that can't be written; its text would hold the header
)


class Channel:
    """Calls one place, by POST unless told otherwise. Safe to use from several threads at once.

    Args:
        url: Where to; a call may add to it.
        timeout: The longest that one call may take as a whole. Connecting and the TLS handshake may each take a third
            of it. (The resolver's own time comes on top: the system offers no bound for it.)
        connections: How many are kept open; more calls than that at once open more and close them again.
        headers: Sent with every call.
        method: How it is called.
        tls: Whom to trust, and how to show who calls.
        proxy: The address of the proxy to go through; False for none.

    What is not told comes from the environment (``HTTPS_PROXY``, ``REQUESTS_CA_BUNDLE``, …), read once.
    A ``.netrc`` is not read: it could replace a configured ``Authorization``.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: timedelta,
        connections: int = 1,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        tls: Tls | None = None,
        proxy: str | Literal[False] | None = None,
    ) -> None:
        self._timeout = timeout.total_seconds()
        self._where = _place(url)
        try:
            blank = requests.Request(method, url, headers=dict(headers or {}), data=b"").prepare()
        except (requests.RequestException, ValueError) as error:
            raise WireError(f"not an address that can be called ({type(error).__name__})") from None
        # Without it, servers compress, and a small answer could unpack to gigabytes.
        blank.headers["Accept-Encoding"] = "identity"
        with requests.Session() as session:
            settings = session.merge_environment_settings(url, {}, stream=True, verify=None, cert=None)
        trust = Trust(tls or Tls(), settings["verify"])
        proxies = settings["proxies"] if proxy is None else dict.fromkeys(("http", "https"), proxy) if proxy else {}
        proxied = select_proxy(str(blank.url), proxies)
        self._way = Proxied(blank, proxies, trust, connections) if proxied else Straight(blank, trust, connections)

    def send(self, request: Request, path: str = "") -> Reply:
        """Make one call to the channel's URL, ``path`` added to it, and return what came back, whatever its status.

        Raises:
            WireError: No whole answer came in time.
        """
        try:
            return self._way.send(request, path, self._timeout)
        except _FAILURES as error:
            raise WireError(_in_words(error, self._where, self._timeout)) from None

    def close(self) -> None:
        """Close the idle connections."""
        self._way.close()


def _place(url: str) -> str:
    """Name the host of a URL, and the port where it is not the usual one; never more, the rest may be secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{host}{port}"
    except ValueError:
        return "the configured address"


_WANTS_CERTIFICATE = frozenset(
    {
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_ALERT_UNKNOWN_CA",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    }
)
"""What a server says, by OpenSSL's names, that does not take the client's certificate, or misses it."""

_PROXY_ERRORS = (requests.exceptions.ProxyError, urllib3.exceptions.ProxyError)
_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    (_PROXY_ERRORS, "the proxy on the way to {where} does not work"),
    ((socket.gaierror, urllib3.exceptions.NameResolutionError), "the name of {where} cannot be resolved"),
    ((ConnectionRefusedError,), "{where} refuses connections"),
    ((requests.exceptions.ConnectTimeout, NoConnectionError), "no connection to {where} within {third:.3g} s"),
    (
        (TimeoutError, requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError),
        "no whole answer from {where} within {timeout:g} s",
    ),
    ((FilesError,), "the files that tls names for {where} can't be read any more"),
    ((ssl.SSLError,), "TLS with {where} does not work"),
    ((http.client.IncompleteRead, urllib3.exceptions.IncompleteRead), "{where} cut its answer in the middle"),
    ((ConnectionError, http.client.RemoteDisconnected), "{where} cut the connection"),
    ((http.client.HTTPException,), "{where} does not answer in HTTP"),
    ((ValueError,), "what is to be sent to {where} can't be written as HTTP: look at its headers"),
)
"""What to say of a failed call: the first row with a type that stands anywhere in the exception's chain."""


def _in_words(error: BaseException, where: str, timeout: float) -> str:
    """Say why a call failed, from the types in the exception's chain: their texts hold URLs."""
    chain = list(_chain(error))
    through = not any(isinstance(link, _PROXY_ERRORS) for link in chain)  # else the rest is about the proxy
    for link in chain if through else ():
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"the TLS certificate of {where} is not trusted: {link.verify_message}"
        if isinstance(link, ssl.SSLError) and link.reason in _WANTS_CERTIFICATE:
            return f"{where} wants another client certificate than it is shown (tls.cert_file)"
        if isinstance(link, ssl.SSLEOFError):  # it closed before its reason could be read
            return f"{where} ended TLS at once: it may want another client certificate than it is shown (tls.cert_file)"
    for types, words in _WORDS:
        if any(isinstance(link, types) for link in chain):
            return words.format(where=where, timeout=timeout, third=timeout / 3)
    system = next((link.strerror for link in chain if isinstance(link, OSError) and link.strerror), None)
    return f"the call to {where} failed: {system or type(error).__name__}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Walk through what an exception wraps: ``requests`` and urllib3 put causes into ``args`` and ``reason``."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
