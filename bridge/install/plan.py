"""What is to be done, decided from what is there: no step here touches anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.install.steps import Folder, InstallError, Keep, Remove, Run, SetAside, Step, Write, below
from bridge.install.unit import NAME, is_ours

if TYPE_CHECKING:
    from collections.abc import Sequence

UNIT = Path("/etc/systemd/system") / NAME
UNIT_ASIDE = UNIT.with_suffix(".service.bak")
DROP_INS = UNIT.with_suffix(".service.d")
WITH_THE_MACHINE = Path("/etc/systemd/system/multi-user.target.wants") / NAME
"""What `systemctl enable` makes."""

FOLDER = Path("/etc/wbiz-bridge")
CONFIG = FOLDER / "config.yaml"
API_KEY = FOLDER / "wbiztool-api-key"
SLACK_URL = FOLDER / "slack-url"
STATE = Path("/var/lib/wbiz-bridge")
STATE_PRIVATE = Path("/var/lib/private/wbiz-bridge")
"""Where systemd really keeps the state of a service whose user exists only while it runs; ``STATE`` is a link to it."""

_ALL = (UNIT, WITH_THE_MACHINE, DROP_INS, FOLDER, CONFIG, API_KEY, SLACK_URL, STATE, STATE_PRIVATE)


@dataclass(frozen=True, slots=True)
class Found:
    """What a system has: these paths, the ones among them with something in them, and the unit's text."""

    present: frozenset[Path] = frozenset()
    filled: frozenset[Path] = frozenset()
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What the operator has told. What is missing has to be put into its file later."""

    client_id: int | None = None
    api_key: str = field(default="", repr=False)
    slack_url: str = field(default="", repr=False)


def look(root: Path = Path("/")) -> Found:
    """See what a system has."""
    places = {path: below(root, path) for path in _ALL}
    present = frozenset(path for path, place in places.items() if place.exists() or place.is_symlink())
    filled = frozenset(path for path in present if places[path].is_file() and places[path].stat().st_size)
    unit = places[UNIT].read_text(encoding="utf-8", errors="replace") if UNIT in filled else None
    return Found(present, filled, unit)


def plan_unit(found: Found, unit: str, template: str, *, force: bool) -> list[Step]:
    """Decide what becomes of the unit file.

    Args:
        found: What is there.
        unit: The unit as it should be.
        template: The shipped unit, which somebody may have copied as it is.
        force: Replace one that was changed by hand.

    Raises:
        InstallError: It was changed by hand.
    """
    if found.unit == unit:
        return [Keep(UNIT, "as it should be")]
    write = Write(UNIT, unit)
    if found.unit is None or is_ours(found.unit, template):
        return [write]
    if not force:
        raise InstallError(
            f"{UNIT} was changed by hand, or written by another program; nothing was done. Put the changes into a "
            f"drop-in (systemctl edit wbiz-bridge), then come back with --force, which keeps it as {UNIT_ASIDE.name}."
        )
    return [SetAside(UNIT, UNIT_ASIDE), write]


def plan_install(found: Found, answers: Answers, unit: Sequence[Step], *, start: bool) -> list[Step]:
    """Decide what to do so that the service is installed, and what the operator has written stays.

    Args:
        found: What is there.
        answers: What the operator has told.
        unit: The steps for the unit file.
        start: Start it too.
    """
    steps: list[Step] = [] if FOLDER in found.present else [Folder(FOLDER)]
    steps.append(_config(found, answers))
    steps.append(_credential(found, API_KEY, answers.api_key))
    steps.append(_credential(found, SLACK_URL, answers.slack_url))
    steps += unit
    steps.append(Run(("systemctl", "daemon-reload")))
    if start:  # restart, not enable --now: the one that runs may be of an older version
        steps += [Run(("systemctl", "enable", NAME)), Run(("systemctl", "restart", NAME))]
    return steps


def gaps(found: Found, answers: Answers) -> list[str]:
    """List what the installed configuration lacks. One that was there before may need none of it: nobody knows."""
    if CONFIG in found.present:
        return []
    missing = []
    if answers.client_id is None:
        missing.append(f"your client id, in {CONFIG}")
    if API_KEY not in found.filled and not answers.api_key:
        missing.append(f"your WbizTool API key, and nothing else, in {API_KEY}")
    if SLACK_URL not in found.filled and not answers.slack_url:
        missing.append(f"the address of your Slack webhook, and nothing else, in {SLACK_URL}")
    return missing


def left_to_do(found: Found, gaps: Sequence[str], program: Path) -> list[str]:
    """List what the operator has to do until the service runs as it should."""
    ids = [] if CONFIG in found.present else [f"the ids of your messages, in {CONFIG}"]
    command = "restart" if WITH_THE_MACHINE in found.present else "enable --now"
    return [
        *(f"fill in {gap}" for gap in (*gaps, *ids)),
        f"is all of it right?  {program} check --online -c {CONFIG}",
        f"start it:  systemctl {command} wbiz-bridge",
    ]


def plan_uninstall(found: Found, *, template: str, purge: bool) -> list[Step]:
    """Decide what to do so that the service is gone. Its configuration and its state stay, unless ``purge``."""
    steps: list[Step] = []
    if UNIT in found.present:
        steps.append(Run(("systemctl", "disable", "--now", NAME)))
        theirs = found.unit is not None and not is_ours(found.unit, template)
        steps.append(SetAside(UNIT, UNIT_ASIDE) if theirs else Remove(UNIT))
        steps.append(Run(("systemctl", "daemon-reload")))
    for path, what in (
        (DROP_INS, "your changes of the unit"),
        (FOLDER, "configuration and keys"),
        (STATE, "history, and what is owed to receivers"),
        (STATE_PRIVATE, "likewise"),
    ):
        if path in found.present:
            steps.append(Remove(path, what) if purge else Keep(path, what))
    return steps


def _config(found: Found, answers: Answers) -> Step:
    if CONFIG in found.present:
        return Keep(CONFIG, "yours, as it is")
    skeleton = files("bridge.install").joinpath("config.yaml").read_text(encoding="utf-8")
    client_id = str(answers.client_id) if answers.client_id else "# put the number here, before the #"
    return Write(
        CONFIG, skeleton.replace("CLIENT_ID", client_id, 1), 0o644, "for you to fill in; everybody can read it"
    )


def _credential(found: Found, path: Path, value: str) -> Step:
    if path in found.filled:
        return Keep(path, "as it is")
    if value:
        return Write(path, f"{value}\n", 0o600, "readable for root only")
    if path in found.present:
        return Keep(path, "still empty")
    return Write(path, "", 0o600, "empty, and readable for root only")
