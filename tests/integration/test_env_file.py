"""``.env`` beside the configuration, for commands that nobody has set variables for, and for the running daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.domain.model import Status
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, account, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.simulator.sink import Sink

NEW_KEY = "the-key-after-the-rotation"
SECRET = "marked-secret-of-the-receiver"


def write(folder: Path, simulator: Simulator, sink: Sink, key: str) -> None:
    """Write a configuration whose account, receiver and socket are in ``.env``."""
    hook = {"name": "crm", "webhook": "${HOOK}", "events": ["*"]}
    wbiztool = account(simulator, api_key="${KEY}", client_id="${ID}")
    settings = bridge_config(simulator, [hook], [1], wbiztool=wbiztool, control="${SOCKET}")
    write_config(folder, settings)
    keep(folder, simulator, sink, key)


def keep(folder: Path, simulator: Simulator, sink: Sink, key: str) -> None:
    file = folder / ".env"
    file.touch(mode=0o600)
    file.write_text(
        f"ID={simulator.client_id}\nexport KEY='{key}'\nHOOK=\"{sink.url}?{SECRET}\"\nSOCKET=run.sock\n",
        encoding="utf-8",
    )


def test_cron_needs_no_variables(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    """README's line for cron, which runs with next to nothing in its environment."""
    simulator.account.put(1, Status.FAILED, "Invalid phone number")
    write(tmp_path, simulator, sink, simulator.api_key)
    for arguments in (["check", "--online"], ["poll"], ["test", "crm"]):
        done = command(tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
        assert not [secret for secret in (simulator.api_key, SECRET) if secret in done.stdout + done.stderr]
    assert len(sink.records()) == 2


@pytest.mark.waits
def test_new_key_takes_effect_without_a_signal_and_is_in_no_log(
    tmp_path: Path, simulator: Simulator, sink: Sink
) -> None:
    simulator.account.put(1)
    write(tmp_path, simulator, sink, simulator.api_key)
    with Daemon(tmp_path) as daemon:
        daemon.wait_until_ready()
        until(lambda: simulator.polls[1] > 0)
        assert command(tmp_path, "messages").stderr == "", "the daemon is found by ${SOCKET}"
        keep(tmp_path, simulator, sink, "a key that's wrong")
        until(lambda: "config_reload_refused" in daemon.log())
        assert ".env:2:1: this line is not of the form NAME=value" in daemon.log()
        simulator.account.api_key = NEW_KEY
        keep(tmp_path, simulator, sink, NEW_KEY)
        until(lambda: "config_reloaded" in daemon.log())
        polled = simulator.polls[1]
        until(lambda: simulator.polls[1] > polled + 1)
        assert "wbiztool.api_key" in daemon.log()
        assert not [secret for secret in (NEW_KEY, SECRET, "a key that") if secret in daemon.log()]
        assert daemon.stop()[0] == 0
