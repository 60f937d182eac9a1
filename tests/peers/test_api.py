"""The API through other people's programs: behind nginx, with and without its path, and called from Node."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from bridge.domain.settings.external_url import parse_external
from bridge.server.auth import Access
from bridge.server.middleware import LARGEST_BODY
from tests.world.api import SHOWN, TOKEN, Api
from tests.world.programs import find
from tests.world.records import fail_some, known
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.store.store import Store

pytestmark = pytest.mark.peers

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def nginx(folder: Path, to: str) -> Iterator[str]:
    """Serve what is at ``to`` under ``/wa/``, as the documentation says."""
    program = find("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.mkdir()
    (shown,) = re.findall(r"```nginx\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    location = shown.replace("http://127.0.0.1:8095", to)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, location=location))
    running = subprocess.Popen([program, "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")])
    try:
        until(lambda: answers(port))
        yield f"http://127.0.0.1:{port}/wa"
    finally:
        running.terminate()
        running.wait(10)


def test_behind_nginx_the_api_works_whether_or_not_it_takes_its_path_off(sqlite_store: Store, tmp_path: Path) -> None:
    fail_some(sqlite_store, [1, 2])
    outside = {"Host": "bridge.example.com", **SHOWN}
    access = Access("127.0.0.1", TOKEN, parse_external("https://bridge.example.com/wa"))
    with Api(sqlite_store, access).running() as api, requests.Session() as session:
        session.trust_env = False
        for number, to in enumerate((api.url, f"{api.url}/")):
            with nginx(tmp_path / str(number), to) as url:
                page = session.get(f"{url}/v1/messages?limit=1", headers=outside, timeout=10)
                assert page.headers["link"].startswith("<https://bridge.example.com/wa/v1/messages?limit=1&cursor=")
                assert (
                    session.get(f"{url}/v1/messages", headers={"Host": "bridge.example.com"}, timeout=10).status_code
                    == 401
                )
                origin = {**outside, "Origin": "https://bridge.example.com"}
                handed = session.post(f"{url}/v1/messages", json={"id": 7 + number}, headers=origin, timeout=10)
                assert handed.json()["watched"] == [7 + number]
                with session.get(f"{url}/v1/events/stream?after=0", headers=outside, stream=True, timeout=10) as stream:
                    lines = (line for line in stream.iter_lines(decode_unicode=True) if line.startswith("data:"))
                    assert '"message_id": 1' in next(lines)


def test_nginx_lets_through_what_the_api_takes(sqlite_store: Store, tmp_path: Path) -> None:
    """One byte more is refused by the bridge: nginx lets through the largest table, too."""
    headers = {"Host": "bridge.example.com", "Content-Type": "application/json", **SHOWN}
    access = Access("127.0.0.1", TOKEN, parse_external("https://bridge.example.com/wa"))
    with Api(sqlite_store, access).running() as api, requests.Session() as session:
        session.trust_env = False
        with nginx(tmp_path / "nginx", api.url) as url:
            for size, status in ((LARGEST_BODY, 200), (LARGEST_BODY + 1, 413)):
                body = b'{"id": 7}'.ljust(size)
                assert session.post(f"{url}/v1/messages", body, headers=headers, timeout=10).status_code == status


def test_what_the_docs_show_for_node_hands_a_message_over(sqlite_store: Store, tmp_path: Path) -> None:
    node = find("node")
    (shown,) = re.findall(r"```js\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    with Api(sqlite_store, Access(token=TOKEN)).running() as api:
        script = f"const sent = {json.dumps({'msg_id': 12346})};\n{shown.replace('http://127.0.0.1:8095', api.url)}"
        (tmp_path / "hand.mjs").write_text(script, encoding="utf-8")
        environ = {"WBIZ_BRIDGE_TOKEN": TOKEN}
        ran = subprocess.run(
            [node, "hand.mjs"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=30
        )
        assert ran.returncode == 0, ran.stderr
    message = known(sqlite_store, 12346)
    assert (message.label, message.tags) == ("Invoice 88", {"team": "billing"})
