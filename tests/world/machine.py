"""A machine with a real systemd in it, on which the bridge is installed but not yet set up as a service.

It is no virtual machine: systemd runs as PID 1 in namespaces of its own, over a throw-away overlay of this machine's
files (machine.sh). Nothing that is written inside arrives outside, and nothing stays. The network is shared, so that
a simulator and receivers on loopback are reached from inside. What the bridge needs is in the machine's /opt:

* ``/opt/wbiz-bridge``: the virtual environment that ``pip install`` would have made, from the packages of this one,
* ``/opt/python``: its Python, which may live in a home folder that no service sees.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import bridge

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCRIPT = Path(__file__).with_name("machine.sh")
_PROGRAMS = ("bash", "unshare", "nsenter", "mount", "pivot_root", "systemctl", "journalctl")
_SYSTEMD = Path("/lib/systemd/systemd")
_BOOT = 30.0
_ENVIRONMENT = {"PATH": "/opt/wbiz-bridge/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}
_PARTS = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1"/upper "$1"/work "$1"/root "$1"/cgroup
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1"/root
mount -t cgroup2 cgroup2 "$1"/cgroup
mkdir "$1"/cgroup/wbiz-bridge-machine-$$
rmdir "$1"/cgroup/wbiz-bridge-machine-$$
"""
"""What machine.sh needs and not every root may do, in a container say."""


def what_is_missing() -> str | None:
    """Say why no machine can be had here; None if one can."""
    if os.geteuid() != 0:
        return "only root can boot a machine"
    for program in _PROGRAMS:
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if not _SYSTEMD.exists():
        return "systemd is not installed"
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run(
            ["unshare", "--mount", "--cgroup", "bash", "-c", _PARTS, "bash", folder],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    return None if tried.returncode == 0 else f"no namespaces, overlays or cgroups of one's own: {tried.stderr.strip()}"


class Machine:
    """A running machine.

    Args:
        folder: An empty one, for what the machine is made of; its own files are in memory.
    """

    def __init__(self, folder: Path) -> None:
        install(folder / "opt")
        self._log = (folder / "boot.log").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            ["unshare", "--mount", str(_SCRIPT), str(folder), sysconfig.get_path("purelib"), sys.base_prefix],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_ENVIRONMENT,
            text=True,
        )
        try:
            self._init = self._wait_for_init()
            self._wait_for_boot()
        except BaseException:
            self.stop()
            raise

    def run(
        self, command: Sequence[str], *, check: bool = True, stdin: str = "", timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root, to its end; one that fails is an error unless ``check`` is false."""
        done = subprocess.run(
            ["nsenter", f"--target={self._init}", "--all", "--", *command],
            env=_ENVIRONMENT,
            cwd="/",
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file inside, and the folders on the way to it."""
        self.run(["install", "-D", f"--mode={mode:o}", "/dev/stdin", path], stdin=text)

    def stop(self) -> None:
        """End it, and everything in it, at once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_for_init(self) -> int:
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], _BOOT)
        line = self._process.stdout.readline() if readable else ""
        if not line.strip():
            raise AssertionError(f"no machine could be made:\n{self._boot_log()}")
        return int(line)

    def _wait_for_boot(self) -> None:
        deadline = time.monotonic() + _BOOT
        while self.run(["systemctl", "is-active", "--quiet", "basic.target"], check=False).returncode:
            if time.monotonic() > deadline:
                raise AssertionError(f"the machine did not boot:\n{self._boot_log()}")
            time.sleep(0.1)

    def _boot_log(self) -> str:
        self._log.seek(0)
        return self._log.read()


def install(opt: Path) -> None:
    """Make what ``python3 -m venv /opt/wbiz-bridge`` and ``pip install`` make, without asking an index."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    home = opt / "wbiz-bridge"
    (home / "bin").mkdir(parents=True)
    (home / "pyvenv.cfg").write_text("home = /opt/python/bin\n", encoding="utf-8")
    (home / "bin" / "python").symlink_to(f"/opt/python/bin/{version}")
    program = home / "bin" / "wbiz-bridge"
    program.write_text(
        "#!/opt/wbiz-bridge/bin/python\nfrom bridge.__main__ import main\n\nmain()\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    # A copy, not a link: links to files become files, as in a wheel.
    shutil.copytree(Path(bridge.__file__).parent, home / "lib" / version / "site-packages" / "bridge")
