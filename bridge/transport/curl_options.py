"""libcurl's options: what holds for every call, for a proxy, for TLS, and for a call's headers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pycurl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.domain.settings.tls import Tls
    from bridge.transport.bundle import Bundle
    from bridge.transport.proxies import Proxy

_SUPPRESS_CONNECT_HEADERS = 265  # CURLOPT_…, which pycurl has no name for: a proxy's own headers are not the answer's
_UNASKED = [b"Accept:", b"Content-Type:", b"Expect:", b"User-Agent:"]
"""What keeps libcurl from adding these headers by itself. Where one is set before, that one counts."""

_LINE_BREAK = re.compile(rb"[\r\0]")

FILES = (pycurl.CAINFO, pycurl.PROXY_CAINFO)
FOLDERS = (pycurl.CAPATH, pycurl.PROXY_CAPATH)
BASICS: list[tuple[int, Any]] = [
    (pycurl.NOSIGNAL, 1),
    (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.PATH_AS_IS, 1),
    (pycurl.HTTP_CONTENT_DECODING, 0),
    (_SUPPRESS_CONNECT_HEADERS, 1),
    (pycurl.DNS_CACHE_TIMEOUT, 0),  # it would remember failures, too
    (pycurl.NOPROXY, ""),  # nor what the environment says
]


def of_proxy(proxy: Proxy | None) -> list[tuple[int, Any]]:
    """List what leads through a proxy, or past any."""
    settings: list[tuple[int, Any]] = [(pycurl.PROXY, proxy.address if proxy else "")]
    if proxy is not None and proxy.user is not None:
        settings += [
            (pycurl.PROXYUSERNAME, proxy.user.encode()),
            (pycurl.PROXYPASSWORD, (proxy.password or "").encode()),
        ]
    return settings


def of_tls(tls: Tls) -> list[tuple[int, Any]]:
    """List what holds for the place, and without the client's certificate for a proxy that is reached over TLS."""
    # A libcurl of a distribution has a folder of its own, which it trusts beside any file.
    settings: list[tuple[int, Any]] = [(option, None) for option in (*FILES, *FOLDERS)]
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


def of_bundle(bundle: Bundle) -> list[tuple[int, Any]]:
    """List whom to trust, as a file or folder of certificates says now."""
    name = bundle.name()
    return [(option, name) for option in (FOLDERS if bundle.folder else FILES)]


def header_lines(headers: Mapping[str, str]) -> list[bytes]:
    """Write headers as libcurl takes them: an empty value is written with a semicolon, and a colon alone is "none".

    Raises:
        ValueError: They can't be written in HTTP.
    """
    lines = [f"{name}: {value}" if value else f"{name};" for name, value in headers.items()]
    text = "\n".join(lines).encode("latin-1")  # all at once: a webhook has other headers in each call
    if text.count(b"\n") >= len(lines) > 0 or _LINE_BREAK.search(text):
        raise ValueError("a line break in a header")
    return text.split(b"\n") + _UNASKED
