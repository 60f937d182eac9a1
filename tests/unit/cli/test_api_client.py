"""Calls to the daemon, one after the other over one connection."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from bridge.cli.api_client import ApiClient
from bridge.cli.find_daemon import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        said = json.dumps([self.command, body.decode()]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_POST = do_DELETE = do_GET  # noqa: N815 -- http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def echoing() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_call_is_not_changed_by_the_one_before() -> None:
    with echoing() as url:
        client = ApiClient(Address(url, url))
        calls: list[Callable[[], object]] = [
            lambda: client.get("/x"),
            lambda: client.post("/x", {"a": 1}),
            lambda: client.delete("/x"),
        ]
        made = [call() for first in calls for second in calls for call in (first, second)]
        client.close()
    wanted = [["GET", ""], ["POST", '{"a": 1}'], ["DELETE", ""]]
    assert made == [each for first in wanted for second in wanted for each in (first, second)]
