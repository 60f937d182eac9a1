"""Asks a daemon over HTTP: at its Unix socket, or at an address."""

from __future__ import annotations

import json
import os
from functools import partial
from http import HTTPStatus
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pycurl

from bridge import __version__
from bridge.domain.errors import BridgeError, CredentialsError, NotNowError, UsageError
from bridge.domain.http_answers import http_words
from bridge.domain.settings.listen_address import is_loopback
from bridge.domain.settings.tls import Tls
from bridge.transport.bundle import Bundle
from bridge.transport.curl_options import BASICS, header_lines, of_bundle, of_proxy, of_tls
from bridge.transport.engine import Engine, Failure, Transfer
from bridge.transport.errors import explain
from bridge.transport.message import read_head
from bridge.transport.proxies import proxy_for, read_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bridge.cli.find_daemon import Address

LARGEST_ANSWER = 64 * 1024 * 1024
"""In bytes: a page of a thousand deliveries with their attempts has some megabytes."""

PATIENCE = 30.0
"""Seconds that a call may take."""

FOR_EVER = 7 * 86400.0
"""Seconds for what goes on until somebody ends it, or copies a database of any size."""

_CONNECTING = 10.0  # seconds


class NotFoundError(BridgeError):
    """There is no such thing. The text names those that there are."""


class LostError(NotNowError):
    """The daemon does not answer, or no longer. It may come back."""


class ApiClient:
    """Makes calls to one daemon, by libcurl without ``requests``: to import that would take longer than the call.

    Args:
        address: Where it is.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        try:
            direct = address.socket or is_loopback(urlsplit(address.url).hostname or "")
            proxy = None if direct else proxy_for(address.url, os.environ)
            through = read_proxy(proxy) if proxy else None
        except ValueError as error:
            raise UsageError(f"{address.name}: {error}") from None
        self._proxy = None if through is None else through.address
        self._bundle = Bundle(os.environ)
        socket = [(pycurl.UNIX_SOCKET_PATH, str(address.socket))] if address.socket else []
        self._engine = Engine([*BASICS, *socket, *of_proxy(through), *of_tls(Tls())], kept=1)

    def get(self, path: str, params: Mapping[str, Any] = {}) -> Any:
        """Read something.

        Raises:
            LostError: Nobody answers.
            BridgeError: The daemon refuses; the text is its own.
        """
        return self._send("GET", path, params)

    def post(self, path: str, body: Any, *, seconds: float = PATIENCE) -> Any:
        """Change something; raises as :meth:`get` does."""
        return self._send("POST", path, body=body, seconds=seconds)

    def post_csv(self, path: str, table: str, *, seconds: float) -> Any:
        """Hand over a table in CSV; raises as :meth:`get` does."""
        return self._send("POST", path, body=table, media_type="text/csv", seconds=seconds)

    def delete(self, path: str) -> Any:
        """Take something away; raises as :meth:`get` does."""
        return self._send("DELETE", path)

    def download(self, method: str, path: str, take: Callable[[bytes], object], params: Mapping[str, Any] = {}) -> None:
        """Ask for a file. ``take`` gets its pieces, in another thread; what it raises ends the call and is raised here.

        Raises:
            LostError: Nobody answers, or not to the end.
            BridgeError: The daemon refuses; the text is its own.
        """
        failed: list[Exception] = []

        def taken(piece: bytes) -> bool:
            try:
                take(piece)
            except Exception as error:  # noqa: BLE001 -- it is raised again where it is heard
                failed.append(error)
            return not failed

        try:
            self._send(method, path, params, body={} if method == "POST" else None, seconds=FOR_EVER, take=taken)
        except LostError:
            if failed:
                raise failed[0] from None
            raise

    def lines(self, path: str, params: Mapping[str, Any]) -> Iterator[str]:
        """Read an answer that goes on, line by line as they come; raises as :meth:`download` does."""
        pieces: SimpleQueue[bytes | BaseException] = SimpleQueue()

        def take(piece: bytes) -> bool:
            pieces.put(piece)
            return True

        def read() -> None:
            try:
                self._send("GET", path, params, seconds=FOR_EVER, take=take)
                pieces.put(LostError(f"{self._address.name} has ended the connection"))
            except BridgeError as error:
                pieces.put(error)

        Thread(target=read, name="events", daemon=True).start()
        rest = b""
        while True:
            piece = pieces.get()
            if isinstance(piece, BaseException):
                raise piece
            *whole, rest = (rest + piece).split(b"\n")
            yield from map(partial(str, encoding="utf-8"), whole)

    def close(self) -> None:
        """End what is under way, and close the connection."""
        self._engine.close()

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] = {},
        *,
        body: Any = None,
        media_type: str = "application/json",
        seconds: float = PATIENCE,
        take: Callable[[bytes], bool] | None = None,
    ) -> Any:
        url = f"{self._address.url}{path}{_written(params)}"
        headers = {"User-Agent": f"wbiztool-bridge/{__version__}", "Accept": "*/*"}
        if self._address.token:
            headers["Authorization"] = f"Bearer {self._address.token}"
        settings: list[tuple[int, Any]] = [(pycurl.URL, url), (pycurl.TIMEOUT_MS, round(seconds * 1000))]
        # The handle may have made another call before, and keeps what that one set.
        settings += [(pycurl.HTTPGET, 1), (pycurl.CUSTOMREQUEST, method)]
        if method == "POST":
            headers["Content-Type"] = media_type
            written = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
            settings.append((pycurl.POSTFIELDS, written.encode()))
        settings += [(pycurl.HTTPHEADER, header_lines(headers)), *of_bundle(self._bundle)]
        ended: SimpleQueue[Transfer] = SimpleQueue()
        self._engine.begin(Transfer(settings, _CONNECTING, LARGEST_ANSWER, ended.put, take))
        transfer = ended.get()
        if transfer.failure is not None:
            raise LostError(f"{self._address.name} does not answer{self._why(transfer.failure, seconds)}")
        try:
            status, _, _ = read_head(transfer.head)
        except ValueError as error:
            raise LostError(f"{self._address.name} {error}") from None
        content = b"".join(transfer.body)
        if status // 100 != 2:  # noqa: PLR2004 -- HTTP's success
            raise _refused(status, content, self._address)
        return json.loads(content) if take is None else None

    def _why(self, failure: Failure, seconds: float) -> str:
        if self._address.socket:
            return ""
        _, words = explain(failure, self._address.url, self._proxy, timeout=seconds, patience=_CONNECTING)
        return f": {words}"


def _written(params: Mapping[str, Any]) -> str:
    given = {name: str(value).lower() if isinstance(value, bool) else value for name, value in params.items()}
    query = urlencode({name: value for name, value in given.items() if value is not None}, doseq=True)
    return f"?{query}" if query else ""


def _refused(status: int, content: bytes, address: Address) -> BridgeError:
    try:
        detail = json.loads(content)["detail"]
    except (ValueError, KeyError, TypeError):
        return BridgeError(f"{address.name} answers {http_words(status)}: is there a bridge?")
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN if not address.token:
            return CredentialsError(f"{address.name} wants a token: --token-file FILE, or $WBIZ_BRIDGE_TOKEN_FILE")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return CredentialsError(f"{address.name} refuses the token")
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return NotNowError(detail)
        case HTTPStatus.NOT_FOUND:
            return NotFoundError(detail)
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
            return UsageError(detail)
        case _:
            return BridgeError(detail)
