"""The real daemon beside a simulated WbizTool, for tests that are about who is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

from bridge.domain.model import Status
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from bridge.simulator.api import Simulator

MESSAGE: dict[str, Any] = {"id": 12346, "label": "Facture n° 88 « Ωmega » 🧾", "tags": {"team": "billing"}}
"""What is watched. Its label is one that a careless reader of bytes gets wrong."""
ERROR = "Invalid phone number"


class Bridge:
    """A daemon that watches one message, pending at first, and tells these receivers.

    Args:
        folder: For its files.
        environment: What the receivers' ``${…}`` stand for.
        poll: More of what the configuration says of polling.
        others: Ids of more messages, to which the same happens.
        hurry: Divide the waits between deliveries by this.
    """

    def __init__(
        self,
        folder: Path,
        simulator: Simulator,
        receivers: Iterable[Mapping[str, Any]],
        *,
        environment: Mapping[str, str] | None = None,
        poll: Mapping[str, str] | None = None,
        others: Sequence[int] = (),
        hurry: float = 1,
    ) -> None:
        self.folder = folder
        self._simulator = simulator
        self._environment = environment or {}
        self._ids = [MESSAGE["id"], *others]
        self._all_are(Status.PENDING)
        folder.mkdir(exist_ok=True)
        polling = {"every": "250ms", **(poll or {})}
        write_config(folder, bridge_config(simulator, receivers, [MESSAGE, *others], poll=polling))
        self.daemon = Daemon(folder, hurry=hurry, extra=self._environment)

    def __enter__(self) -> Self:
        self.daemon.__enter__()
        self.daemon.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.__exit__()

    def fails(self) -> None:
        """Let the message fail."""
        self._all_are(Status.FAILED, ERROR)

    def is_sent(self) -> None:
        """Let the message be sent."""
        self._all_are(Status.SENT)

    def _all_are(self, status: Status, error: str | None = None) -> None:
        for message_id in self._ids:
            self._simulator.account.put(message_id, status, error)

    def deliveries(self, receiver: str) -> list[dict[str, Any]]:
        """What the bridge itself says of what it told a receiver, the latest first."""
        listing = ["deliveries", "--receiver", receiver, "--json"]
        done = command(self.folder, *listing, extra=self._environment)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def delivered(self, receiver: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until this many events have reached a receiver, and say how the bridge shows it."""
        until(lambda: len(self._said("delivered", receiver)) >= count)
        return self.deliveries(receiver)

    def refused(self, receiver: str) -> dict[str, Any]:
        """Wait until a receiver has not taken an event, and say how the bridge shows it."""
        until(lambda: bool(self._said("delivery_failed", receiver)))
        return self.deliveries(receiver)[0]

    def _said(self, what: str, receiver: str) -> list[dict[str, Any]]:
        whole, _, _ = self.daemon.log().rpartition("\n")
        lines = (json.loads(line) for line in whole.splitlines())
        return [line for line in lines if line["event"] == what and line.get("receiver") == receiver]
