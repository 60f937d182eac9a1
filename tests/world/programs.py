"""Other people's programs, each a process on a port of its own on loopback.

``.ci/peers FOLDER`` brings them; ``WBIZ_BRIDGE_TEST_PEERS`` names the folder, by default ``.peers`` in this repository.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from tests.world.daemon import environment
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
PEERS = Path(os.environ.get("WBIZ_BRIDGE_TEST_PEERS") or ROOT / ".peers").resolve()
NODE_MODULES = PEERS / "node_modules"
_LOOPBACK = {"0100007F", "00000000000000000000000001000000"}  # as /proc/net/tcp and tcp6 write them
_LISTENS = "0A"


def find(name: str) -> str:
    """Where a program is; the test is skipped where it is not."""
    found = shutil.which(name, path=os.pathsep.join([str(PEERS / "bin"), os.environ["PATH"]]))
    return found or pytest.skip(f"no {name} here: `.ci/peers .peers` brings it")


def find_module(name: str) -> None:
    """Skip the test where a package of npm is not there."""
    if not (NODE_MODULES / name).is_dir():
        pytest.skip(f"no {name} from npm here: `.ci/peers .peers` brings it")


def foreign(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a program: nothing of this machine's, and Node finds the packages."""
    return environment({"NODE_PATH": str(NODE_MODULES), **(extra or {})})


class Program:
    """A program, started; what it says goes to a file in the folder.

    Args:
        folder: Where it runs.
        command: The program and its arguments. It takes a port that the system gives: they ask for port 0.
        extra: More environment variables.
    """

    def __init__(self, folder: Path, *command: str | Path, extra: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.name = Path(command[0]).name
        with (folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                env=foreign(extra),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # what it starts ends with it
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                os.killpg(self._process.pid, number)
                try:
                    self._process.wait(10)
                except subprocess.TimeoutExpired:
                    continue

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / f"{self.name}.log").read_text(encoding="utf-8", errors="replace")

    @property
    def url(self) -> str:
        """Where it answers, on loopback and nowhere else; waits until it does."""
        ports: list[int] = []

        def listens() -> bool:
            assert self._process.poll() is None, f"{self.name} ended:\n{self.log}"
            ports[:] = _ports(self._process.pid)
            return bool(ports)

        until(listens, 60)
        (port,) = ports
        return f"http://127.0.0.1:{port}"


def _ports(pid: int) -> list[int]:
    """On which ports a process listens, by what the system says: programs write theirs in many ways, or not at all."""
    held = {target for link in Path(f"/proc/{pid}/fd").iterdir() if (target := _target(link)).startswith("socket:")}
    ports = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == _LISTENS and f"socket:[{inode}]" in held:
                address, _, port = local.partition(":")
                assert address in _LOOPBACK, "it listens for other machines, too"
                ports.append(int(port, 16))
    return ports


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


def listens_anywhere() -> list[str]:
    """What Node is to be told so that a program's own port does not count."""
    return ["--require", str(Path(__file__).with_name("anywhere.cjs"))]
