"""The HTTP API in this process, on a real socket and a real store, without a daemon around it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from bridge.domain.health import Health
from bridge.server.app import make_app
from bridge.server.context import ServerContext
from bridge.server.event_stream import Streams
from bridge.server.server import HttpServer
from bridge.server.tcp import TcpPlace
from tests.world.records import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bridge.server.auth import Access
    from bridge.store.store import Store

TOKEN = "token-0123456789abcdef"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Api:
    """A server of the API. ``woken`` lists which parts of the bridge it woke; ``now`` is the time."""

    store: Store
    access: Access
    hook_watch: bool = False
    now: datetime = NOW
    woken: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    streams: Streams = field(default_factory=Streams)
    url: str = ""

    @contextmanager
    def running(self) -> Iterator[Api]:
        context = ServerContext(
            self.store,
            lambda: self.now,
            lambda: self.woken.append("poller"),
            lambda: self.woken.append("dispatchers"),
            lambda where, _: self.troubles.append(where),
            self.streams,
            hook_watch=self.hook_watch,
        )
        app = make_app(lambda: Health({}), lambda _: (b"", "text/plain"), access=self.access, context=context)
        server = HttpServer(app, TcpPlace("127.0.0.1", 0), streams=self.streams)
        server.start()
        self.url = "http://{}:{}".format(*server.address)
        try:
            yield self
        finally:
            server.stop(1)

    def ask(self, method: str, path: str, json: Any = None, **more: Any) -> requests.Response:
        """Ask with the token, unless other headers are given."""
        with requests.Session() as session:
            session.trust_env = False
            headers = more.pop("headers", SHOWN)
            return session.request(method, self.url + path, json=json, headers=headers, timeout=10, **more)

    def get(self, path: str, **params: Any) -> Any:
        """Read something that there is."""
        answer = self.ask("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, json: Any = None, status: int = 200) -> Any:
        """Change something."""
        answer = self.ask("POST", path, json)
        assert answer.status_code == status, answer.text
        return answer.json()
