"""The bridge as a service on a machine with systemd, between a simulated WbizTool and a local receiver."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Recorded, Sink
    from tests.world.machine import Machine

PROGRAM = "/opt/wbiz-bridge/bin/wbiz-bridge"
UNIT = "/etc/systemd/system/wbiz-bridge.service"
CONFIG = "/etc/wbiz-bridge/config.yaml"
API_KEY = "/etc/wbiz-bridge/wbiztool-api-key"
SLACK_URL = "/etc/wbiz-bridge/slack-url"
DATABASE = "/var/lib/wbiz-bridge/bridge.db"


class Service:
    """What an operator does with the service, and sees of it: the machine's only one, or one account's of several."""

    def __init__(self, machine: Machine, simulator: Simulator, sink: Sink, instance: str | None = None) -> None:
        self.machine = machine
        self.simulator = simulator
        self.sink = sink
        self.name = "wbiz-bridge" if instance is None else f"wbiz-bridge@{instance}"
        self.folder = "/etc/wbiz-bridge" if instance is None else f"/etc/wbiz-bridge/{instance}"
        self.instance = [] if instance is None else ["--instance", instance]
        self._skeleton = ""
        self._since = f"--since=@{time.time():.6f}"  # not a cursor: with a filter, it makes journalctl skip an entry

    def install(self) -> str:
        """Install it as the README says, fill in the keys, and return what was printed."""
        client_id = str(self.simulator.client_id)
        printed = self.machine.run([PROGRAM, "service", "install", "--client-id", client_id, *self.instance]).stdout
        self.machine.write(f"{self.folder}/wbiztool-api-key", self.simulator.api_key, 0o600)
        self.machine.write(f"{self.folder}/slack-url", f"{self.sink.url}?slack", 0o600)
        self._skeleton = self.read(f"{self.folder}/config.yaml")
        return printed

    def watch(self, *ids: int, **more: str) -> None:
        """Fill the installed configuration in: messages, each Pending at first, a webhook beside Slack, other keys."""
        for message_id in ids:
            if message_id not in self.simulator.account.history():
                self.simulator.account.put(message_id)
        listed = "".join(f"  - {message_id}\n" for message_id in ids)
        skeleton = self._skeleton.partition("\n# Health and metrics:")[0]  # what follows is said again below
        text = skeleton.replace("wbiztool:\n", f"wbiztool:\n  base_url: {self.simulator.base_url}\n", 1)
        text = text.replace("\nmessages:\n", f"\nmessages:\n{listed}", 1)
        text += f"\n  - name: crm\n    webhook: {self.sink.url}?crm\n    events: ['*']\n"
        settings = {"poll": "{every: 250ms, attempts: 1}", "http": "off", **more}
        text += "".join(f"{key}: {value}\n" for key, value in settings.items())
        self.machine.write(f"{self.folder}/config.yaml", text)

    def drop_in(self, *lines: str) -> None:
        """Change the unit as `systemctl edit` does."""
        self.machine.write(f"{UNIT}.d/override.conf", "\n".join(["[Service]", *lines, ""]))
        self.machine.run(["systemctl", "daemon-reload"])

    def start(self) -> None:
        """Start it, now and with the machine."""
        self.machine.run(["systemctl", "enable", "--now", self.name])

    def systemctl(self, verb: str) -> subprocess.CompletedProcess[str]:
        """Do something to it, which may fail."""
        return self.machine.run(["systemctl", verb, self.name], check=False)

    def show(self, name: str) -> str:
        """One of its properties, as systemd has it."""
        return self.machine.run(["systemctl", "show", "--value", f"--property={name}", self.name]).stdout.strip()

    def signal(self, name: str) -> None:
        """Send a signal to its main process."""
        self.machine.run(["systemctl", "kill", "--kill-whom=main", f"--signal={name}", self.name])

    def read(self, path: str) -> str:
        """Read a file of the machine."""
        return self.machine.run(["cat", path]).stdout

    def exists(self, path: str) -> bool:
        """Whether the machine has it."""
        return self.machine.run(["test", "-e", path], check=False).returncode == 0

    def said(self, *options: str) -> list[str]:
        """What it, and systemd about it, has written to the journal in this test, oldest first."""
        self.machine.run(["journalctl", "--sync"])
        command = ["journalctl", f"--unit={self.name}", "--output=cat", self._since, *options]
        return self.machine.run(command).stdout.splitlines()

    def lines(self, *options: str) -> list[dict[str, Any]]:
        """The lines of its own log among these."""
        return [json.loads(line) for line in self.said("_COMM=wbiz-bridge", *options)]

    def told(self, receiver: str) -> list[Recorded]:
        """What a receiver got so far."""
        return [record for record in self.sink.records() if record.path.endswith(f"?{receiver}")]

    def remove(self) -> None:
        """Leave nothing of it on the machine."""
        self.machine.run([PROGRAM, "service", "uninstall", "--purge", *self.instance])
        self.machine.run(["systemctl", "reset-failed", self.name], check=False)


def events(records: Iterable[Recorded]) -> list[tuple[int, str]]:
    """The message and the type of each event that a webhook got."""
    bodies = [json.loads(record.body) for record in records]
    return [(body["data"].get("message_id"), body["type"]) for body in bodies]
