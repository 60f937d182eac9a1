"""Why a call failed, in one plain sentence: it names the host, and nothing else of an address."""

from __future__ import annotations

import errno
import re
from urllib.parse import urlsplit

from bridge.domain.http_answers import http_words
from bridge.transport.engine import STOPPED, Failure

STOPPED_CALL = "Stopped"
_CERTIFICATE = r"alert (handshake failure|unknown ca|bad certificate|certificate (expired|required|revoked|unknown))"
_HANG_UP = r"SYSCALL|unexpected eof|Send failure|Recv failure"
_WANTED = "{it} wants another client certificate than it is shown (tls.cert_file)"
_CUT = "{it} cut the connection behind the TLS handshake: it may want a client certificate (tls.cert_file)"
_ENDED = "{it} ended TLS at once: it may want another client certificate than it is shown (tls.cert_file)"
_TABLE: tuple[tuple[set[int], str, str, str], ...] = (
    ({1, 8, 61}, "", "ConnectionError", "{it} does not answer in HTTP"),
    ({3}, "", "InvalidURL", "{where} is not an address that can be called"),
    ({5}, "", "ProxyError", "the name of {it} cannot be resolved"),
    ({6}, "", "ConnectionError", "the name of {it} cannot be resolved"),
    ({7}, "response 407", "ProxyError", "{it} wants another user and password"),
    ({7}, "CONNECT", "ProxyError", "{it} does not connect to it: {tunnel}"),
    ({7}, "", "ConnectionError", "{it} {refuses}"),
    ({18}, "", "ConnectionError", "{where} cut its answer in the middle"),
    ({23, 100}, "", "ConnectionError", "{where} sends too many headers"),
    ({56}, "response headers", "ConnectionError", "{where} sends too many headers"),
    ({28}, "^Resolving", "ConnectTimeout", "the name of {it} cannot be resolved: no answer within {timeout:.3g} s"),
    ({28}, "^(Connection|SSL conn)", "ConnectTimeout", "no connection to {through} within {timeout:.3g} s"),
    ({28}, "^$", "ConnectTimeout", "no connection to {through} within {patience:.3g} s"),
    ({28}, "", "ReadTimeout", "no whole answer from {where} within {timeout:.3g} s"),
    ({35, 55, 56}, _CERTIFICATE, "SSLError", _WANTED),
    ({35}, _HANG_UP, "SSLError", _ENDED),
    ({35, 59}, "", "SSLError", "TLS with {it} does not work"),
    ({43, 58}, "", "SSLError", "the client certificate for {it} cannot be used (tls.cert_file)"),
    ({56}, "chunk|hexadecimal", "ConnectionError", "{it} does not answer in HTTP"),
    ({52, 55, 56}, "", "ConnectionError", "{it} cut the connection"),
    ({60}, "subject name", "SSLError", "the TLS certificate of {it} is not trusted: it is for another name"),
    ({60}, "", "SSLError", "the TLS certificate of {it} is not trusted: {verdict}"),
    ({77}, "", "SSLError", "the certificates to trust for {it} cannot be read"),
    ({97}, "User|method", "ProxyError", "{it} wants another user and password"),
    ({97}, "", "ProxyError", "{it} does not connect to it: {socks}"),
)
"""What to say for libcurl's codes (libcurl-errors(3)), by what its own text has in it, which is never repeated; and the
name of the class of ``requests.exceptions`` that says the same to programs."""

_SOCKS = {
    18: "it does not know the command",
    19: "connection refused",
    20: "it has failed",
    21: "the host cannot be reached",
    22: "the network cannot be reached",
    23: "it does not allow that",
    24: "the host does not answer",
}
"""What a SOCKS proxy says (CURLPX_REPLY_…)."""

_TLS_CODES = frozenset((35, 43, 58, 59, 60, 77))


def explain(failure: Failure, url: str, proxy: str | None, *, timeout: float, patience: float) -> tuple[str, str]:
    """Put a failure into words, after the name of a class of ``requests.exceptions``; :data:`STOPPED_CALL` is none.

    Args:
        failure: What libcurl says.
        url: Whom the call was for.
        proxy: The address of the proxy that it went through, if any.
        timeout: Seconds that the call had.
        patience: Seconds that connecting had.
    """
    where = place(url)
    if failure.code == STOPPED:
        return STOPPED_CALL, f"the call to {where} was stopped"
    it = f"the proxy on the way to {where}" if _is_about_proxy(failure, url, proxy) else where
    unknown = "ConnectionError", f"the call to {{where}} failed (libcurl's code {failure.code})"
    rows = (row[2:] for row in _TABLE if failure.code in row[0] and re.search(row[1], failure.text))
    error, words = next(rows, unknown)
    if failure.fresh and url.startswith("https:") and words.endswith("cut the connection"):
        words = _CUT
    verdict = re.search(r"(?:result|problem): ([A-Za-z' -]+)", failure.text)
    words = words.format(
        it=it,
        where=where,
        through=f"{where} through its proxy" if proxy else where,
        timeout=timeout,
        patience=patience,
        refuses="refuses connections" if failure.errno == errno.ECONNREFUSED else "cannot be reached",
        tunnel=http_words(failure.tunnel),
        socks=_SOCKS.get(failure.socks, "it is no such proxy"),
        verdict=verdict[1].strip() if verdict else "it cannot be verified",
    )
    return error, words


def place(url: str) -> str:
    """Name the host of a URL, and the port where it is not the usual one; never more, the rest may be secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the configured address"
    host = parts.hostname or "the configured address"
    return f"[{host}]{port}" if ":" in host else f"{host}{port}"


def _is_about_proxy(failure: Failure, url: str, proxy: str | None) -> bool:
    """Tell whether it was the proxy that failed, and not what is behind it."""
    if proxy is None:
        return False
    if failure.code in {5, 7, 97}:
        return True
    if not proxy.startswith("http"):
        return failure.code == 28  # noqa: PLR2004 -- said of its name only
    if url.startswith("https:"):
        return failure.tunnel // 100 != 2  # noqa: PLR2004 -- no tunnel yet
    return failure.code in _TLS_CODES
