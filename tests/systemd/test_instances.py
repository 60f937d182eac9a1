"""Several accounts on one machine: each has a bridge of its own, which knows nothing of the others."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import requests

from bridge.domain.clock import SystemClock
from bridge.domain.model import Status
from bridge.simulator.account import Account
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from tests.world.service import PROGRAM, Service, events
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world.machine import Machine

pytestmark = pytest.mark.systemd


@pytest.fixture
def accounts(machine: Machine) -> Iterator[tuple[Service, Service]]:
    """Two accounts whose services are installed, each watching a message 1 of its own, and not started yet."""
    with ExitStack() as stack:
        services = []
        for number, name in enumerate(("shop", "support-2"), 1):
            account = Account(SystemClock(), client_id=number, api_key=f"the-key-of-{name}")
            service = Service(
                machine, stack.enter_context(Simulator(account)), stack.enter_context(Sink()), instance=name
            )
            service.install()
            stack.callback(service.remove)
            stack.callback(service.sink.release)
            service.watch(1, http="{listen: 127.0.0.1:0}")
            services.append(service)
        shop, support = services
        yield shop, support


def pid(service: Service) -> str:
    return service.show("MainPID")


def test_two_accounts_run_side_by_side_and_each_is_told_of_its_own_messages(accounts: tuple[Service, Service]) -> None:
    shop, support = accounts
    for service in accounts:
        service.start()
        mounts = service.read(f"/proc/{pid(service)}/mountinfo").splitlines()
        (state,) = (line for line in mounts if f" /var/lib/private/{service.name} " in line)
        assert "noexec" in state.split()[5].split(",")
    shop.simulator.account.put(1, Status.SENT)
    support.simulator.account.put(1, Status.FAILED, "Invalid phone number")
    until(lambda: "message.sent" in [type_ for _, type_ in events(shop.told("crm"))])
    until(lambda: "message.failed" in [type_ for _, type_ in events(support.told("crm"))])
    assert events(shop.told("crm")) == [(1, "message.pending"), (1, "message.sent")]
    assert events(support.told("crm")) == [(1, "message.pending"), (1, "message.failed")]
    addresses = [next(line for line in service.lines() if line["event"] == "started")["http"] for service in accounts]
    assert [requests.get(f"{address}/health", timeout=10).status_code for address in addresses] == [200, 200]


def test_neither_can_see_the_other_s_keys_and_state(accounts: tuple[Service, Service]) -> None:
    for service, name in zip(accounts, ("shop", "support-2"), strict=True):
        service.start()
        user = service.machine.run(["stat", "--format=%U", f"/proc/{pid(service)}"]).stdout
        assert user == f"wbiz-bridge-{name}\n"
        handed = f"/run/credentials/wbiz-bridge@{name}.service/wbiztool-api-key"
        assert service.machine.run(["stat", "--format=%a %U", handed]).stdout == f"400 wbiz-bridge-{name}\n"
        assert service.read(handed) == f"the-key-of-{name}"
        state = f"/var/lib/private/wbiz-bridge@{name}"
        assert service.machine.run(["stat", "--format=%a %U", state]).stdout == f"700 wbiz-bridge-{name}\n"
        assert service.exists(f"/var/lib/wbiz-bridge@{name}/bridge.db")
    uids = {service.machine.run(["stat", "--format=%u", f"/proc/{pid(service)}"]).stdout for service in accounts}
    assert len(uids) == 2


def test_a_reload_checks_one_account_s_configuration_with_its_own_keys(accounts: tuple[Service, Service]) -> None:
    shop, support = accounts
    for service in accounts:
        service.start()
    before = [pid(service) for service in accounts]
    shop.watch(1, 2)
    done = shop.systemctl("reload")
    assert (done.returncode, done.stderr) == (0, "")
    until(lambda: shop.simulator.polls[2] > 0)
    support.watch(1, retentoin="30d")
    assert support.systemctl("reload").returncode != 0
    assert any("/etc/wbiz-bridge/support-2/config.yaml" in line for line in support.said("--priority=err"))
    assert [pid(service) for service in accounts] == before
    assert support.simulator.polls[2] == 0


def test_one_account_s_trouble_is_not_the_other_s(accounts: tuple[Service, Service]) -> None:
    """Refused credentials end one service for good; the other goes on."""
    shop, support = accounts
    support.simulator.account.api_key = "another-one-by-now"
    shop.start()
    assert support.systemctl("start").returncode != 0
    assert (support.show("ExecMainStatus"), support.show("NRestarts")) == ("77", "0")
    polled = shop.simulator.polls[1]
    until(lambda: shop.simulator.polls[1] > polled + 1)
    assert shop.show("ActiveState") == "active"
    assert support.simulator.polls[1] == 0


def test_one_account_is_removed_and_the_other_goes_on(accounts: tuple[Service, Service]) -> None:
    shop, support = accounts
    for service in accounts:
        service.start()
    printed = shop.machine.run([PROGRAM, "service", "uninstall", "--instance", "shop", "--purge"]).stdout
    assert "keep    /etc/systemd/system/wbiz-bridge@.service  (for support-2)" in printed
    for path in ("/etc/wbiz-bridge/shop", "/var/lib/wbiz-bridge@shop", "/var/lib/private/wbiz-bridge@shop"):
        assert not shop.exists(path)
    polled = support.simulator.polls[1]
    until(lambda: support.simulator.polls[1] > polled)
    support.machine.run([PROGRAM, "service", "install", "--instance", "support-2", "--start"])
    polled = support.simulator.polls[1]
    until(lambda: support.simulator.polls[1] > polled)
    assert support.show("ActiveState") == "active"


def test_the_machine_s_first_bridge_and_an_account_s_run_side_by_side(
    accounts: tuple[Service, Service], service: Service
) -> None:
    """Who began with the plain service need not move it to add an account."""
    shop, _ = accounts
    service.start()
    shop.start()
    until(lambda: service.simulator.polls[1] > 0 and shop.simulator.polls[1] > 0)
    refused = service.machine.run([PROGRAM, "service", "uninstall", "--purge"], check=False)
    assert refused.returncode == 1
    assert "purge these first (--instance shop, --instance support-2)" in refused.stderr
    assert service.show("ActiveState") == "active"
    for each in accounts:
        each.remove()
