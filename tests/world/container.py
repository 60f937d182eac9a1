"""A container as an engine makes it of deploy/Dockerfile's image, without an engine and without a build.

Namespaces, mounts and rights are real (container.sh). What stands in for the image is this machine's system,
read-only, with the bridge in /opt. The network is shared, so that a simulator and receivers on loopback are reached.
Configuration and secrets are mounted as the kubelet does it: each change is a new folder, and a link that is exchanged.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.world.deploy import image
from tests.world.machine import install
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCRIPT = Path(__file__).with_name("container.sh")
_NAMESPACES = ("--mount", "--uts", "--ipc", "--cgroup", "--pid")
_RIGHTS = ("--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")
_START = 30.0


def what_is_missing() -> str | None:
    """Say why no container can be made here; None if one can."""
    if os.geteuid() != 0:
        return "only root can make a container"
    for program in ("bash", "unshare", "nsenter", "setpriv", "mount", "pivot_root"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    with tempfile.TemporaryDirectory() as folder:
        mounts = f"mount -t tmpfs tmpfs {folder} && mkdir {folder}/a {folder}/b {folder}/c && "
        mounts += f"mount -t overlay -o lowerdir={folder}/a:{folder}/b overlay {folder}/c"
        tried = ["unshare", *_NAMESPACES, "--fork", "bash", "-c", mounts]
        done = subprocess.run(tried, capture_output=True, text=True, check=False, timeout=20)
    return None if done.returncode == 0 else f"no namespaces or overlays of one's own: {done.stderr.strip()}"


class Mounted:
    """A ConfigMap or a Secret, as the kubelet keeps it in a folder.

    Args:
        folder: An empty one.
        mode: Of each file. Its group is the container's, as with ``fsGroup``.
    """

    def __init__(self, folder: Path, mode: int) -> None:
        self._folder = folder
        self._mode = mode
        self._count = 0
        folder.mkdir()

    def write(self, files: Mapping[str, str]) -> None:
        """Exchange all files at once."""
        self._count += 1
        new = self._folder / f"..2026_11_28_{self._count}"
        new.mkdir()
        for name, text in files.items():
            (new / name).write_text(text, encoding="utf-8")
            os.chown(new / name, 0, _group())
            (new / name).chmod(self._mode)
        data, next_ = self._folder / "..data", self._folder / "..data_tmp"
        old = data.resolve() if data.is_symlink() else None
        next_.symlink_to(new.name)
        next_.rename(data)
        for name in files:
            if not (self._folder / name).is_symlink():
                (self._folder / name).symlink_to(f"..data/{name}")
        if old is not None:
            shutil.rmtree(old)


class Container:
    """A container that can be started, and once stopped, started again.

    Args:
        folder: An empty one, for what it is made of.
        tini: Where that program is.
    """

    def __init__(self, folder: Path, tini: Path) -> None:
        self._folder = folder
        self._image = image()
        self._log = folder / "container.log"
        self._process: subprocess.Popen[str] | None = None
        self.pid = 0
        install(folder / "opt")
        shutil.copy(tini, folder / "tini")
        self.config = Mounted(folder / "config", 0o644)
        self.secrets = Mounted(folder / "secrets", 0o440)
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        os.chown(self.data, _group(), _group())

    def start(self, *command: str, tmp: bool = True) -> None:
        """Start it; *command* in place of the image's, and where *tmp* is false, without a ``/tmp`` to write in."""
        uid, _, _ = self._image.user.partition(":")
        environment = ["env", "--ignore-environment", *(f"{k}={v}" for k, v in self._image.environment.items())]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("unshare", *_NAMESPACES, "--fork", "--kill-child=KILL", str(_SCRIPT), str(self._folder)),
                    *(sysconfig.get_path("purelib"), sys.base_prefix, uid, "yes" if tmp else "no"),
                    *environment,
                    *(command or self._image.command),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], _START)
        line = self._process.stdout.readline() if readable else ""
        assert line.strip(), f"no container could be made:\n{self.log()}"
        self.pid = int(line)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as `docker exec` does."""
        uid, _, _ = self._image.user.partition(":")
        inside = ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--cgroup", "--pid", "--"]
        rights = ["setpriv", f"--reuid={uid}", f"--regid={uid}", *_RIGHTS]
        environment = ["env", "--ignore-environment", *(f"{k}={v}" for k, v in self._image.environment.items())]
        done = subprocess.run(
            [*inside, *rights, *environment, *command], capture_output=True, text=True, timeout=60, check=False, cwd="/"
        )
        if check and done.returncode:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def stop(self) -> tuple[int, float]:
        """End it as an engine does, with SIGTERM to PID 1; its exit code, and how long it took."""
        assert self._process is not None
        started = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        return self.wait(), time.monotonic() - started

    def wait(self) -> int:
        """Wait for its end; its exit code."""
        assert self._process is not None
        assert self._process.stdout is not None
        code = self._process.wait(60)
        self._process.stdout.close()
        return code

    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log about an event."""
        whole, _, _ = self.log().rpartition("\n")
        found = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """Wait until it has logged that so often, and give the latest line."""
        assert self._process is not None
        process = self._process
        until(lambda: len(self.lines(event)) >= count or process.poll() is not None, 30)
        found = self.lines(event)
        assert len(found) >= count, self.log()
        return found[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self.wait()


def _group() -> int:
    _, _, group = image().user.partition(":")
    return int(group)
