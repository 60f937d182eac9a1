"""The service as an operator sees it: a real systemd starts, watches, reloads, stops and removes the real bridge."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from bridge.domain.model import Status
from bridge.simulator.sink import Answer
from tests.world.service import API_KEY, CONFIG, DATABASE, PROGRAM, SLACK_URL, UNIT, Service, events
from tests.world.waiting import until

if TYPE_CHECKING:
    from tests.world.machine import Machine

pytestmark = pytest.mark.systemd


def test_the_steps_of_the_readme_lead_to_alerts(service: Service) -> None:
    """What `service install` leaves to do is filled in, `check` agrees, and a failed message arrives in Slack."""
    checked = service.machine.run([PROGRAM, "check", "--online", "-c", CONFIG])
    assert "WbizTool accepts the credentials" in checked.stdout
    service.start()
    assert service.systemctl("is-enabled").stdout == "enabled\n"
    until(lambda: service.simulator.polls[1] > 0)
    service.simulator.account.put(1, Status.FAILED, "Invalid phone number")
    until(lambda: len(service.told("slack")) == 1)
    assert "message 1 failed: invalid phone number" in service.told("slack")[0].body.decode()


def test_it_counts_as_started_only_when_it_says_so_and_then_says_what_it_does(service: Service) -> None:
    """`systemctl status` shows "activating" at first, later how many messages are watched and what is queued."""
    service.watch(1, 2)
    service.sink.answer = lambda _: Answer.status(503)
    service.machine.run(["systemctl", "start", "--no-block", "wbiz-bridge"])
    assert service.show("ActiveState") == "activating"
    until(lambda: service.show("ActiveState") == "active")
    assert "messages watched: 2, " in service.show("StatusText")
    service.sink.wait_for(2)
    service.systemctl("restart")
    assert service.show("StatusText").endswith("; messages watched: 2, deliveries queued: 2")
    assert "HTTP 503" in service.show("StatusText"), "what is wrong stands first"


def test_the_keys_reach_the_bridge_and_nobody_else(service: Service) -> None:
    """Files that only root reads are handed over as credentials; the bridge runs as a user of its own."""
    service.start()
    until(lambda: service.simulator.polls[1] > 0)
    pid = service.show("MainPID")
    assert service.machine.run(["stat", "--format=%U", f"/proc/{pid}"]).stdout == "wbiz-bridge\n"
    for path in (API_KEY, SLACK_URL):
        assert service.machine.run(["stat", "--format=%a %U", path]).stdout == "600 root\n"
    handed = "/run/credentials/wbiz-bridge.service/wbiztool-api-key"
    assert service.machine.run(["stat", "--format=%a %U", handed]).stdout == "400 wbiz-bridge\n"
    assert service.read(handed) == service.simulator.api_key
    for secret in (service.simulator.api_key, service.sink.url):
        assert secret not in service.read(f"/proc/{pid}/environ")
        assert secret not in service.read(f"/proc/{pid}/cmdline")
        assert not any(secret in line for line in service.said())


def test_all_that_the_bridge_can_use_works_under_the_unit_s_restrictions(service: Service) -> None:
    """The PostgreSQL driver, TLS and the metrics of the process, too, do without what the unit forbids."""
    code = "import psycopg, ssl, requests; psycopg.pq.version(); ssl.create_default_context(); requests.Session()"
    service.drop_in(f"ExecStartPre=/opt/wbiz-bridge/bin/python -c '{code}'")
    service.watch(1, http="{listen: 127.0.0.1:0}")
    service.start()
    (running,) = (line for line in service.lines() if line["event"] == "started")
    metrics = requests.get(f"{running['http']}/metrics", timeout=10).text
    assert {"process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"} <= set(metrics.split())


def test_nothing_in_the_state_folder_can_be_run(service: Service) -> None:
    """A program that was written beside the database is refused by the kernel, at the first start and at later ones."""
    service.drop_in(
        "ExecStartPre=/bin/sh -c 'cp /bin/true /tmp/true && /tmp/true && cp /bin/true $$STATE_DIRECTORY/program'",
        "ExecStartPre=/bin/sh -c '$$STATE_DIRECTORY/program; echo ended with $$?'",
    )
    for started in (1, 2):
        service.start()
        said = service.said()
        assert sum("program: Permission denied" in line for line in said) == started
        assert sum("ended with 126" in line for line in said) == started
        service.systemctl("stop")


def test_programs_are_refused_until_a_drop_in_allows_them(service: Service) -> None:
    """A receiver with `command:` stops the start in words; allowed, it runs as the bridge's user and ends with it."""
    body = "#!/bin/sh\nid -un >&2; touch /etc/written 2>/dev/null && echo wrote; echo for $WBIZ_MESSAGE_ID; sleep 600\n"
    service.machine.write("/usr/local/bin/resend-by-sms", body, 0o755)
    service.watch(1)
    config = service.read(CONFIG)
    receiver = "  - {name: sms, command: [/usr/local/bin/resend-by-sms], events: [failed], timeout: 3s}\n"
    service.machine.write(CONFIG, config.replace("  - name: crm\n", f"{receiver}  - name: crm\n", 1))
    assert service.systemctl("start").returncode != 0
    assert service.show("ExecMainStatus") == "78"
    assert any("this service may not run programs: allow it in a drop-in" in line for line in service.said())
    service.drop_in("Environment=WBIZ_BRIDGE_COMMANDS=on")
    service.start()
    assert service.systemctl("reload").returncode == 0
    service.simulator.account.put(1, Status.FAILED, "Invalid phone number")
    until(lambda: service.machine.run(["pgrep", "-u", "wbiz-bridge", "sleep"], check=False).returncode == 0)
    until(lambda: any("took longer than 3 s" in line for line in service.said()))
    assert service.machine.run(["pgrep", "sleep", "-u", "wbiz-bridge"], check=False).returncode != 0
    service.systemctl("stop")
    assert service.show("Result") == "success"


