"""The daemon over HTTP: health and metrics as a monitor sees them, and a server that follows the configuration."""

from __future__ import annotations

import json
import re
import signal
import socket
from functools import partial
from typing import TYPE_CHECKING

import pytest
import requests

from bridge.config.models import HttpConfig
from bridge.domain.model import Status
from bridge.domain.settings.listen_address import Listen
from bridge.simulator.sink import Answer, Sink
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.api import Simulator

TOKEN = "a-token-of-at-least-some-length"


def address(daemon: Daemon) -> str:
    until(lambda: '"http": "http://' in daemon.log())
    (found,) = re.findall(r'"http": "(http://[^"]+)"', daemon.log())
    return str(found)


def get(url: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, timeout=5)


def poll_now(url: str, **headers: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"{url}/v1/messages/1/poll", headers=headers, timeout=5).status_code


def metrics(url: str) -> dict[str, float]:
    text = get(f"{url}/metrics").text
    return {name: float(value) for name, value in re.findall(r"^([^#\s]\S*) (\S+)$", text, re.MULTILINE)}


@pytest.mark.slow
def test_a_monitor_sees_what_goes_wrong_and_what_was_done(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    simulator.account.put(1, Status.FAILED, "no such number")
    simulator.account.put(2)
    settings = bridge_config(simulator, sink, [1, 2], http={"listen": "127.0.0.1:0"})
    write_config(tmp_path, settings)
    with Daemon(tmp_path, hurry=1000) as daemon:
        daemon.wait_until_ready()
        url = address(daemon)
        sink.wait_for(2)
        assert get(f"{url}/healthz").text == "ok\n"
        until(lambda: get(f"{url}/health").status_code == 200)
        until(lambda: metrics(url)['wbiz_bridge_deliveries_total{outcome="delivered",receiver="crm"}'] == 2)
        assert metrics(url)['wbiz_bridge_transitions_total{status="failed"}'] == 1
        assert metrics(url)["wbiz_bridge_config_last_reload_successful"] == 1

        sink.answer = lambda _: Answer.status(500)
        simulator.account.put(2, Status.FAILED, "no such number")
        until(lambda: get(f"{url}/health").status_code == 503)
        assert get(f"{url}/readyz").status_code == 200  # a receiver that is down takes the API away from nobody
        answer = get(f"{url}/health").json()
        assert not answer["checks"]["receiver/crm"]["ok"]
        checks = json.loads(command(tmp_path, "status", "--json").stdout)["checks"]
        assert {name for name, check in checks.items() if not check["ok"]} == {"receiver/crm"}
        sink.answer = lambda _: Answer.ok()
        until(lambda: get(f"{url}/health").status_code == 200)

        write_config(tmp_path, {**settings, "retention": "wrong"})
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: get(f"{url}/health").status_code == 503)
        assert "retention" in get(f"{url}/health").json()["checks"]["configuration"]["why"]
        assert metrics(url)["wbiz_bridge_config_last_reload_successful"] == 0
        assert daemon.stop()[0] == 0


@pytest.mark.slow
def test_the_server_follows_the_configuration(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        used, port = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        settings = bridge_config(simulator, sink, http={"listen": "127.0.0.1:0"})
        write_config(tmp_path, settings)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            before = address(daemon)

            def reload(http: object) -> None:
                done = daemon.log().count('"event": "config_reload')
                write_config(tmp_path, {**settings, "http": http})
                daemon.process.send_signal(signal.SIGHUP)
                until(lambda: daemon.log().count('"event": "config_reload') > done)

            reload({"listen": f"127.0.0.1:{used}"})
            assert "the port is taken" in daemon.log().splitlines()[-1]
            assert get(f"{before}/healthz").ok, "the old configuration stays in force, whole"
            reload({"listen": f"127.0.0.1:{port}", "token": TOKEN})
            with pytest.raises(requests.ConnectionError):
                get(f"{before}/healthz")
            assert get(f"http://127.0.0.1:{port}/metrics").ok
            assert poll_now(f"http://127.0.0.1:{port}") == 401
            assert poll_now(f"http://127.0.0.1:{port}", Authorization=f"Bearer {TOKEN}") == 404
            reload({"listen": f"127.0.0.1:{port}"})
            assert poll_now(f"http://127.0.0.1:{port}", Authorization=f"Bearer {TOKEN}") == 403
            reload(False)
            with pytest.raises(requests.ConnectionError):
                get(f"http://127.0.0.1:{port}/healthz")
            assert daemon.stop()[0] == 0
        assert TOKEN not in daemon.log()


@pytest.mark.slow
@pytest.mark.parametrize("asked", [True, False], ids=["asked-for", "default"])
def test_port_taken_at_the_start_is_tried_until_it_is_free(
    tmp_path: Path, simulator: Simulator, sink: Sink, asked: bool
) -> None:
    """Polling and delivering go on meanwhile, and `status` names the port, its trouble and what to do."""
    simulator.account.put(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        http = {"listen": f"127.0.0.1:{port}"} if asked else {}
        write_config(tmp_path, bridge_config(simulator, sink, [1], http=http))
        with Daemon(tmp_path, first=None if asked else partial(be_by_default, port)) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(1)
            until(lambda: "http" in ill(tmp_path))
            said = command(tmp_path, "status")
            assert said.returncode == 1
            assert f"HTTP cannot listen at 127.0.0.1:{port}: the port is taken" in said.stdout
            assert f"HTTP cannot listen at 127.0.0.1:{port}: the port is taken" in daemon.log()
            taken.close()
            until(lambda: answers(port))
            until(lambda: ill(tmp_path) == set())
            assert f'"http": "http://127.0.0.1:{port}", "event": "http_listens"' in daemon.log()
            assert daemon.stop()[0] == 0


@pytest.mark.slow
def test_port_that_is_awaited_refuses_no_other_change(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """Nor does a daemon that ends leave word of it."""
    simulator.account.put(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        http = {"listen": f"127.0.0.1:{taken.getsockname()[1]}"}
        write_config(tmp_path, bridge_config(simulator, sink, http=http))
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            write_config(tmp_path, bridge_config(simulator, sink, [1], http={**http, "token": TOKEN}))
            daemon.process.send_signal(signal.SIGHUP)
            sink.wait_for(1)
            until(lambda: '"event": "config_reloaded"' in daemon.log())
            assert daemon.stop()[0] == 0
    assert "http" not in ill(tmp_path)


def ill(folder: Path) -> set[str]:
    """Which checks of `status` are not well."""
    checks = json.loads(command(folder, "status", "--json").stdout)["checks"]
    return {name for name, check in checks.items() if not check["ok"]}


def answers(port: int) -> bool:
    try:
        return get(f"http://127.0.0.1:{port}/healthz").ok
    except requests.ConnectionError:
        return False


def be_by_default(port: int) -> None:
    """Let this be the port where nobody asks for another."""
    HttpConfig.model_fields["listen"].default = Listen("127.0.0.1", port)
    HttpConfig.model_rebuild(force=True)
