"""Commands at root's shell beside the service, with nothing else said: they ask it, and no database of root's."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from tests.world.service import CONFIG, PROGRAM, Service
from tests.world.waiting import until

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from tests.world.machine import Machine

pytestmark = pytest.mark.systemd

RUNTIME = "/run/wbiz-bridge"


def bridge(service: Service, line: str, user: str = "root") -> CompletedProcess[str]:
    command = [PROGRAM, *shlex.split(line), *service.instance]
    return service.machine.run(["setpriv", f"--reuid={user}", "--clear-groups", *command], check=False)


def said(service: Service, line: str) -> Any:
    done = bridge(service, f"{line} --json")
    assert (done.returncode, done.stderr) == (0, ""), done
    return json.loads(done.stdout)


def test_root_speaks_to_the_service(service: Service) -> None:
    service.watch(1)
    service.start()
    until(lambda: bridge(service, "status").returncode == 0)
    assert said(service, "watch 777")["watched"] == [777]
    until(lambda: service.simulator.polls[777] > 0)
    service.simulator.account.put(1, Status.FAILED, "Invalid phone number")
    until(lambda: "message.failed" in [event["type"] for event in said(service, "events")])
    assert {each["id"] for each in said(service, "messages")} == {1, 777}
    assert said(service, "test crm")["outcome"] == "delivered"
    assert said(service, "deliveries")
    done = bridge(service, "backup /root/copy.db")
    assert (done.returncode, "checked" in done.stdout) == (0, True), done
    assert service.machine.run(["stat", "--format=%a %U", "/root/copy.db"]).stdout == "600 root\n"
    assert not service.exists("/root/.local/state/wbiz-bridge/bridge.db"), "root has no database of its own now"


def test_the_socket_is_the_services_and_roots(service: Service) -> None:
    service.watch(1)
    service.start()
    modes = service.machine.run(["stat", "--format=%a %U", RUNTIME, f"{RUNTIME}/control.sock"]).stdout
    assert modes.split("\n")[:2] == ["700 wbiz-bridge", "600 wbiz-bridge"]
    assert bridge(service, "messages", "wbiz-bridge").returncode == 0
    for line in ("status", "watch 9", "backup /tmp/never"):
        done = bridge(service, line, "nobody")
        assert done.returncode == 1
        assert f"may not ask the daemon at {RUNTIME}/control.sock: only root and the daemon's own user" in done.stderr
    service.systemctl("stop")
    assert not service.exists(RUNTIME)


def test_while_it_is_stopped_its_database_is_read_and_stays_its_own(service: Service) -> None:
    service.watch(1)
    service.start()
    until(lambda: service.simulator.polls[1] > 0)
    service.systemctl("stop")
    assert bridge(service, "status").returncode == 3
    listed = bridge(service, "messages")
    assert listed.stderr == "note: no daemon is running on /var/lib/wbiz-bridge/bridge.db\n"
    assert "pending" in listed.stdout
    assert bridge(service, "watch 8").stdout == "watching 8\n"
    assert bridge(service, f"check -c {CONFIG}").returncode == 0
    service.start()
    until(lambda: service.simulator.polls[8] > 0)
    assert service.show("NRestarts") == "0"


def test_each_instance_has_its_own(machine: Machine) -> None:
    with Simulator() as simulator, Sink() as sink:
        shop = Service(machine, simulator, sink, instance="shop")
        shop.install()
        try:
            assert bridge(shop, "status").returncode == 3
            shop.watch(1)
            shop.start()
            until(lambda: bridge(shop, "status").returncode == 0)
            assert said(shop, "status")["configuration"] == "/etc/wbiz-bridge/shop/config.yaml"
            by_file = machine.run([PROGRAM, "messages", "--json", "-c", "/etc/wbiz-bridge/shop/config.yaml"])
            for listed in (said(shop, "messages"), json.loads(by_file.stdout)):
                assert [each["id"] for each in listed] == [1]
        finally:
            shop.remove()