def test_a_drop_in_leads_the_calls_through_a_proxy(service: Service) -> None:
    """With `HTTP_PROXY` (for https:// addresses `HTTPS_PROXY`), the proxy is asked for WbizTool's address."""
    proxy = service.sink.url.removesuffix("/hook")
    service.drop_in(f"Environment=HTTP_PROXY={proxy}")
    service.start()
    until(lambda: any(record.path.startswith(service.simulator.base_url) for record in service.sink.records()))
    assert service.simulator.calls.total() == 0


def test_reload_brings_a_changed_configuration_into_force(service: Service) -> None:
    """After `systemctl reload` a new id is polled, by the same process."""
    service.start()
    pid = service.show("MainPID")
    service.watch(1, 2)
    done = service.systemctl("reload")
    assert (done.returncode, done.stderr) == (0, "")
    until(lambda: service.simulator.polls[2] > 0)
    assert service.show("MainPID") == pid


def test_reload_fails_visibly_on_a_wrong_configuration_and_the_bridge_goes_on(service: Service) -> None:
    """`systemctl reload` says that it failed, the journal says why, and the messages of before are still watched."""
    service.start()
    pid = service.show("MainPID")
    service.watch(1, retentoin="30d")
    assert service.systemctl("reload").returncode != 0
    assert any("retentoin: unknown key (did you mean `retention`?)" in line for line in service.said("--priority=err"))
    polled = service.simulator.polls[1]
    until(lambda: service.simulator.polls[1] > polled + 1)
    assert (service.show("ActiveState"), service.show("MainPID")) == ("active", pid)


def test_a_bridge_that_is_killed_is_started_again_and_nothing_is_lost(service: Service) -> None:
    """After SIGKILL, what was queued is delivered, and what happened meanwhile is told."""
    service.watch(1, 2)
    service.sink.answer = lambda _: Answer.hang()
    service.start()
    service.sink.wait_for(2)
    service.simulator.account.put(1, Status.SENT)
    service.signal("KILL")
    service.simulator.account.put(2, Status.FAILED, "Invalid phone number")
    service.sink.answer = lambda _: Answer.ok()
    service.sink.release()
    before = len(service.sink.records())
    until(lambda: {(1, "message.sent"), (2, "message.failed")} <= set(events(service.told("crm")[before:])))
    assert {(1, "message.pending"), (2, "message.pending")} <= set(events(service.told("crm")[before:]))
    assert service.show("NRestarts") == "1"


def test_a_bridge_that_hangs_is_started_again(service: Service) -> None:
    """The watchdog kills a process that was stopped, and the next one goes on."""
    service.drop_in("WatchdogSec=3", "RestartSec=0")
    service.start()
    pid = service.show("MainPID")
    service.signal("STOP")
    until(lambda: service.show("NRestarts") == "1")
    until(lambda: service.show("ActiveState") == "active")
    polled = service.simulator.polls[1]
    until(lambda: service.simulator.polls[1] > polled)
    assert service.show("MainPID") != pid


