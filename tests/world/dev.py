"""``wbiz-bridge dev`` as a subprocess, with a runtime folder of its own, and ``trigger`` beside it."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any, Self

from bridge.__main__ import main
from tests.world import warm
from tests.world.daemon import command, environment
from tests.world.waiting import until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path


def at(folder: Path) -> dict[str, str]:
    """The environment of commands whose `dev` is the one in this folder."""
    return {"XDG_RUNTIME_DIR": str(folder / "run")}


class Dev:
    """One that runs; what it shows goes to ``dev.out`` in the folder.

    Args:
        folder: For its files.
        forward_to: Its receiver.
        options: More of its command line.
        extra: More environment variables.
        as_json: Let it show lines of JSON.
    """

    def __init__(
        self,
        folder: Path,
        forward_to: str,
        *options: str,
        extra: Mapping[str, str] | None = None,
        as_json: bool = True,
    ) -> None:
        self.folder = folder
        arguments = ["dev", "--forward-to", forward_to, *(["--json"] if as_json else []), *options]
        with (folder / "dev.out").open("wb") as output, (folder / "dev.err").open("wb") as errors:
            self.process = warm.start(
                main,
                arguments=arguments,
                folder=folder,
                environment=environment({**at(folder), **(extra or {})}),
                output=output.fileno(),
                errors=errors.fileno(),
            )

    def __enter__(self) -> Self:
        until(lambda: (self.folder / "run/wbiz-bridge/dev/dev.json").exists() and self.shown, 40)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(30)

    @property
    def shown(self) -> str:
        """What it has shown."""
        return (self.folder / "dev.out").read_text(encoding="utf-8")

    @property
    def warned(self) -> str:
        """What it has said beside that."""
        return (self.folder / "dev.err").read_text(encoding="utf-8")

    @property
    def ready(self) -> dict[str, Any]:
        """Its first line: the secret, and where it is."""
        return self._lines()[0]

    @property
    def posts(self) -> list[dict[str, Any]]:
        """The others: each POST and its answer."""
        return self._lines()[1:]

    def trigger(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Make something happen."""
        return command(self.folder, "trigger", *arguments, extra=at(self.folder))

    def ends(self) -> int:
        """Press Ctrl-C; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def _lines(self) -> list[dict[str, Any]]:
        whole, _, _ = self.shown.rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]
