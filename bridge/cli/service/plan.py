"""What is to be done, decided from what is there: no step here touches anything."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.service.actions import Folder, InstallError, Keep, Remove, Run, SetAside, Step, Write, below
from bridge.cli.service.paths import CONFIG, FOLDER, Layout
from bridge.cli.service.unit_file import is_ours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIRST_PORT = 8095
"""Where a bridge answers over HTTP whose configuration does not say."""

_PORT = re.compile(r":(\d{2,5})\b")


@dataclass(frozen=True, slots=True)
class Found:
    """What a system has: these paths, the ones among them with something in them, and the unit's text.

    ``others`` are the configurations of other accounts that have an instance of their own, by its name; ``shares`` says
    whether there is anything else beside an instance's folder.
    """

    present: frozenset[Path] = frozenset()
    filled: frozenset[Path] = frozenset()
    unit: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    shares: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """What the operator has answered. What is missing has to be put into its file later."""

    client_id: int | None = None
    api_key: str = field(default="", repr=False)
    slack_url: str = field(default="", repr=False)


def look(layout: Layout, root: Path = Path("/")) -> Found:
    """See what a system has."""
    places = {path: below(root, path) for path in layout.all}
    present = frozenset(path for path, place in places.items() if place.exists() or place.is_symlink())
    filled = frozenset(path for path in present if places[path].is_file() and places[path].stat().st_size)
    unit = _text(places[layout.unit]) if layout.unit in filled else None
    configs = {file.parent.name: file for file in below(root, FOLDER).glob(f"*/{CONFIG}")}
    others = {name: _text(file) for name, file in configs.items() if name != layout.instance}
    beside = {file.name for file in below(root, FOLDER).glob("*")} - {layout.instance}
    return Found(present, filled, unit, others, bool(beside))


def plan_unit(layout: Layout, found: Found, unit: str, template: str, *, force: bool) -> list[Step]:
    """Decide what becomes of the unit file.

    Args:
        layout: Where it is.
        found: What is there.
        unit: The unit as it should be.
        template: The shipped unit, which somebody may have copied as it is.
        force: Replace one that was changed by hand.

    Raises:
        InstallError: It was changed by hand.
    """
    if found.unit == unit:
        return [Keep(layout.unit, "as it should be")]
    write = Write(layout.unit, unit)
    if found.unit is None or is_ours(found.unit, template):
        return [write]
    if not force:
        raise InstallError(
            f"{layout.unit} was changed by hand, or written by another program; nothing was done. Put the changes into "
            f"a drop-in (systemctl edit {layout.service}), then come back with --force, which keeps it as "
            f"{layout.unit_aside.name}."
        )
    return [SetAside(layout.unit, layout.unit_aside), write]


def plan_install(layout: Layout, found: Found, answers: Answers, unit: Sequence[Step]) -> list[Step]:
    """Decide what to do so that the service is installed, and what the operator has written stays.

    Args:
        layout: Where it is to be.
        found: What is there.
        answers: What the operator has answered.
        unit: The steps for the unit file.
    """
    steps: list[Step] = [] if layout.folder in found.present else [Folder(layout.folder)]
    steps.append(_config(layout, found, answers))
    steps.append(_credential(found, layout.api_key, answers.api_key))
    steps.append(_credential(found, layout.slack_url, answers.slack_url))
    steps += unit
    steps.append(Run(("systemctl", "daemon-reload")))
    return steps


def plan_start(layout: Layout) -> list[Step]:
    """Decide what to do so that it runs: a restart, for the one that runs may be of an older version."""
    return [Run(("systemctl", "enable", layout.service)), Run(("systemctl", "restart", layout.service))]


def gaps(layout: Layout, found: Found, answers: Answers) -> list[str]:
    """List what a new configuration lacks. One that was there before may need none of it: it is checked."""
    if layout.config in found.present:
        return []
    missing = []
    if answers.client_id is None:
        missing.append(f"your client id, in {layout.config}")
    if layout.api_key not in found.filled and not answers.api_key:
        missing.append(f"your WbizTool API key, and nothing else, in {layout.api_key}")
    if layout.slack_url not in found.filled and not answers.slack_url:
        missing.append(f"the address of your Slack webhook, and nothing else, in {layout.slack_url}")
    return missing


def left_to_do(layout: Layout, found: Found, gaps: Sequence[str], faults: Sequence[str], program: Path) -> list[str]:
    """List what the operator has to do until the service runs as it should.

    Args:
        layout: Where it is.
        found: What was there before.
        gaps: What is to be filled in.
        faults: What else is wrong with the configuration.
        program: The command.
    """
    command = "restart" if layout.with_the_machine in found.present else "enable --now"
    return [
        *(f"fill in {gap}" for gap in gaps),
        *(f"fix {fault}" for fault in faults),
        f"is all of it right?  {program} check --online -c {layout.config}",
        f"start it:  systemctl {command} {layout.service}",
    ]


def plan_uninstall(layout: Layout, found: Found, *, template: str, purge: bool) -> list[Step]:
    """Decide what to do so that the service is gone. Its configuration and its state stay, unless ``purge``.

    The unit file of several accounts goes with the last of them.

    Raises:
        InstallError: What is to be purged holds the configuration of other accounts.
    """
    if purge and layout.instance is None and found.others:
        named = ", ".join(f"--instance {name}" for name in sorted(found.others))
        raise InstallError(
            f"{FOLDER} holds the configuration of other accounts, too: purge these first ({named}); nothing was done"
        )
    steps: list[Step] = []
    shared = layout.instance is not None and bool(found.others)
    there = layout.instance is None or not found.present.isdisjoint({layout.folder, layout.with_the_machine})
    if layout.unit in found.present and (there or not shared):
        steps.append(Run(("systemctl", "disable", "--now", layout.service)))
        if shared:
            steps.append(Keep(layout.unit, f"for {', '.join(sorted(found.others))}"))
        else:
            theirs = found.unit is not None and not is_ours(found.unit, template) and not purge
            steps.append(SetAside(layout.unit, layout.unit_aside) if theirs else Remove(layout.unit))
        steps.append(Run(("systemctl", "daemon-reload")))
    yours = {
        layout.drop_ins: "your changes of the unit",
        layout.folder: "configuration and keys",
        layout.state: "history, and what is queued for receivers",
        layout.state_private: "the same",
    }
    if not shared:
        yours = {layout.shared_drop_ins: "your changes of the unit"} | yours
    for path, what in yours.items():
        if path in found.present:
            steps.append(Remove(path, what) if purge else Keep(path, what))
    if purge and not shared:
        steps += [Remove(path) for path in _nobodys(layout, found)]
    return steps


def _nobodys(layout: Layout, found: Found) -> list[Path]:
    """List what is left of the last service."""
    left = [layout.unit_aside, layout.credentials_view]
    if layout.instance is not None and not found.shares:
        left.append(FOLDER)
    return [path for path in left if path in found.present]


def _config(layout: Layout, found: Found, answers: Answers) -> Step:
    if layout.config in found.present:
        return Keep(layout.config, "yours, as it is")
    skeleton = files("bridge.cli.service").joinpath("config.yaml").read_text(encoding="utf-8")
    client_id = str(answers.client_id) if answers.client_id else "# put the number here, before the #"
    text = skeleton.replace("CLIENT_ID", client_id, 1)
    if layout.instance is not None:
        text = text.replace(str(FOLDER), str(layout.folder)) + _HTTP.format(port=_free_port(found))
    return Write(layout.config, text, 0o644, "for you to fill in; everybody can read it")


_HTTP = """
# Health and metrics: http://127.0.0.1:{port}/health and /metrics. Each bridge of this machine needs a port of its own.
http:
  listen: 127.0.0.1:{port}
"""


def _free_port(found: Found) -> int:
    """Choose a port that no other account's configuration names."""
    taken = {int(port) for text in found.others.values() for port in _PORT.findall(text)}
    return next(port for port in count(FIRST_PORT + 1) if port not in taken)


def _credential(found: Found, path: Path, value: str) -> Step:
    if path in found.filled:
        return Keep(path, "as it is")
    if value:
        return Write(path, f"{value}\n", 0o600, "readable for root only")
    if path in found.present:
        return Keep(path, "still empty")
    return Write(path, "", 0o600, "empty, and readable for root only")


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