def test_a_wrong_configuration_is_no_reason_to_try_again_and_again(service: Service) -> None:
    """The service fails with exit code 78 and stays so, until a person fixes the file the journal names."""
    service.watch(1, retentoin="30d")
    assert service.systemctl("start").returncode != 0
    assert (service.show("ExecMainStatus"), service.show("NRestarts")) == ("78", "0")
    assert (service.show("ActiveState"), service.show("SubState")) == ("failed", "failed"), "and not auto-restart"
    assert any(line.startswith(f"{CONFIG}:") for line in service.said("--priority=err"))
    service.watch(1)
    service.start()


def test_stopping_takes_no_more_than_five_seconds_whatever_is_in_flight(service: Service) -> None:
    """`systemctl stop` does not wait for a receiver that hangs; what it did not take arrives after the next start."""
    service.sink.answer = lambda _: Answer.hang()
    service.start()
    service.sink.wait_for(1)
    started = time.monotonic()
    service.systemctl("stop")
    assert time.monotonic() - started < 5
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")
    service.sink.answer = lambda _: Answer.ok()
    service.start()
    service.sink.wait_for(2)
    first, again = service.told("crm")
    assert first.headers["webhook-id"] == again.headers["webhook-id"]


def test_the_journal_knows_how_grave_each_line_is(service: Service) -> None:
    """`journalctl -p warning` shows the failed message and not the delivery; each line is JSON."""
    service.simulator.account.put(1, Status.FAILED, "Invalid phone number")
    service.start()
    until(lambda: any('"delivered"' in line for line in service.said()))
    assert {line["event"] for line in service.lines()} >= {"started", "message.failed", "delivered"}
    assert [line["event"] for line in service.lines("--priority=warning")] == ["message.failed"]


def test_a_reload_hands_over_a_new_key_and_a_signal_does_not(service: Service) -> None:
    """systemd copies credentials at the start, and again for the commands of a reload."""
    service.start()
    handed = "/run/credentials/wbiz-bridge.service/wbiztool-api-key"
    old, new = service.simulator.api_key, "a-new-key-of-the-same-account"
    service.machine.write(API_KEY, new, 0o600)
    service.simulator.account.api_key = new  # the old one is revoked
    service.signal("HUP")
    until(lambda: any('"source.down"' in line for line in service.said()))
    assert service.read(handed) == old
    pid = service.show("MainPID")
    assert service.systemctl("reload").returncode == 0
    assert service.read(handed) == new
    until(lambda: any('"source.up"' in line for line in service.said()))
    assert service.show("MainPID") == pid, "it was not restarted"


def test_uninstalling_removes_the_service_and_keeps_what_is_yours(service: Service) -> None:
    """Unit and process are gone; configuration, keys and history are kept, until `--purge`."""
    service.start()
    service.sink.wait_for(1)
    printed = service.machine.run([PROGRAM, "service", "uninstall"]).stdout
    assert service.show("LoadState") == "not-found"
    assert not service.exists(UNIT)
    for path in (CONFIG, API_KEY, SLACK_URL, DATABASE):
        assert service.exists(path)
    assert "keep    /etc/wbiz-bridge " in printed
    assert "keep    /var/lib/wbiz-bridge " in printed
    service.machine.run([PROGRAM, "service", "uninstall", "--purge"])
    left = service.machine.run(["find", "/etc", "/run", "/var", "-name", "*wbiz*"], check=False).stdout.split()
    assert [path for path in left if "/journal/" not in path] == []


def test_installing_anew_replaces_the_unit_and_nothing_else(service: Service, machine: Machine) -> None:
    """An upgrade keeps configuration, keys, history and drop-ins, and the bridge goes on where it was."""
    service.drop_in("RestartSec=7")
    service.start()
    service.sink.wait_for(1)
    before = [service.read(path) for path in (CONFIG, API_KEY, SLACK_URL)]
    machine.run([PROGRAM, "service", "install", "--start"])
    assert [service.read(path) for path in (CONFIG, API_KEY, SLACK_URL)] == before
    assert service.show("RestartUSec") == "7s"
    service.simulator.account.put(1, Status.SENT)
    until(lambda: events(service.told("crm")) == [(1, "message.pending"), (1, "message.sent")])
