"""The image of deploy/Dockerfile at work, in namespaces of its own: tests/world/container.py says what is real."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from bridge.domain.model import Status
from bridge.simulator.sink import Sink
from tests.world.container import Container, what_is_missing
from tests.world.deploy import image, manifest
from tests.world.programs import find
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.simulator.api import Simulator

pytestmark = pytest.mark.peers

TOKEN = "0123456789abcdef" * 4
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


@pytest.fixture
def container(tmp_path: Path, simulator: Simulator, sink: Sink) -> Iterator[Container]:
    """A container with the configuration and the secrets of the manifest, filled in, that is not started yet."""
    missing = what_is_missing()
    if missing is not None:
        pytest.skip(f"not on this platform: {missing}")
    with Container(tmp_path, Path(find("tini"))) as made:
        made.secrets.write(secrets(simulator, sink))
        made.config.write({"config.yaml": config(simulator)})
        yield made


def secrets(simulator: Simulator, sink: Sink, **more: str) -> dict[str, str]:
    return {
        "wbiztool-api-key": f"{simulator.api_key}\n",  # as an editor leaves it
        "slack-url": sink.url,
        "http-token": f"{TOKEN}\n",
        **more,
    }


def config(simulator: Simulator, kind: str = "sqlite", **more: Any) -> str:
    """The configuration in a manifest, for this account, at a port that the system gives."""
    filled = yaml.safe_load(manifest(kind, "ConfigMap")["data"]["config.yaml"])
    filled["wbiztool"] |= {"client_id": simulator.client_id, "base_url": simulator.base_url}
    assert filled["http"]["listen"] == "0.0.0.0:8095"
    filled["http"]["listen"] = "0.0.0.0:0"
    return yaml.safe_dump({**filled, "poll": {"every": "250ms"}, **more})


def address(container: Container) -> str:
    return str(container.wait_for("started")["http"]).replace("0.0.0.0", "127.0.0.1")


def test_it_works_without_name_home_rights_or_a_root_to_write_on(
    container: Container, simulator: Simulator, sink: Sink
) -> None:
    simulator.account.put(1, Status.FAILED, "Invalid phone number")
    container.start(tmp=False)
    (told,) = sink.wait_for(1, 30)
    assert b"message 1 failed: invalid phone number" in told.body
    assert container.run("id").stdout.startswith("uid=65532 gid=65532")
    assert container.run("touch", "/x", check=False).returncode
    assert container.run("touch", "/tmp/x", check=False).returncode
    assert (container.data / "bridge.db").stat().st_uid == 65532
    assert_daemon_is_found(container)
    assert "WbizTool accepts the credentials" in container.run("wbiz-bridge", "check", "--online").stdout
    assert "delivered" in container.run("wbiz-bridge", "test", "ops").stdout
    assert container.run("wbiz-bridge", "backup", "/data/copy.db").stdout
    loud = [line for line in container.log().splitlines() if '"level": "info"' not in line]
    assert len(loud) == 1, "the event, and nothing about the container"


def assert_daemon_is_found(container: Container) -> None:
    """By a command beside it, as of `docker exec`; without the daemon, it would read the database and say so."""
    shown = container.run("wbiz-bridge", "status")
    assert (shown.stdout.startswith("the bridge works; 1 incident is open"), shown.stderr) == (True, "")


def test_probes_are_open_and_the_rest_needs_the_token(container: Container) -> None:
    container.start()
    url = address(container)
    elsewhere = {"Host": "10.1.2.3:8095"}  # as a kubelet asks
    for path in ("/healthz", "/readyz"):
        assert requests.get(url + path, headers=elsewhere, timeout=10).status_code == 200
    for path in ("/", "/health", "/metrics", "/v1/messages"):
        assert requests.get(url + path, timeout=10).status_code == 401
        assert requests.get(url + path, headers={**BEARER, "Host": "wbiz-bridge:8095"}, timeout=10).status_code == 200


def test_health_check_is_passed_only_while_the_daemon_answers(container: Container) -> None:
    container.start()
    port = address(container).rpartition(":")[2]
    *program, code = image().health_check
    assert code.count("8095") == 1

    def code_at(port: str) -> int:
        return container.run(*program, code.replace("8095", port), check=False).returncode

    assert code_at(port) == 0
    assert code_at("1") == 1
    (daemon,) = children(container.pid)
    os.kill(daemon, signal.SIGSTOP)
    try:
        assert code_at(port) == 1
    finally:
        os.kill(daemon, signal.SIGCONT)


@pytest.mark.parametrize("command", [[], ["wbiz-bridge", "run"]], ids=["by tini", "as PID 1 itself"])
def test_sigterm_ends_it_in_time_and_the_next_one_goes_on(
    container: Container, simulator: Simulator, sink: Sink, command: list[str]
) -> None:
    simulator.account.put(1, Status.FAILED)
    container.start(*command)
    sink.wait_for(1, 30)
    container.wait_for("delivered")
    code, seconds = container.stop()
    assert (code, seconds < 5) == (0, True)
    assert container.lines("stopping")[-1]["why"] == "SIGTERM"
    simulator.account.put(2, Status.FAILED)
    container.start(*command)
    container.wait_for("delivered", 2)
    assert container.stop()[0] == 0
    assert sink.count == 2


def test_change_of_a_config_map_or_a_secret_takes_effect(
    container: Container, simulator: Simulator, sink: Sink
) -> None:
    """The kubelet exchanges a link: no file that the daemon has read is written."""
    container.start()
    container.wait_for("started")
    container.config.write({"config.yaml": config(simulator, messages=[7])})
    assert container.wait_for("config_reloaded")["changed"] == ["messages (1 added)"]
    with Sink() as other:
        container.secrets.write(secrets(simulator, other))
        assert container.wait_for("config_reloaded", 2)["changed"] == ["receivers.ops.slack"]
        simulator.account.put(7, Status.FAILED)
        other.wait_for(1, 30)
    container.config.write({"config.yaml": "nonsense: [\n"})
    container.wait_for("config_reload_refused")
    assert sink.count == 0


def test_what_a_program_leaves_behind_is_taken_care_of(container: Container, simulator: Simulator) -> None:
    """Whose parent has ended becomes a child of PID 1, which must take its exit code, or it stays as a zombie."""
    # What is still in its process group is ended with it: `sleep 1` lets the others get out.
    leaves = "setsid sleep 4 & setsid sleep 4 & sleep 1; cat >/dev/null"
    receivers = [{"name": "sms", "command": ["/bin/sh", "-c", leaves], "events": ["failed"]}]
    container.config.write({"config.yaml": config(simulator, receivers=receivers)})
    simulator.account.put(1, Status.FAILED)
    container.start()
    container.wait_for("delivered")
    until(lambda: len(children(container.pid)) == 3)  # the daemon and what was left
    until(lambda: len(children(container.pid)) == 1)


def children(pid: int) -> list[int]:
    """The children of a process, zombies too."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def test_manifest_that_was_not_filled_in_is_refused_in_words(container: Container) -> None:
    container.config.write({"config.yaml": manifest("sqlite", "ConfigMap")["data"]["config.yaml"]})
    container.start()
    assert container.wait() == 78
    assert "config.yaml:2:14: wbiztool.client_id: must be a whole number" in container.log()


def test_address_for_others_without_a_token_is_refused_in_words(container: Container, simulator: Simulator) -> None:
    container.config.write({"config.yaml": config(simulator, http={"listen": "0.0.0.0:8095"})})
    container.start()
    assert container.wait() == 78
    assert "http.token" in container.log()


def test_volume_of_somebody_else_is_refused_in_words(container: Container) -> None:
    os.chown(container.data, 0, 0)
    container.start()
    assert container.wait() == 74
    assert "user 65532 may not" in container.log()


@pytest.mark.postgres
def test_several_share_a_postgresql_database(
    container: Container, simulator: Simulator, sink: Sink, postgres_url: str
) -> None:
    url = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    container.secrets.write(secrets(simulator, sink, **{"database-url": f"{url}\n"}))
    container.config.write({"config.yaml": config(simulator, "postgres")})
    simulator.account.put(1, Status.FAILED)
    container.start()
    sink.wait_for(1, 30)
    assert_daemon_is_found(container)
    assert list(container.data.iterdir()) == []
    code, seconds = container.stop()
    assert (code, seconds < 5) == (0, True)
