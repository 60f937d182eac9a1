"""The way through a proxy: left to ``requests``, which knows all their kinds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from bridge.timed import TimedResponse, read_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from bridge.tls import Trust
    from bridge.wire import Reply, Request


class Proxied:
    """Goes through a proxy, by an adapter of ``requests``.

    Args:
        blank: What every call has: its method, address and headers.
        proxies: Their addresses, as ``requests`` has them.
        trust: What TLS is spoken with.
        kept: The most connections that are kept open.
    """

    def __init__(self, blank: requests.PreparedRequest, proxies: Mapping[str, str], trust: Trust, kept: int) -> None:
        self._blank = blank
        self._proxies = dict(proxies)
        self._adapter = _Adapter(trust, pool_connections=1, pool_maxsize=kept)

    def send(self, request: Request, path: str, timeout: float) -> Reply:
        """Make one call."""
        prepared = self._blank.copy()
        if path:
            prepared.url = f"{self._blank.url}{path}"
        prepared.headers.update(request.headers)
        prepared.headers["Content-Length"] = str(len(request.body))
        prepared.body = request.body
        response = self._adapter.send(
            prepared,
            stream=True,
            timeout=urllib3.Timeout(total=timeout, connect=timeout / 3),  # type: ignore[arg-type]
            proxies=self._proxies,
        )
        return _read(response, request.limit)

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()


def _read(response: requests.Response, limit: int) -> Reply:
    """Read the body up to the limit. A connection that was read to its end goes back to the pool; else it is closed."""
    raw = response.raw
    try:
        reply = read_reply(
            response.status_code, response.headers.items(), partial(raw.read, decode_content=False), limit
        )
        if not reply.cut:
            raw.release_conn()
        return reply
    finally:
        raw.close()


class _Connection(HTTPConnection):
    response_class = TimedResponse


class _TlsConnection(HTTPSConnection):
    response_class = TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection

    def _validate_conn(self, conn: Any) -> None:
        """Connect early, as urllib3 does, without its warning at each call: the bridge itself warns of it."""
        if conn.is_closed:
            conn.connect()


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    """An adapter whose connections, and what they trust, are ours. Retries are not its business."""

    def __init__(self, trust: Trust, **kwargs: Any) -> None:
        self._trust = trust
        super().__init__(**kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if proxy.lower().startswith("https:") and proxy not in self.proxy_manager:
            kwargs["proxy_ssl_context"] = self._trust.context_for_proxy()
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Let pools use our context."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._trust.context()} if host["scheme"] == "https" else {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Add nothing to what the context trusts."""
